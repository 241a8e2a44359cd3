import { ContainerServiceFleetClient } from "@azure/arm-containerservicefleet";
import { all, credential, options, refusal, show, subscription } from "./client.mjs";

const client = new ContainerServiceFleetClient(credential, subscription, options);
const [group, image, ...clusters] = process.argv.slice(2);
const name = "npm";

const fleet = await client.fleets.create(group, name, { location: "westeurope", tags: { made: "by npm" } });
await client.fleets.updateAsync(group, name, { tags: { changed: "by npm" } });
const members = [];
for (const [at, clusterResourceId] of clusters.entries()) {
    const member = await client.fleetMembers.create(group, name, `member-${at}`, { properties: { clusterResourceId, group: at === 0 ? "canary" : "rest" } });
    members.push(member.properties.provisioningState);
}
const moved = await client.fleetMembers.updateAsync(group, name, "member-0", { properties: { group: "first" } });
const stages = (waits) => [{ name: "first", groups: [{ name: "first" }], afterStageWaitInSeconds: waits }, { name: "second", groups: [{ name: "rest" }] }];
const strategy = await client.fleetUpdateStrategies.createOrUpdate(group, name, "safe", { properties: { strategy: { stages: stages(0) } } });
const managedClusterUpdate = { upgrade: { type: "NodeImageOnly" }, nodeImageSelection: { type: "Custom", customNodeImageVersions: [{ version: image }] } };

const written = await client.updateRuns.createOrUpdate(group, name, "patch", { properties: { updateStrategyId: strategy.id, managedClusterUpdate } });
const started = await client.updateRuns.start(group, name, "patch");
const run = await until("patch", (state) => state === "Completed");
const again = await refusal(client.updateRuns.start(group, name, "patch"));

await client.updateRuns.createOrUpdate(group, name, "waits", { properties: { strategy: { stages: stages(86400) }, managedClusterUpdate } });
await client.updateRuns.start(group, name, "waits");
const stopping = await client.updateRuns.stop(group, name, "waits");
const stopped = await until("waits", (state) => state === "Stopped");
const skipped = await client.updateRuns.skip(group, name, "waits", { targets: [{ type: "AfterStageWait", name: "first" }] });
await client.updateRuns.start(group, name, "waits");
const ended = await until("waits", (state) => state === "Completed");

const listed = {
    fleets: (await all(client.fleets.listByResourceGroup(group))).map((one) => one.name).filter((one) => one === name),
    members: (await all(client.fleetMembers.listByFleet(group, name))).map((one) => one.name),
    strategies: (await all(client.fleetUpdateStrategies.listByFleet(group, name))).map((one) => one.name),
    runs: (await all(client.updateRuns.listByFleet(group, name))).map((one) => one.name),
};
await client.updateRuns.delete(group, name, "waits");
const gone = await refusal(client.updateRuns.get(group, name, "waits"));
await client.fleetUpdateStrategies.delete(group, name, "safe");
await client.fleetMembers.delete(group, name, "member-1");
await client.fleets.delete(group, name);
show({
    fleet: fleet.properties.provisioningState, members, moved: moved.properties.group, written: written.properties.status.status.state, started: typeof started.properties.status.status.state,
    run: tree(run), again, stopping: typeof stopping.properties.status.status.state, stopped: stopped.properties.status.status.state, wait: skipped.properties.status.stages[0].afterStageWaitStatus.status.state,
    ended: tree(ended), listed, gone, deleted: await refusal(client.fleets.get(group, name)),
});

async function until(run, isReached) {
    for (let looks = 0; looks < 600; looks++) {
        const seen = await client.updateRuns.get(group, name, run);
        if (isReached(seen.properties.status.status.state)) return seen;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`The run ${run} stands still.`);
}

function tree(run) {
    return run.properties.status.stages.map((stage) => `${stage.name} ${stage.status.state}: ${stage.groups.flatMap((group) => group.members.map((member) => `${member.name} ${member.status.state}`)).join(", ")}`);
}
