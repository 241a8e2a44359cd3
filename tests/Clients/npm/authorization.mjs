import { randomUUID } from "node:crypto";
import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { all, credential, options, refusal, scope, show, subscription } from "./client.mjs";

const client = new AuthorizationManagementClient(credential, subscription, options);
const [principalId, name] = [randomUUID(), randomUUID()];

const [reader] = await all(client.roleDefinitions.list(scope, { filter: "roleName eq 'Reader'" }));
const made = await client.roleAssignments.create(scope, name, { roleDefinitionId: reader.id, principalId, principalType: "ServicePrincipal" });
const twice = await refusal(client.roleAssignments.create(scope, randomUUID(), { roleDefinitionId: reader.id, principalId, principalType: "ServicePrincipal" }));
const found = (await all(client.roleAssignments.listForScope(scope, { filter: `principalId eq '${principalId}'` }))).map((assignment) => assignment.name);
await client.roleAssignments.delete(scope, name);
const deleted = await refusal(client.roleAssignments.get(scope, name));
const custom = await client.roleDefinitions.createOrUpdate(scope, randomUUID(), {
    roleName: "Machine rebooter",
    description: "May restart machines.",
    roleType: "CustomRole",
    permissions: [{ actions: ["ControlPlane.BareMetal/bareMetalMachines/*/action"], notActions: [] }],
    assignableScopes: [scope],
});
await client.roleDefinitions.delete(scope, custom.name);
show({ reader: reader.roleName, scope: made.scope, mine: made.name === name, twice, found: found.length === 1 && found[0] === name, deleted, custom: custom.roleName });
