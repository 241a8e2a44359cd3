// resources.mjs MACHINE_FILE
import { readFileSync } from "node:fs";
import { ResourceManagementClient } from "@azure/arm-resources";
import { all, credential, options, refusal, scope, show, subscription } from "./client.mjs";

const client = new ResourceManagementClient(credential, subscription, options);
const [group, version] = ["npm-resources", "2026-06-01"];
const id = `${scope}/resourceGroups/${group}/providers/ControlPlane.BareMetal/bareMetalMachines/m1`;
const answer = {};

answer.group = (await client.resourceGroups.createOrUpdate(group, { location: "westeurope", tags: { env: "dev" } })).properties.provisioningState;
answer.exists = (await client.resourceGroups.checkExistence(group)).body;
answer.missing = (await client.resourceGroups.checkExistence("npm-nobody")).body;
answer.updated = (await client.resourceGroups.update(group, { tags: { env: "prod" } })).tags;
answer.groups = (await all(client.resourceGroups.list())).map((found) => found.name);

answer.machine = (await client.resources.createOrUpdateById(id, version, JSON.parse(readFileSync(process.argv[2], "utf8")))).properties.provisioningState;
answer.patched = (await client.resources.updateById(id, version, { properties: { nodeLabels: { tier: "gold" } } })).properties.nodeLabels;
answer.listed = (await all(client.resources.listByResourceGroup(group))).map((found) => found.name);
answer.tags = (await client.tagsOperations.createOrUpdateAtScope(id, { properties: { tags: { rack: "r1" } } })).properties.tags;
answer.merged = (await client.tagsOperations.updateAtScope(id, { operation: "Merge", properties: { tags: { row: "7" } } })).properties.tags;
await client.tagsOperations.deleteAtScope(id);
answer.untagged = (await client.tagsOperations.getAtScope(id)).properties.tags ?? {};
await client.resources.deleteById(id, version);
answer.deleted = await refusal(client.resources.getById(id, version));

answer.registered = (await client.providers.register("ControlPlane.BareMetal")).registrationState;
answer.providers = (await all(client.providers.list())).map((provider) => provider.namespace);

await client.resourceGroups.delete(group);
answer.groupDeleted = await refusal(client.resourceGroups.get(group));
show(answer);
