using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Simulators.Fleet;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>When a run is a success, and when a member counts as healthy.</summary>
[Collection(FleetSuite.Name)]
public sealed class RolloutHealthTests(ControlPlaneFixture plane)
{
    [Fact]
    public async Task A_run_that_makes_fewer_members_healthy_than_must_be_has_failed_though_none_has()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        var lost = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.ResetConnection, Clusters = ["store-0001"] });
        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["strategy"] = new JsonObject { ["minHealthy"] = "51%" } });
        var failed = await site.StatusAsync("shop", seen => seen.RunState == "Failed", "one of two is not enough");
        Assert.Equal((1, 1, 0), (failed.Run("healthy"), failed.Run("deferred"), failed.Run("failed")));
        Assert.Contains("fewer than the 2 that must be (strategy.minHealthy)", failed.Properties.GetProperty("rollout").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Null(failed.CompletedRevision);

        // Nobody at all is no success either, unless it is asked for.
        var both = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.ResetConnection });
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"));
        await site.StatusAsync("shop", seen => seen.RunState == "Failed" && seen.Run("deferred") == 2, "a run that reaches nobody has failed");
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:3.0"), new() { ["strategy"] = new JsonObject { ["minHealthy"] = "0" } });
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Run("deferred") == 2, "unless nobody has to be reached");
        site.Clusters.Faults.Remove(lost.Id);
        site.Clusters.Faults.Remove(both.Id);
        await site.StatusAsync("shop", seen => seen.Summary("available") == 2, "who was away follows");
    }

    [Fact]
    public async Task Objects_that_say_nothing_of_themselves_must_stand_for_a_while()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        var till = new JsonObject { ["apiVersion"] = "shop.example/v1", ["kind"] = "Till", ["metadata"] = new JsonObject { ["name"] = "one", ["namespace"] = "shop" }, ["spec"] = new JsonObject { ["drawer"] = true } };
        JsonArray Content() => [.. FleetSite.Shop(more: Manifests.CustomResourceDefinition()).Select(one => one!.DeepClone()), till.DeepClone()];
        await site.PlaceAsync("shop", Content(), new() { ["strategy"] = new JsonObject { ["maxConcurrency"] = "1", ["unavailablePeriodSeconds"] = 86_400 } });
        await site.StatusAsync("shop", seen => seen.Summary("available") == 1 && seen.Run("updating") == 1 && seen.Run("pending") == 1, "the first is there, and nobody goes on before it has stood");

        till["spec"]!["drawer"] = false;
        await site.PlaceAsync("shop", Content(), new() { ["strategy"] = new JsonObject { ["maxConcurrency"] = "1", ["unavailablePeriodSeconds"] = 1 } });
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Run("healthy") == 2, "both have stood");
        var run = (await site.Arm.GetAsync($"{site.Placement("shop")}/rolloutRuns")).Is(200).Json.GetProperty("value")[0].GetProperty("properties");
        Assert.True(run.GetProperty("endTime").GetDateTimeOffset() - run.GetProperty("startTime").GetDateTimeOffset() >= TimeSpan.FromSeconds(2), "Each stands for a second, one after the other.");
    }

    [Theory]
    [InlineData("""{"disruptionBudget":{}}""", "disruptionBudget")]
    [InlineData("""{"disruptionBudget":{"maxUnavailable":"1","minAvailable":"1"}}""", "disruptionBudget")]
    [InlineData("""{"disruptionBudget":{"maxUnavailable":"-1"}}""", "disruptionBudget.maxUnavailable")]
    [InlineData("""{"disruptionBudget":{"maxUnavailable":"101%"}}""", "disruptionBudget.maxUnavailable")]
    [InlineData("""{"disruptionBudget":{"minAvailable":"2.5"}}""", "disruptionBudget.minAvailable")]
    [InlineData("""{"disruptionBudget":{"minAvailable":"%"}}""", "disruptionBudget.minAvailable")]
    [InlineData("""{"strategy":{"minHealthy":"101%"}}""", "strategy.minHealthy")]
    [InlineData("""{"strategy":{"minHealthy":"-1"}}""", "strategy.minHealthy")]
    [InlineData("""{"strategy":{"unavailablePeriodSeconds":-1}}""", "strategy.unavailablePeriodSeconds")]
    [InlineData("""{"strategy":{"progressDeadlineSeconds":0}}""", "strategy.progressDeadlineSeconds")]
    [InlineData("""{"strategy":{"maxConcurrency":"0%"}}""", "strategy.maxConcurrency")]
    [InlineData("""{"strategy":{"maxFailures":"200%"}}""", "strategy.maxFailures")]
    [InlineData("""{"policy":{"placementType":"PickN","numberOfClusters":-1}}""", "policy.numberOfClusters")]
    [InlineData("""{"manifests":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"a-","namespace":"x"}}]}""", "manifests[0].metadata.generateName")]
    [InlineData("""{"manifests":[{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"x"}},{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"x"}}]}""", "manifests[1]")]
    [InlineData("""{"manifests":["kind: Deployment"]}""", "manifests[0]")]
    public async Task A_number_or_manifest_that_makes_no_sense_is_named(string properties, string target)
    {
        var wanted = JsonNode.Parse(properties)!.AsObject();
        wanted["manifests"] ??= FleetSite.Shop();
        Assert.Contains($"properties.{target}", (await plane.Arm.PutAsync(await FleetAsync() + "/clusterResourcePlacements/bad", new JsonObject { ["properties"] = wanted })).Is(400).Targets);
    }

    [Fact]
    public async Task What_is_too_large_or_no_JSON_is_named_before_anything_is_stored()
    {
        var placement = await FleetAsync() + "/clusterResourcePlacements/large";
        JsonObject Of(int size) => new() { ["properties"] = new JsonObject { ["manifests"] = new JsonArray(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ConfigMap", ["metadata"] = new JsonObject { ["name"] = "a", ["namespace"] = "x" }, ["data"] = new JsonObject { ["text"] = new string('x', size) } }) } };
        Assert.Contains("properties.manifests[0]", (await plane.Arm.PutAsync(placement, Of(1024 * 1024))).Is(400).Targets);
        (await plane.Arm.SendAsync(HttpMethod.Put, placement, ArmHttp.Text("""{"properties":{"manifests":[{"kind":""", "application/json"))).Is(400, "InvalidRequestContent");
        (await plane.Arm.GetAsync(placement)).Is(404);
    }

    /// <summary>A fleet without members: what is refused at the door needs none.</summary>
    private async Task<string> FleetAsync()
    {
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/bad-placements";
        Assert.InRange((await plane.Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" })).Status, 200, 201);
        var fleet = $"{group}/providers/Microsoft.ContainerService/fleets/stores";
        if ((await plane.Arm.GetAsync(fleet)).Status == 404)
            Assert.Equal("Succeeded", (await plane.Arm.FinishAsync((await plane.Arm.PutAsync(fleet, new JsonObject { ["location"] = "westeurope" })).Is(201))).OperationStatus);
        return fleet;
    }
}
