import { ResourceGraphClient } from "@azure/arm-resourcegraph";
import { credential, options, show, subscription } from "./client.mjs";

const client = new ResourceGraphClient(credential, options);
const { totalRecords, data } = await client.resources({ subscriptions: [subscription], query: "ResourceContainers | where type =~ 'microsoft.resources/subscriptions' | project subscriptionId" });
show({ totalRecords, data });
