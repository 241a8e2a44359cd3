import { ConnectedKubernetesClient } from "@azure/arm-hybridkubernetes";
import { ResourceManagementClient } from "@azure/arm-resources";
import { all, credential, options, refusal, show, subscription } from "./client.mjs";

const { resourceGroups } = new ResourceManagementClient(credential, subscription, options);
const { connectedClusterOperations: clusters } = new ConnectedKubernetesClient(credential, subscription, options);
const group = "npm-hybrid";
const answer = {};

await resourceGroups.createOrUpdate(group, { location: "westeurope" });
const created = await clusters.beginCreateAndWait(group, "edge-1", {
    location: "westeurope", identity: { type: "SystemAssigned" }, agentPublicKeyCertificate: "MIICYzCCAcygAwIBAgIBADANBgkqhkiG", distribution: "k3s", infrastructure: "generic",
});
answer.created = [created.provisioningState, created.distribution, created.infrastructure];
const found = await clusters.get(group, "edge-1");
answer.found = [found.name, found.connectivityStatus];
answer.tags = (await clusters.update(group, "edge-1", { tags: { site: "42" } })).tags;
answer.listed = (await all(clusters.listByResourceGroup(group))).map((cluster) => cluster.name);
answer.everywhere = (await all(clusters.listBySubscription())).map((cluster) => cluster.name).includes("edge-1");
await clusters.beginDeleteAndWait(group, "edge-1");
answer.deleted = await refusal(clusters.get(group, "edge-1"));
await resourceGroups.delete(group);
show(answer);
