using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Update runs go through a fleet stage by stage, wait at gates, and leave out what is skipped or cannot be reached.</summary>
[Collection(FleetSuite.Name)]
public sealed class UpdateRunTests(ControlPlaneFixture plane)
{
    private const string Kind = "AKSUbuntu-2204gen2containerd";
    private const string Newer = Kind + "-202602.10.0";

    [Fact]
    public async Task A_node_image_goes_through_the_stages_of_the_strategy_as_it_was_when_the_run_was_written()
    {
        await using var site = await StartAsync(4, new() { Nodes = 2 }, "canary", "east", "west", "west");
        await site.StrategyAsync("safe", Stage("canary", "canary"), Stage("rest", "east", "west"));
        await site.RunAsync("patch", new() { ["updateStrategyId"] = site.Strategy("safe"), ["managedClusterUpdate"] = Image(Newer) });
        await site.StrategyAsync("safe", Stage("all", "canary", "east", "west"));
        var written = await site.SeenAsync("patch", seen => seen.State == "NotStarted", "nothing starts by itself");
        Assert.Equal(["canary", "rest"], written.Stages);

        await site.ActAsync("patch", "start");
        var ended = await site.SeenAsync("patch", seen => seen.State == "Completed", "it ends");

        Assert.Equal(["Completed canary: store-0001 Completed", "Completed rest: store-0002 Completed, store-0003 Completed, store-0004 Completed"], ended.Tree);
        Assert.True(ended.Time("canary", "completedTime") <= ended.Time("rest", "startTime"), "The second stage follows the first.");
        Assert.Equal([Newer], ended.Images);
        foreach (var cluster in site.Clusters.Ready.Clusters)
            Assert.All(site.Nodes(cluster.Name), node => Assert.Equal(Newer, node["metadata"]!["labels"]!["kubernetes.azure.com/node-image-version"]!.ToString()));
        (await site.Arm.PostAsync($"{site.Run("patch")}/start")).Is(409, "UpdateRunCannotStart");
        (await site.Arm.PostAsync($"{site.Run("patch")}/stop")).Is(409, "UpdateRunCannotStop");

        await site.DoneAsync((await site.Arm.DeleteAsync(site.Fleet)).Is(202));
        (await site.Arm.GetAsync(site.Strategy("safe"))).Is(404);
    }

    [Fact]
    public async Task Without_a_strategy_all_members_are_updated_one_by_one_to_the_newest_image_that_is_known()
    {
        await using var site = await StartAsync(3, new(), "", "", "");
        await site.Plane.Database.ExecuteAsync("""
            insert into cluster_inventories (cluster_key, node_images, add_ons, node_count, ready_node_count, core_count, memory_bytes, allocatable_milli_cpu, allocatable_memory_bytes, attempts, agent_epoch)
            values ($1, jsonb_build_object($2::text, 1), '{}', 1, 1, 4, 1, 0, 0, 0, 0)
            on conflict (cluster_key) do update set node_images = excluded.node_images
            """, site.Cluster("store-0001").ToLowerInvariant(), Newer);
        await site.RunAsync("latest", new() { ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "NodeImageOnly" }, ["nodeImageSelection"] = new JsonObject { ["type"] = "Consistent" } } });
        await site.ActAsync("latest", "start");
        var ended = await site.SeenAsync("latest", seen => seen.State == "Completed", "it ends");
        Assert.Equal(["Completed default: store-0001 Completed, store-0002 Completed, store-0003 Completed"], ended.Tree);
        var times = ended.Members.Select(member => (Start: member.GetProperty("status").GetProperty("startTime").GetDateTimeOffset(), End: member.GetProperty("status").GetProperty("completedTime").GetDateTimeOffset())).ToList();
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start, "Two were updated at once."));
        Assert.All(site.Nodes("store-0003"), node => Assert.Equal(Newer, node["metadata"]!["labels"]!["kubernetes.azure.com/node-image-version"]!.ToString()));
    }

    [Fact]
    public async Task A_full_upgrade_takes_the_control_plane_first_and_an_add_on_is_updated_alone()
    {
        await using var site = await StartAsync(2, new(), "", "");
        await site.RunAsync("full", new() { ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "Full", ["kubernetesVersion"] = "1.33.1" } } });
        await site.ActAsync("full", "start");
        await site.SeenAsync("full", seen => seen.State == "Completed", "the upgrade ends");
        Assert.Equal("v1.33.1", site.Find("store-0002", "/apis/controlplane.cluster.x-k8s.io/v1beta1/namespaces/kube-system/kubeadmcontrolplanes/store-0002")!["status"]!["version"]!.ToString());
        Assert.All(site.Nodes("store-0002"), node => Assert.Equal("v1.33.1", node["status"]!["nodeInfo"]!["kubeletVersion"]!.ToString()));

        await site.RunAsync("addon", new()
        {
            ["members"] = new JsonArray("store-0002"),
            ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "AddonVersion", ["addonVersion"] = new JsonObject { ["name"] = "secrets-store-csi-driver", ["version"] = "1.5.0" } } },
        });
        await site.ActAsync("addon", "start");
        var ended = await site.SeenAsync("addon", seen => seen.State == "Completed", "the add-on is updated");
        Assert.Equal(["Completed default: store-0002 Completed"], ended.Tree);
        const string driver = "/apis/apps/v1/namespaces/kube-system/deployments/secrets-store-csi-driver";
        Assert.Equal("mcr.microsoft.com/oss/secrets-store-csi-driver:v1.5.0", site.Find("store-0002", driver)!["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.ToString());
        Assert.Equal("mcr.microsoft.com/oss/secrets-store-csi-driver:v1.4.8", site.Find("store-0001", driver)!["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.ToString());
    }

    [Fact]
    public async Task Gates_hold_stages_and_groups_until_they_are_completed_once()
    {
        await using var site = await StartAsync(2, new(), "one", "two");
        var gate = new JsonArray(new JsonObject { ["type"] = "Approval", ["displayName"] = "Shall we?" });
        var stage = Stage("all", "one", "two");
        stage["beforeGates"] = gate;
        stage["groups"]![1]!["afterGates"] = gate.DeepClone();
        await site.RunAsync("gated", new() { ["strategy"] = new JsonObject { ["stages"] = new JsonArray(stage) }, ["managedClusterUpdate"] = Image(Newer) });
        await site.ActAsync("gated", "start");

        var held = await site.SeenAsync("gated", seen => seen.State == "Pending", "it waits before the stage");
        Assert.Equal(["Pending all: store-0001 NotStarted, store-0002 NotStarted"], held.Tree);
        var first = Assert.Single(await site.GatesAsync("?$filter=state%20eq%20'Pending'"));
        Assert.Equal(("Shall we?", "Before", "all", "gated"), (Text(first, "displayName"), Text(first, "target", "updateRunProperties", "timing"), Text(first, "target", "updateRunProperties", "stage"), Text(first, "target", "updateRunProperties", "name")));
        Assert.Equal(site.Run("gated"), Text(first, "target", "id"));
        var path = first.GetProperty("id").GetString()!;
        var completed = new JsonObject { ["properties"] = new JsonObject { ["state"] = "Completed" } };
        (await site.Arm.PatchAsync(path, completed, ("If-Match", "\"99\""))).Is(412);
        (await site.Arm.PatchAsync(path, new JsonObject { ["properties"] = new JsonObject { ["state"] = "Skipped" } })).Is(400);
        (await site.Arm.PatchAsync(path, new JsonObject { ["properties"] = new JsonObject() })).Is(400);
        var etag = (await site.Arm.GetAsync(path)).Is(200).Header("ETag")!;
        Assert.Equal(etag, first.GetProperty("eTag").GetString());
        Assert.Equal("Completed", Text((await site.Arm.PatchAsync(path, completed, ("If-Match", etag))).Is(200).Json, "state"));
        (await site.Arm.PatchAsync(path, completed)).Is(409, "GateAlreadyCompleted");
        Assert.Equal(1L, await site.Plane.Database.ScalarAsync("select count(*) from activities where resource_id = $1 and action = 'Microsoft.ContainerService/fleets/gates/write' and status = 'Succeeded' and principal <> ''", path));
        var provider = (await site.Arm.GetAsync($"{ArmHttp.SubscriptionPath}/providers/Microsoft.ContainerService")).Is(200).Json;
        Assert.Contains(provider.GetProperty("resourceTypes").EnumerateArray(), type => type.GetProperty("resourceType").GetString() == "fleets/gates");

        await site.SeenAsync("gated", seen => seen.Members.All(member => member.GetProperty("status").GetProperty("state").GetString() == "Completed") && seen.State == "Pending", "it waits after a group");
        var second = Assert.Single(await site.GatesAsync($"?$filter=properties/state%20eq%20'Pending'%20and%20properties/target/id%20eq%20'{site.Run("gated")}'"));
        Assert.Equal(("After", "two"), (Text(second, "target", "updateRunProperties", "timing"), Text(second, "target", "updateRunProperties", "group")));
        (await site.Arm.PatchAsync(second.GetProperty("id").GetString()!, completed)).Is(200);
        await site.SeenAsync("gated", seen => seen.State == "Completed", "it ends");
        (await site.Arm.GetAsync($"{site.Fleet}/gates?$filter=colour%20eq%20'red'")).Is(400, "InvalidFilterInQueryString");
        (await site.Arm.GetAsync($"{site.Fleet}/gates/{Guid.NewGuid()}")).Is(404, "ResourceNotFound");

        Assert.Equal(2, (await site.GatesAsync("")).Count);
        await site.DoneAsync((await site.Arm.DeleteAsync(site.Run("gated"))).Is(202));
        Assert.Empty(await site.GatesAsync(""));
    }

    [Fact]
    public async Task A_stage_of_a_placement_waits_for_its_gate()
    {
        await using var site = await StartAsync(2, new(), "", "");
        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["strategy"] = new JsonObject { ["stages"] = new JsonArray(new JsonObject { ["name"] = "all", ["beforeStageTasks"] = new JsonArray(new JsonObject { ["type"] = "Approval" }) }) } });
        await site.StatusAsync("shop", seen => seen.RunState == "WaitingGate", "it waits");
        var gate = Assert.Single(await site.GatesAsync("?$filter=state%20eq%20'Pending'"));
        Assert.Equal((site.Placement("shop"), "all", "Before"), (Text(gate, "target", "id"), Text(gate, "target", "rolloutRunProperties", "stage"), Text(gate, "target", "rolloutRunProperties", "timing")));
        (await site.Arm.PatchAsync(gate.GetProperty("id").GetString()!, new JsonObject { ["properties"] = new JsonObject { ["state"] = "Completed" } })).Is(200);
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Run("healthy") == 2, "it goes on");

        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"), new() { ["strategy"] = new JsonObject { ["stages"] = new JsonArray(new JsonObject { ["name"] = "all", ["beforeStageTasks"] = new JsonArray(new JsonObject { ["type"] = "Approval" }) }) } });
        await site.StatusAsync("shop", seen => seen.RunState == "WaitingGate", "the next revision waits");
        var next = Assert.Single(await site.GatesAsync("?$filter=state%20eq%20'Pending'"));
        await site.DoneAsync((await site.Arm.PostAsync($"{site.Placement("shop")}/rollback", new JsonObject { ["revision"] = 1 })).Is(202));
        (await site.Arm.PatchAsync(next.GetProperty("id").GetString()!, new JsonObject { ["properties"] = new JsonObject { ["state"] = "Completed" } })).Is(409, "GateSkipped");
    }

    [Fact]
    public async Task A_run_is_stopped_goes_on_and_leaves_out_what_is_skipped()
    {
        // A node takes a third of a second.
        await using var site = await StartAsync(5, new() { Nodes = 2, Clock = 0.005 }, "one", "one", "one", "two", "two");
        var first = Stage("first", "one");
        first["afterStageWaitInSeconds"] = 86_400;
        await site.RunAsync("long", new() { ["strategy"] = new JsonObject { ["stages"] = new JsonArray(first, Stage("second", "two")) }, ["managedClusterUpdate"] = Image(Newer) });
        await site.ActAsync("long", "start");
        await site.SeenAsync("long", seen => seen.Members.Any(member => member.GetProperty("status").GetProperty("state").GetString() == "Running"), "a member is being updated");
        await site.ActAsync("long", "stop");
        var stopped = await site.SeenAsync("long", seen => seen.State == "Stopped", "it stops when that member is done");
        Assert.Contains("NotStarted", stopped.Tree[0], StringComparison.Ordinal);
        Assert.DoesNotContain("Running", stopped.Tree[0], StringComparison.Ordinal);

        (await site.Arm.PostAsync($"{site.Run("long")}/skip", Skip("Member", "nobody"))).Is(409, "SkipTargetNotFound");
        (await site.Arm.PostAsync($"{site.Run("long")}/skip", new JsonObject { ["targets"] = new JsonArray(new JsonObject { ["type"] = "Universe", ["name"] = "x" }) })).Is(400);
        await site.ActAsync("long", "skip", Skip("Member", "store-0003"));
        await site.ActAsync("long", "start");
        var waiting = await site.SeenAsync("long", seen => seen.Wait("first") == "Running", "it waits after the stage");
        Assert.Equal("Running first: store-0001 Completed, store-0002 Completed, store-0003 Skipped", waiting.Tree[0]);
        await site.ActAsync("long", "skip", Skip("AfterStageWait", "first"));
        await site.SeenAsync("long", seen => seen.State == "Completed", "nobody waits any more");
        Assert.DoesNotContain(site.Nodes("store-0003"), node => node["metadata"]!["labels"]!["kubernetes.azure.com/node-image-version"]!.ToString() == Newer);
        (await site.Arm.PostAsync($"{site.Run("long")}/skip", Skip("Stage", "second"))).Is(409, "UpdateRunHasEnded");

        await site.RunAsync("short", new() { ["strategy"] = new JsonObject { ["stages"] = new JsonArray(Stage("first", "one"), Stage("second", "two")) }, ["managedClusterUpdate"] = Image(Kind + "-202603.1.0") });
        await site.ActAsync("short", "skip", Skip("Stage", "first"));
        await site.ActAsync("short", "start");
        var ended = await site.SeenAsync("short", seen => seen.State == "Completed", "only the second stage is updated");
        Assert.Equal(["Skipped first: store-0001 Skipped, store-0002 Skipped, store-0003 Skipped", "Completed second: store-0004 Completed, store-0005 Completed"], ended.Tree);
    }

    [Fact]
    public async Task A_member_that_cannot_be_reached_is_deferred_and_follows_and_one_that_fails_ends_the_run_until_it_is_started_again()
    {
        await using var site = await StartAsync(3, new(), "", "", "");
        var lost = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.ResetConnection, Clusters = ["store-0001"] });
        await site.RunAsync("patch", new() { ["managedClusterUpdate"] = Image(Newer) });
        await site.ActAsync("patch", "start");
        var ended = await site.SeenAsync("patch", seen => seen.State == "Completed", "the others do not wait");
        Assert.Equal(["Completed default: store-0001 Pending, store-0002 Completed, store-0003 Completed"], ended.Tree);
        site.Clusters.Faults.Remove(lost.Id);
        await site.SeenAsync("patch", seen => seen.Tree[0].Contains("store-0001 Completed", StringComparison.Ordinal), "it follows");

        var locked = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.Unauthorized, Clusters = ["store-0002"] });
        await site.RunAsync("next", new() { ["managedClusterUpdate"] = Image(Kind + "-202603.1.0") });
        await site.ActAsync("next", "start");
        var failed = await site.SeenAsync("next", seen => seen.State == "Failed", "it ends at the first that fails");
        Assert.Equal(["Failed default: store-0001 Completed, store-0002 Failed, store-0003 NotStarted"], failed.Tree);
        Assert.Equal("TooManyMembersFailed", failed.Properties.GetProperty("status").GetProperty("status").GetProperty("error").GetProperty("code").GetString());
        site.Clusters.Faults.Remove(locked.Id);
        await site.ActAsync("next", "start");
        await site.SeenAsync("next", seen => seen.State == "Completed" && seen.Tree[0].EndsWith("store-0003 Completed", StringComparison.Ordinal), "what failed is tried again");
    }

    [Fact]
    public async Task What_a_dead_worker_had_claimed_is_taken_over_and_what_it_still_writes_is_not_heard()
    {
        await using var site = await StartAsync(1, new(), "");
        var fault = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.Status, Status = 503 });
        await site.RunAsync("patch", new() { ["managedClusterUpdate"] = Image(Newer) });
        await site.ActAsync("patch", "start");
        await site.SeenAsync("patch", seen => seen.Members.Any(member => member.GetProperty("status").GetProperty("state").GetString() == "Running" && member.TryGetProperty("message", out _)), "it is tried");
        var claim = "update update_run_members set lease_until = now() + interval '1 second', epoch = epoch + 1 where run_id = (select id from update_runs where resource_key = $1) returning epoch";
        var epoch = (int)(await site.Plane.Database.ScalarAsync(claim, site.Run("patch").ToLowerInvariant()))!;
        site.Clusters.Faults.Remove(fault.Id);
        await site.SeenAsync("patch", seen => seen.State == "Completed", "another takes it over");
        Assert.True((int)(await site.Plane.Database.ScalarAsync("select epoch from update_run_members where run_id = (select id from update_runs where resource_key = $1)", site.Run("patch").ToLowerInvariant()))! > epoch);
    }

    [Fact]
    public async Task What_makes_no_sense_is_refused_by_name()
    {
        await using var site = await StartAsync(1, new(), "");
        async Task Refused(string target, JsonObject properties) => Assert.Contains($"properties.{target}", (await site.Arm.PutAsync(site.Run("bad"), new JsonObject { ["properties"] = properties })).Is(400).Targets);
        var image = Image(Newer);
        var upgrade = new JsonObject { ["type"] = "Full" };
        await Refused("managedClusterUpdate", []);
        await Refused("managedClusterUpdate.upgrade.kubernetesVersion", new() { ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = upgrade } });
        await Refused("strategy.stages", new() { ["managedClusterUpdate"] = image.DeepClone(), ["strategy"] = new JsonObject { ["stages"] = new JsonArray() } });
        await Refused("strategy.stages[1].name", new() { ["managedClusterUpdate"] = image.DeepClone(), ["strategy"] = new JsonObject { ["stages"] = new JsonArray(Stage("a", "x"), Stage("a", "y")) } });
        await Refused("strategy.stages[0].groups[1].name", new() { ["managedClusterUpdate"] = image.DeepClone(), ["strategy"] = new JsonObject { ["stages"] = new JsonArray(Stage("a", "x", "x")) } });
        await Refused("maxFailures", new() { ["managedClusterUpdate"] = image.DeepClone(), ["maxFailures"] = "101%" });
        await Refused("updateStrategyId", new() { ["managedClusterUpdate"] = image.DeepClone(), ["updateStrategyId"] = site.Strategy("nowhere") });
        await site.RunAsync("good", new() { ["managedClusterUpdate"] = image.DeepClone(), ["members"] = new JsonArray("nobody") });
        Assert.Equal("Failed", (await site.Arm.FinishAsync((await site.Arm.PostAsync($"{site.Run("good")}/start")).Is(202))).OperationStatus);
        Assert.Contains("properties.managedClusterUpdate", (await site.Arm.PutAsync(site.Run("good"), new JsonObject { ["properties"] = new JsonObject { ["managedClusterUpdate"] = Image(Kind + "-1.0.0") } })).Is(400).Targets);
        (await site.Arm.PostAsync($"{site.Run("good")}/skip", new JsonObject())).Is(400);
        foreach (var stages in new[] { 0, 51 })
            (await site.Arm.PutAsync(site.Strategy("bad"), Strategy([.. Enumerable.Range(0, stages).Select(number => Stage($"s{number}", $"g{number}"))]))).Is(400);
        var impatient = Stage("a", "x");
        impatient["afterStageWaitInSeconds"] = -1;
        Assert.Contains("properties.strategy.stages[0].afterStageWaitInSeconds", (await site.Arm.PutAsync(site.Strategy("bad"), Strategy(impatient))).Is(400).Targets);
    }

    private static JsonObject Image(string image) => new()
    {
        ["upgrade"] = new JsonObject { ["type"] = "NodeImageOnly" },
        ["nodeImageSelection"] = new JsonObject { ["type"] = "Custom", ["customNodeImageVersions"] = new JsonArray(new JsonObject { ["version"] = image }) },
    };

    private static JsonObject Stage(string name, params string[] groups) => new() { ["name"] = name, ["groups"] = new JsonArray([.. groups.Select(group => (JsonNode)new JsonObject { ["name"] = group })]) };

    private static JsonObject Strategy(params JsonObject[] stages) => UpdateSite.Strategy(stages);

    private static JsonObject Skip(string type, string name) => new() { ["targets"] = new JsonArray(new JsonObject { ["type"] = type, ["name"] = name }) };

    private static string? Text(JsonElement thing, params string[] path) => path.Aggregate(thing.GetProperty("properties"), (at, name) => at.GetProperty(name)).GetString();

    /// <summary>One group for each cluster; empty for none.</summary>
    private async Task<FleetSite> StartAsync(int clusters, FleetOptions options, params string[] groups)
    {
        var site = await FleetSite.StartAsync(plane, options with { Clusters = clusters });
        foreach (var (cluster, group) in site.Clusters.Ready.Clusters.Zip(groups).Where(pair => pair.Second.Length > 0))
            await site.DoneAsync(await site.Arm.PatchAsync(site.Member(cluster.Name), new JsonObject { ["properties"] = new JsonObject { ["group"] = group } }));
        return site;
    }
}
