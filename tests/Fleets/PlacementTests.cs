using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Simulators.Fleet;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Objects come to the members that are selected, and go from those that are not; nothing of anybody else's does.</summary>
[Collection(FleetSuite.Name)]
public sealed class PlacementTests(ControlPlaneFixture plane)
{
    private const string Web = "/apis/apps/v1/namespaces/shop/deployments/web";

    [Fact]
    public async Task A_placement_comes_to_the_members_that_are_selected_and_follows_their_labels()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 6, Labels = new Dictionary<string, Shares>(StringComparer.Ordinal) { ["tier"] = Shares.Parse("gold:1,silver:1") } });
        Assert.Equal("Succeeded", (await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["policy"] = new JsonObject { ["memberSelector"] = "tier=gold" } })).OperationStatus);
        var gold = site.Clusters.Ready.Clusters.Where(cluster => cluster.Labels["tier"] == "gold").Select(cluster => cluster.Name).ToList();
        var placed = await site.StatusAsync("shop", seen => seen.Summary("available") == gold.Count && seen.RunState == "Succeeded", "every selected member has it");
        Assert.Equal("True ResourceAvailable", placed.Condition("ClusterResourcePlacementAvailable"));
        Assert.Equal(gold.Select(name => (name, "Available")), await site.ClustersAsync("shop"));
        foreach (var cluster in site.Clusters.Ready.Clusters)
            Assert.Equal(gold.Contains(cluster.Name, StringComparer.Ordinal), site.Find(cluster.Name, Web) is not null);

        var silver = site.Clusters.Ready.Clusters.First(cluster => cluster.Labels["tier"] == "silver").Name;
        await site.JoinAsync(silver, ("tier", "gold"));
        await site.StatusAsync("shop", seen => seen.Summary("available") == gold.Count + 1, "a member that is selected later gets what was rolled out");
        Assert.NotNull(site.Find(silver, Web));
        await site.JoinAsync(silver, ("tier", "silver"));
        await site.StatusAsync("shop", seen => seen.Summary("selected") == gold.Count && seen.Summary("removing") == 0, "a member that is selected no more loses it");
        Assert.Null(site.Find(silver, Web));
        Assert.Null(site.Find(silver, "/api/v1/namespaces/shop"));
    }

    [Fact]
    public async Task A_new_revision_removes_what_it_does_not_have_and_a_rollback_brings_it_back()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 4 });
        var settings = Manifests.ConfigMap("settings", ("mode", "one"));
        settings["metadata"]!["namespace"] = "shop";
        await site.PlaceAsync("shop", FleetSite.Shop(more: settings));
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 1, "the first revision is there");
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"));
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 2 && seen.Summary("available") == 4, "the second revision is there");
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Null(site.Find(cluster.Name, "/api/v1/namespaces/shop/configmaps/settings")));
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Equal("registry.example/web:2.0", Image(site, cluster.Name)));

        var ended = await site.Arm.FinishAsync((await site.Arm.PostAsync($"{site.Placement("shop")}/rollback")).Is(202));
        Assert.Equal("Succeeded", ended.OperationStatus);
        var back = await site.StatusAsync("shop", seen => seen.RunState == "RolledBack", "every member is back");
        Assert.Equal("True RolledBack", back.Condition("RolledBack"));
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.NotNull(site.Find(cluster.Name, "/api/v1/namespaces/shop/configmaps/settings")));
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Equal("registry.example/web:1.0", Image(site, cluster.Name)));

        var revisions = (await site.Arm.GetAsync($"{site.Placement("shop")}/revisions")).Is(200).Json.GetProperty("value");
        Assert.Equal([2, 1], revisions.EnumerateArray().Select(one => one.GetProperty("properties").GetProperty("revision").GetInt32()));
        Assert.Equal(3, (await site.Arm.GetAsync($"{site.Placement("shop")}/revisions/1")).Is(200).Json.GetProperty("properties").GetProperty("manifests").GetArrayLength());
        (await site.Arm.GetAsync($"{site.Placement("shop")}/revisions/9")).Is(404, "ResourceNotFound");
        var runs = (await site.Arm.GetAsync($"{site.Placement("shop")}/rolloutRuns")).Is(200).Json.GetProperty("value");
        Assert.Equal(["Rollback", "Rollout", "Rollout"], runs.EnumerateArray().Select(one => one.GetProperty("properties").GetProperty("kind").GetString()));
        Assert.Equal("RevisionNotFound", (await site.Arm.FinishAsync((await site.Arm.PostAsync($"{site.Placement("shop")}/rollback", new JsonObject { ["revision"] = 7 })).Is(202))).Json.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Deleting_takes_the_placements_objects_and_nothing_else()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.Summary("available") == 2, "it is there");
        // Somebody's own object in the namespace of the placement on one of the members.
        var mine = Manifests.ConfigMap("mine");
        mine["metadata"]!["namespace"] = "shop";
        await PutAsync(site.Clusters.Ready.Clusters[0], "/api/v1/namespaces/shop/configmaps", mine);

        await site.DoneAsync((await site.Arm.DeleteAsync(site.Placement("shop"))).Is(202));
        (await site.Arm.GetAsync(site.Placement("shop"))).Is(404);
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Null(site.Find(cluster.Name, Web)));
        Assert.NotNull(site.Find(site.Clusters.Ready.Clusters[0].Name, "/api/v1/namespaces/shop/configmaps/mine"));
        Assert.Null(site.Find(site.Clusters.Ready.Clusters[1].Name, "/api/v1/namespaces/shop"));
        await site.DoneAsync((await site.Arm.DeleteAsync(site.Fleet)).Is(202));
        (await site.Arm.GetAsync(site.Fleet)).Is(404);
    }

    [Fact]
    public async Task A_member_leaves_with_nothing_left_on_it()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.Summary("available") == 2, "it is there");
        var leaving = site.Clusters.Ready.Clusters[0].Name;
        await site.DoneAsync((await site.Arm.DeleteAsync(site.Member(leaving))).Is(202));
        Assert.Null(site.Find(leaving, "/api/v1/namespaces/shop"));
        await site.StatusAsync("shop", seen => seen is var now && now.Summary("selected") == 1 && now.Summary("available") == 1, "the other keeps it");
    }

    [Fact]
    public async Task Namespaces_and_definitions_come_first_and_are_waited_for()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.LateCrd, DelayMilliseconds = 700 });
        var till = new JsonObject { ["apiVersion"] = "shop.example/v1", ["kind"] = "Till", ["metadata"] = new JsonObject { ["name"] = "one", ["namespace"] = "shop" }, ["spec"] = new JsonObject { ["drawer"] = true } };
        // In the order that is wrong for a cluster.
        await site.PlaceAsync("shop", [till, .. FleetSite.Shop(more: Manifests.CustomResourceDefinition()).Select(one => one!.DeepClone())]);
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 2, "all of it is there");
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.NotNull(site.Find(cluster.Name, "/apis/shop.example/v1/namespaces/shop/tills/one")));
    }

    [Fact]
    public async Task Overrides_make_members_differ_and_are_foreseen_by_render_and_simulate()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 4, Labels = new Dictionary<string, Shares>(StringComparer.Ordinal) { ["size"] = Shares.Parse("large:1,small:1") } });
        var large = site.Clusters.Ready.Clusters.First(cluster => cluster.Labels["size"] == "large").Name;
        await site.PlaceAsync("shop", FleetSite.Shop(), new()
        {
            ["policy"] = new JsonObject { ["placementType"] = "PickN", ["numberOfClusters"] = 3 },
            ["overrides"] = new JsonArray(new JsonObject
            {
                ["clusterSelector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["size"] = "large" } }, ["target"] = new JsonObject { ["kind"] = "Deployment" },
                ["jsonPatchOverrides"] = new JsonArray(new JsonObject { ["op"] = "Replace", ["path"] = "/spec/replicas", ["value"] = 7 }),
            }),
        });
        await site.StatusAsync("shop", seen => seen.Summary("available") == 3, "three members have it");
        foreach (var cluster in site.Clusters.Ready.Clusters.Where(cluster => site.Find(cluster.Name, Web) is not null))
            Assert.Equal(cluster.Labels["size"] == "large" ? 7 : 3, site.Find(cluster.Name, Web)!["spec"]!["replicas"]!.GetValue<int>());

        var rendered = (await site.Arm.GetAsync($"{site.Placement("shop")}/render?member={large}")).Is(200).Json.GetProperty("manifests");
        Assert.Contains(rendered.EnumerateArray(), manifest => manifest.GetProperty("kind").GetString() == "Deployment" && manifest.GetProperty("spec").GetProperty("replicas").GetInt32() == 7);
        (await site.Arm.GetAsync($"{site.Placement("shop")}/render?member=nobody")).Is(400);
        var simulated = (await site.Arm.PostAsync($"{site.Placement("shop")}/simulate", new JsonObject { ["policy"] = new JsonObject { ["memberSelector"] = "size=large" } })).Is(200).Json;
        Assert.Equal(2, simulated.GetProperty("members").GetArrayLength());
        Assert.NotEqual(0, simulated.GetProperty("removed").GetArrayLength());
        Assert.Equal(3, (await site.ClustersAsync("shop")).Count);
    }

    [Fact]
    public async Task Pages_of_members_follow_each_other_and_can_be_filtered()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 7 });
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.Summary("available") == 7, "it is there");
        var (names, next) = (new List<string>(), (string?)$"{site.Placement("shop")}/clusters?$top=3&api-version={ArmHttp.ApiVersion}");
        while (next is not null)
        {
            var page = (await site.Arm.SendRawAsync(HttpMethod.Get, next)).Is(200).Json;
            names.AddRange(page.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("name").GetString()!));
            next = page.TryGetProperty("nextLink", out var link) ? link.GetString() : null;
        }

        Assert.Equal(site.Clusters.Ready.Clusters.Select(cluster => cluster.Name).Order(StringComparer.Ordinal), names);
        Assert.Empty(await site.ClustersAsync("shop", "?state=failed"));
        (await site.Arm.GetAsync($"{site.Placement("shop")}/clusters?state=odd")).Is(400);
        (await site.Arm.GetAsync($"{site.Placement("shop")}/clusters?$top=0")).Is(400);
    }

    [Fact]
    public async Task An_object_belongs_to_one_placement_of_a_fleet()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 });
        await site.PlaceAsync("one", FleetSite.Shop());
        var refused = await site.Arm.PutAsync(site.Placement("two"), new JsonObject { ["properties"] = new JsonObject { ["manifests"] = FleetSite.Shop(image: "other:1") } });
        refused.Is(409, "ObjectOwnedByOtherPlacement");
        Assert.Contains(site.Placement("one"), refused.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("Succeeded", (await site.PlaceAsync("two", FleetSite.Shop(space: "other"))).OperationStatus);
        await site.DoneAsync((await site.Arm.DeleteAsync(site.Placement("one"))).Is(202));
        Assert.Equal("Succeeded", (await site.PlaceAsync("three", FleetSite.Shop())).OperationStatus);
    }

    [Fact]
    public async Task What_cannot_be_meant_is_named_before_anything_is_sent()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        async Task<ArmAnswer> PutAsync(JsonObject more, JsonArray? manifests = null)
        {
            var properties = (JsonObject)more.DeepClone();
            properties["manifests"] = manifests ?? FleetSite.Shop();
            return await site.Arm.PutAsync(site.Placement("bad"), new JsonObject { ["properties"] = properties });
        }

        var faults = (await PutAsync(new()
        {
            ["policy"] = new JsonObject { ["placementType"] = "PickN", ["memberSelector"] = "a b" },
            ["strategy"] = new JsonObject { ["maxConcurrency"] = "101%", ["maxFailures"] = "-1", ["pauseAfterHealthyClusters"] = "0", ["stages"] = new JsonArray(new JsonObject { ["name"] = "a" }, new JsonObject { ["name"] = "a" }) },
        })).Is(400);
        Assert.Equal(["properties.policy.memberSelector", "properties.policy.numberOfClusters", "properties.strategy.maxConcurrency", "properties.strategy.maxFailures", "properties.strategy.pauseAfterHealthyClusters", "properties.strategy.stages[1].name"],
            faults.Targets.Where(target => target?.StartsWith("properties.", StringComparison.Ordinal) is true).Order(StringComparer.Ordinal));
        (await PutAsync([], [])).Is(400);
        (await PutAsync([], ["text"])).Is(400);
        (await site.Arm.PutAsync(site.Placement("Bad_Name"), new JsonObject { ["properties"] = new JsonObject { ["manifests"] = FleetSite.Shop() } })).Is(400);

        var missed = await site.PlaceAsync("missed", FleetSite.Shop(), new() { ["strategy"] = new JsonObject { ["stages"] = new JsonArray(new JsonObject { ["name"] = "canary", ["memberSelector"] = "ring=canary" }) } });
        Assert.Equal(("Failed", "StagesMissMembers"), (missed.OperationStatus, missed.Json.GetProperty("error").GetProperty("code").GetString()));
        Assert.Null(site.Find(site.Clusters.Ready.Clusters[0].Name, Web));
        await site.PlaceAsync("nobody", FleetSite.Shop(space: "nobody"), new() { ["policy"] = new JsonObject { ["memberSelector"] = "ring=none" } });
        await site.StatusAsync("nobody", seen => seen.Condition("ClusterResourcePlacementScheduled") == "False NoClusterSelected", "a selector that selects nothing says so");
    }

    private static string? Image(FleetSite site, string cluster) => site.Find(cluster, Web)!["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.GetValue<string>();

    private static async Task PutAsync(FleetCluster cluster, string path, JsonObject thing)
    {
        using var client = new HttpClient(TestFleet.Handler(cluster.Ca));
        using var request = new HttpRequestMessage(HttpMethod.Post, cluster.Url + path) { Content = ArmHttp.Json(thing) };
        request.Headers.Authorization = new("Bearer", cluster.Token);
        using var response = await client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }
}
