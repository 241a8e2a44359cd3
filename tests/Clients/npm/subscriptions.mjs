import { SubscriptionClient } from "@azure/arm-resources-subscriptions";
import { all, credential, options, show, subscription } from "./client.mjs";

const client = new SubscriptionClient(credential, options);
const { displayName, state } = await client.subscriptions.get(subscription);
show({
    tenants: (await all(client.tenants.list())).map((tenant) => tenant.tenantId),
    subscriptions: (await all(client.subscriptions.list())).map((found) => found.subscriptionId),
    subscription: { displayName, state },
    locations: (await all(client.subscriptions.listLocations(subscription))).map((location) => location.name),
});
