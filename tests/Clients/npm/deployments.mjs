// deployments.mjs MACHINES_FILE: its machines become a template, one after the other
import { readFileSync } from "node:fs";
import { DeploymentsClient } from "@azure/arm-resourcesdeployments";
import { ResourceManagementClient } from "@azure/arm-resources";
import { all, credential, options, refusal, show, subscription } from "./client.mjs";

const { resourceGroups } = new ResourceManagementClient(credential, subscription, options);
const { deployments, deploymentOperations } = new DeploymentsClient(credential, subscription, options);
const machines = JSON.parse(readFileSync(process.argv[2], "utf8"));
const group = "npm-deployments";
const properties = {
    mode: "Incremental",
    parameters: { machines: { value: machines } },
    template: {
        $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        contentVersion: "1.0.0.0",
        parameters: { machines: { type: "array" } },
        resources: [
            {
                type: "ControlPlane.BareMetal/bareMetalMachines",
                apiVersion: "2026-06-01",
                name: "[format('m{0}', copyIndex(1))]",
                location: "[resourceGroup().location]",
                copy: { name: "machines", count: "[length(parameters('machines'))]" },
                properties: "[parameters('machines')[copyIndex()]]",
            },
        ],
        outputs: { first: { type: "string", value: "[resourceId('ControlPlane.BareMetal/bareMetalMachines', 'm1')]" } },
    },
};
const answer = {};

await resourceGroups.createOrUpdate(group, { location: "westeurope" });
answer.valid = (await deployments.validate(group, "site", { properties })).error ?? null;
answer.foreseen = (await deployments.whatIf(group, "site", { properties })).changes.map((change) => change.changeType);
const done = await deployments.createOrUpdate(group, "site", { properties });
answer.deployed = done.properties.provisioningState;
answer.output = done.properties.outputs.first.value;
answer.exists = (await deployments.checkExistence(group, "site")).body;
answer.listed = (await all(deployments.listByResourceGroup(group))).map((deployment) => deployment.name);
answer.operations = (await all(deploymentOperations.list(group, "site"))).map((operation) => operation.properties.provisioningState);
answer.cancel = await refusal(deployments.cancel(group, "site"));
answer.template = Object.keys((await deployments.exportTemplate(group, "site")).template);
await deployments.delete(group, "site");
answer.deleted = await refusal(deployments.get(group, "site"));
await resourceGroups.delete(group);
show(answer);
