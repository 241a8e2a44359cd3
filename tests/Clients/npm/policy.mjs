import { PolicyClient } from "@azure/arm-policy";
import { ResourceManagementClient } from "@azure/arm-resources";
import { all, credential, options, refusal, scope, show, subscription } from "./client.mjs";

const client = new ResourceManagementClient(credential, subscription, options);
const policy = new PolicyClient(credential, subscription, options);
const [group, name] = ["npm-policy", "npm-no-west"];
const groupId = `${scope}/resourceGroups/${group}`;

await client.resourceGroups.createOrUpdate(group, { location: "westeurope" });
const definition = await policy.policyDefinitions.createOrUpdate(name, {
    policyType: "Custom",
    mode: "All",
    policyRule: { if: { field: "location", equals: "westus" }, then: { effect: "deny" } },
});
await policy.policyAssignments.create(groupId, name, { policyDefinitionId: definition.id });
const image = { location: "westus", properties: { version: "1", url: "https://127.0.0.1:1/x", sha256: "a".repeat(64), sizeBytes: 1 } };
const refused = await refusal(client.resources.createOrUpdateById(`${groupId}/providers/ControlPlane.BareMetal/osImages/i`, "2026-06-01", image));
const assignments = (await all(policy.policyAssignments.listForResourceGroup(group))).map((assignment) => assignment.name);
await policy.policyAssignments.delete(groupId, name);
await policy.policyDefinitions.delete(name);
await client.resourceGroups.delete(group);
show({ assignments, refused });
