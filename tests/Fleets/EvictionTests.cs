using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>A placement is taken from a member on request, as far as its budget allows it, and stays away as long as the request stands.</summary>
[Collection(FleetSuite.Name)]
public sealed class EvictionTests(ControlPlaneFixture plane)
{
    private const string Web = "/apis/apps/v1/namespaces/shop/deployments/web";

    [Fact]
    public async Task A_member_is_evicted_replaced_and_kept_off_until_the_eviction_is_deleted()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 3 });
        await site.PlaceAsync("shop", FleetSite.Shop(), Pick(2));
        await site.StatusAsync("shop", seen => seen.Summary("available") == 2, "two members have it");
        Assert.Equal(["store-0001", "store-0002"], (await site.ClustersAsync("shop")).Select(one => one.Name));

        await site.DoneAsync((await site.Arm.PutAsync(Eviction(site, "away"), Of("store-0001"))).Is(201));
        await StandAsync(site, "store-0002 Available, store-0003 Available");
        Assert.Null(site.Find("store-0001", Web));
        Assert.Null(site.Find("store-0001", "/api/v1/namespaces/shop"));
        Assert.Equal(["Valid True ClusterResourcePlacementEvictionValid", "Executed True ClusterResourcePlacementEvictionExecuted"], await ConditionsAsync(site, "away"));
        Assert.DoesNotContain("store-0001", (await site.Arm.PostAsync($"{site.Placement("shop")}/simulate", new JsonObject())).Is(200).Json.GetProperty("members").EnumerateArray().Select(name => name.GetString()));

        // Neither a wish for more members, nor leaving and joining again, brings it back.
        await site.DoneAsync((await site.Arm.DeleteAsync(site.Member("store-0001"))).Is(202));
        await site.JoinAsync("store-0001");
        await site.PlaceAsync("shop", FleetSite.Shop(), Pick(3));
        Assert.Equal(["store-0002", "store-0003"], (await site.ClustersAsync("shop")).Select(one => one.Name));
        Assert.Contains("properties.clusterName", (await site.Arm.PutAsync(Eviction(site, "away"), Of("store-0002"))).Is(400).Targets);
        await site.DoneAsync((await site.Arm.PutAsync(Eviction(site, "away"), Of("store-0001"))).Is(200));

        await site.DoneAsync((await site.Arm.DeleteAsync(Eviction(site, "away"))).Is(202));
        await site.StatusAsync("shop", seen => seen.Summary("available") == 3, "it is back");
        Assert.NotNull(site.Find("store-0001", Web));
    }

    [Fact]
    public async Task What_cannot_be_evicted_says_so_and_nothing_is_changed()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        (await site.Arm.PutAsync(Eviction(site, "early"), Of("store-0001"))).Is(404);
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.Summary("available") == 2, "it is there");
        (await site.Arm.PutAsync(Eviction(site, "nobody"), new JsonObject { ["properties"] = new JsonObject() })).Is(400);
        Assert.Contains("properties.clusterName", (await site.Arm.PutAsync(Eviction(site, "nobody"), Of("No Name"))).Is(400).Targets);
        var failed = await site.Arm.FinishAsync((await site.Arm.PutAsync(Eviction(site, "nobody"), Of("store-0009"))).Is(201));
        Assert.Equal(("Failed", "EvictionInvalid"), (failed.OperationStatus, failed.Json.GetProperty("error").GetProperty("code").GetString()));
        Assert.Equal(["Valid False ClusterResourcePlacementEvictionInvalid"], await ConditionsAsync(site, "nobody"));

        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["policy"] = new JsonObject { ["placementType"] = "PickFixed", ["clusterNames"] = new JsonArray("store-0001") } });
        (await site.Arm.PutAsync(Eviction(site, "fixed"), Of("store-0001"))).Is(409, "PlacementNotEvictable");

        // Evictions go with the placement.
        await site.DoneAsync((await site.Arm.DeleteAsync(site.Placement("shop"))).Is(202));
        (await site.Arm.GetAsync(Eviction(site, "nobody"))).Is(404);
    }

    [Fact]
    public async Task A_budget_refuses_the_eviction_that_would_exceed_it_and_charges_nothing_for_what_is_not_available()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 4 });
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.NeverAvailable, Clusters = ["store-0004"], Images = ["*"] });
        var properties = new JsonObject { ["disruptionBudget"] = new JsonObject { ["minAvailable"] = "50%" }, ["strategy"] = new JsonObject { ["maxConcurrency"] = "100%", ["maxFailures"] = "100%", ["progressDeadlineSeconds"] = 2 } };
        await site.PlaceAsync("shop", FleetSite.Shop(), properties);
        await site.StatusAsync("shop", seen => seen.Summary("available") == 3 && seen.RunState == "Succeeded", "three of four have it");

        // Two of the four must have it: one can go, the second cannot, and the one that does not have it can whatever the budget says.
        await site.DoneAsync((await site.Arm.PutAsync(Eviction(site, "first"), Of("store-0001"))).Is(201));
        var blocked = await site.Arm.FinishAsync((await site.Arm.PutAsync(Eviction(site, "second"), Of("store-0002"))).Is(201));
        Assert.Equal(("Failed", "EvictionBlocked"), (blocked.OperationStatus, blocked.Json.GetProperty("error").GetProperty("code").GetString()));
        Assert.Contains("2 of the 4 members", blocked.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(["Valid True ClusterResourcePlacementEvictionValid", "Executed False ClusterResourcePlacementEvictionNotExecuted"], await ConditionsAsync(site, "second"));
        Assert.NotNull(site.Find("store-0002", Web));
        await site.DoneAsync((await site.Arm.PutAsync(Eviction(site, "broken"), Of("store-0004"))).Is(201));

        // What was refused can be tried again when there is room.
        await site.DoneAsync((await site.Arm.DeleteAsync(Eviction(site, "first"))).Is(202));
        await StandAsync(site, "store-0001 Available, store-0002 Available, store-0003 Available");
        await site.DoneAsync((await site.Arm.PutAsync(Eviction(site, "second"), Of("store-0002"))).Is(200));
        await StandAsync(site, "store-0001 Available, store-0003 Available");

        // To want it nowhere is no disruption: all of it goes.
        properties["policy"] = new JsonObject { ["memberSelector"] = "tier=none" };
        await site.PlaceAsync("shop", FleetSite.Shop(), properties);
        await site.StatusAsync("shop", seen => seen.Summary("selected") == 0 && seen.Summary("removing") == 0, "nobody has it");
    }

    [Fact]
    public async Task Two_evictions_at_once_do_not_take_the_same_place_in_a_budget()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 4 });
        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["disruptionBudget"] = new JsonObject { ["maxUnavailable"] = "2" } });
        await site.StatusAsync("shop", seen => seen.Summary("available") == 4, "all have it");
        var ended = await Task.WhenAll(Enumerable.Range(1, 4).Select(async number => (await site.Arm.FinishAsync((await site.Arm.PutAsync(Eviction(site, $"e{number}"), Of($"store-000{number}"))).Is(201))).OperationStatus));
        Assert.Equal((2, 2), (ended.Count(status => status == "Succeeded"), ended.Count(status => status == "Failed")));
    }

    [Fact]
    public async Task A_run_takes_from_no_more_members_than_the_budget_lets_go()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 6 });
        var properties = new JsonObject { ["disruptionBudget"] = new JsonObject { ["maxUnavailable"] = "2" }, ["strategy"] = new JsonObject { ["maxConcurrency"] = "100%" } };
        await site.PlaceAsync("shop", FleetSite.Shop(), properties);
        // Nobody has it yet, so nothing is taken from anybody.
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 6, "it is everywhere");

        var fault = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.NeverAvailable, Images = ["*:2.0"] });
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"), properties);
        await site.StatusAsync("shop", seen => seen.Run("updating") == 2 && seen.Run("pending") == 4 && seen.Summary("progressing") == 2, "two are being changed");
        Assert.Equal(2, site.Clusters.Ready.Clusters.Count(cluster => site.Find(cluster.Name, Web)!.ToJsonString().Contains(":2.0", StringComparison.Ordinal)));
        var blocked = await site.Arm.FinishAsync((await site.Arm.PutAsync(Eviction(site, "more"), Of("store-0006"))).Is(201));
        Assert.Equal("EvictionBlocked", blocked.Json.GetProperty("error").GetProperty("code").GetString());

        // A rollback repairs: it is held up by nothing.
        await site.DoneAsync((await site.Arm.PostAsync($"{site.Placement("shop")}/rollback")).Is(202));
        await site.StatusAsync("shop", seen => seen.RunState == "RolledBack" && seen.Summary("available") == 6, "all are back");
        site.Clusters.Faults.Remove(fault.Id);
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:3.0"), properties);
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Run("healthy") == 6, "a good one goes through");
    }

    [Fact]
    public async Task A_run_that_an_offline_member_leaves_no_room_says_so_and_goes_on_when_it_is_back_or_the_budget_is_raised()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 3 });
        JsonObject Budget(int number) => new() { ["disruptionBudget"] = new JsonObject { ["maxUnavailable"] = $"{number}" }, ["strategy"] = new JsonObject { ["maxConcurrency"] = "100%" } };
        await site.PlaceAsync("shop", FleetSite.Shop(), Budget(1));
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded", "it is everywhere");
        var lost = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.ResetConnection, Clusters = ["store-0001"] });
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"), Budget(1));
        var held = await site.StatusAsync("shop", seen => seen.Condition("ClusterResourcePlacementRolloutStarted") == "False BudgetExhausted", "it waits and says why");
        Assert.Equal(("Running", 1, 2, "BudgetExhausted"), (held.RunState, held.Run("deferred"), held.Run("pending"), held.Properties.GetProperty("rollout").GetProperty("reason").GetString()));
        Assert.Contains("2 of the 3 members", held.Properties.GetProperty("rollout").GetProperty("message").GetString(), StringComparison.Ordinal);

        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"), Budget(2));
        var ended = await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Run("healthy") == 2, "the same run goes on within the new budget");
        Assert.Equal("True RolloutStarted", ended.Condition("ClusterResourcePlacementRolloutStarted"));
        site.Clusters.Faults.Remove(lost.Id);
        await site.StatusAsync("shop", seen => seen.Summary("available") == 3, "who was away follows");
    }

    /// <summary>Waits for the members to stand so: the placement's own status may be from before.</summary>
    private static Task<string> StandAsync(FleetSite site, string members) =>
        Eventually.Async(async () => string.Join(", ", (await site.ClustersAsync("shop")).Select(one => $"{one.Name} {one.State}")), seen => seen == members, members);

    private static JsonObject Of(string member) => new() { ["properties"] = new JsonObject { ["clusterName"] = member } };

    private static JsonObject Pick(int number) => new() { ["policy"] = new JsonObject { ["placementType"] = "PickN", ["numberOfClusters"] = number } };

    private static string Eviction(FleetSite site, string name) => $"{site.Placement("shop")}/evictions/{name}";

    private static async Task<IReadOnlyList<string>> ConditionsAsync(FleetSite site, string name) =>
        [.. (await site.Arm.GetAsync(Eviction(site, name))).Is(200).Json.GetProperty("properties").GetProperty("conditions").EnumerateArray().Select(one => $"{Text(one, "type")} {Text(one, "status")} {Text(one, "reason")}")];

    private static string? Text(JsonElement thing, string name) => thing.GetProperty(name).GetString();
}
