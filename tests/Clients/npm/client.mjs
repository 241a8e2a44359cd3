// What every script needs: who it is, where the control plane is, and lists read to their end.
import { ClientSecretCredential } from "@azure/identity";

const { ENDPOINT, TENANT, CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION } = process.env;

export const subscription = SUBSCRIPTION;
export const scope = `/subscriptions/${SUBSCRIPTION}`;
export const options = { endpoint: ENDPOINT };
export const credential = new ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, { authorityHost: ENDPOINT, disableInstanceDiscovery: true });

export async function all(pages) {
    const items = [];
    for await (const item of pages) items.push(item);
    return items;
}

/** The code of the error that a request must end with. */
export async function refusal(request) {
    try {
        await request;
    } catch (error) {
        return error.code;
    }
    throw new Error("It was not refused.");
}

export const show = (answer) => console.log(JSON.stringify(answer));
