using System.Runtime.Versioning;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Simulators.Fleet;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>What somebody changes on a member is found and told, and repaired or left as the placement's strategy says.</summary>
[Collection(FleetSuite.Name)]
[UnsupportedOSPlatform("windows")]
public sealed class DriftTests(ControlPlaneFixture plane)
{
    private const string Web = "/apis/apps/v1/namespaces/shop/deployments/web";
    private const string Key = "/api/v1/namespaces/shop/secrets/key";

    [Fact]
    public async Task Drift_is_found_repaired_and_told()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 2, "it is there");
        var cluster = site.Clusters.Ready.Clusters[0];
        await SendAsync(cluster, HttpMethod.Patch, $"{Web}?fieldManager=kubectl-edit", Edited(7));
        Assert.Equal(2, (await DriftAsync(site, new() { ["refresh"] = true })).GetProperty("refreshing").GetInt32());
        var shown = await ClusterAsync(site, cluster.Name, seen => seen.GetProperty("repairs").GetInt32() == 1, "it is repaired");
        Assert.Equal("Deployment shop/web: /spec/replicas", shown.GetProperty("lastRepair").GetString());
        Assert.True(shown.TryGetProperty("lastRepairTime", out _));
        Assert.Equal(3, Replicas(site, cluster.Name));

        await SendAsync(cluster, HttpMethod.Delete, Web, body: null);
        await DriftAsync(site, new() { ["refresh"] = true }, $"?$filter=member eq '{cluster.Name}'");
        await ClusterAsync(site, cluster.Name, seen => seen.GetProperty("repairs").GetInt32() == 2, "what is gone is brought back");
        await site.StatusAsync("shop", seen => seen.Summary("available") == 2 && seen.Condition("Drifted") == "False NoDriftsFound", "it is available again");
        Assert.Equal(3, Replicas(site, cluster.Name));
        Assert.Equal(0, (await ClusterAsync(site, site.Clusters.Ready.Clusters[1].Name, _ => true, "the other")).GetProperty("repairs").GetInt32());
        Assert.Empty((await DriftAsync(site)).GetProperty("value").EnumerateArray());
    }

    [Fact]
    public async Task Drift_is_looked_for_again_and_again()
    {
        await using var watchful = await ControlPlaneFixture.StartAsync(("Fleets:DriftInterval", "00:00:01"));
        await using var site = await FleetSite.StartAsync(watchful, new() { Clusters = 1 });
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 1, "it is there");
        var cluster = site.Clusters.Ready.Clusters[0];
        for (var time = 1; time <= 2; time++)
        {
            await SendAsync(cluster, HttpMethod.Patch, $"{Web}?fieldManager=kubectl-edit", Edited(7));
            await Eventually.Async(() => Replicas(site, cluster.Name) == 3, "it is repaired");
        }

        await ClusterAsync(site, cluster.Name, seen => seen.GetProperty("repairs").GetInt32() == 2, "both times are told");
    }

    [Fact]
    public async Task Drift_that_is_to_be_left_is_held_and_a_new_revision_overwrites_it()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        var hold = new JsonObject { ["applyStrategy"] = new JsonObject { ["whenToApply"] = "IfNotDrifted" } };
        await site.PlaceAsync("shop", FleetSite.Shop(), hold);
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 2, "it is there");
        var cluster = site.Clusters.Ready.Clusters[1];
        await SendAsync(cluster, HttpMethod.Patch, $"{Web}?fieldManager=kubectl-edit", Edited(7));
        await DriftAsync(site, new() { ["refresh"] = true });
        var drifted = await site.StatusAsync("shop", seen => seen.Summary("drifted") == 1, "it is found");
        Assert.Equal("True FoundDrifts", drifted.Condition("Drifted"));
        Assert.Equal(2, drifted.Summary("available"));
        var found = Assert.Single((await DriftAsync(site, query: "?$top=1&$filter=kind eq 'Drift'")).GetProperty("value").EnumerateArray());
        Assert.Equal(cluster.Name, found.GetProperty("name").GetString());
        var difference = Assert.Single(found.GetProperty("properties").GetProperty("differences").EnumerateArray());
        Assert.Equal(("/spec/replicas", "7", "3", "web"), (difference.GetProperty("path").GetString(), difference.GetProperty("valueInMember").GetString(), difference.GetProperty("valueInHub").GetString(), difference.GetProperty("resource").GetProperty("name").GetString()));
        Assert.Equal((cluster.Name, "Available"), Assert.Single(await site.ClustersAsync("shop", "?$filter=drifted eq true")));
        Assert.Single(await site.ClustersAsync("shop", "?$filter=state eq 'Available' and drifted eq false"));
        Assert.Equal("FoundDrifts", (await ClusterAsync(site, cluster.Name, _ => true, "it")).GetProperty("error").GetProperty("code").GetString());

        // Looked at again it is left again, and since when it is so is kept.
        var since = difference.GetProperty("firstObservedTime").GetDateTimeOffset();
        await DriftAsync(site, new() { ["refresh"] = true });
        await Eventually.Async(async () => Differences(await DriftAsync(site)).Single() is var again && again.GetProperty("lastObservedTime").GetDateTimeOffset() > since && again.GetProperty("firstObservedTime").GetDateTimeOffset() == since, "it is seen again");
        Assert.Equal(7, Replicas(site, cluster.Name));

        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"), hold);
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 2 && seen.Summary("available") == 2 && seen.Summary("drifted") == 0, "a new revision overwrites it");
        Assert.Equal(3, Replicas(site, cluster.Name));
        Assert.Empty(Differences(await DriftAsync(site)));

        // What is gone stays gone; with the placement all that is known of it goes.
        await SendAsync(cluster, HttpMethod.Delete, Web, body: null);
        await DriftAsync(site, new() { ["refresh"] = true });
        await Eventually.Async(async () => Differences(await DriftAsync(site)).Select(one => one.GetProperty("path").GetString()).SequenceEqual([""]), "it is gone");
        Assert.Equal("FoundDrifts", (await ClusterAsync(site, cluster.Name, seen => seen.GetProperty("state").GetString() == "Failed", "it is missed")).GetProperty("error").GetProperty("code").GetString());
        Assert.Null(site.Find(cluster.Name, Web));
        await site.DoneAsync((await site.Arm.DeleteAsync(site.Placement("shop"))).Is(202));
        Assert.Equal(0L, await plane.Database.ScalarAsync("select count(*) from binding_issues i join fleet_members m on m.id = i.member_id where m.fleet_key = $1", site.Fleet.ToLowerInvariant()));
    }

    [Fact]
    public async Task A_report_writes_nothing_and_what_was_reported_can_be_applied()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        var (there, empty) = (site.Clusters.Ready.Clusters[0], site.Clusters.Ready.Clusters[1]);
        await PrepareAsync(there, replicas: 5);
        foreach (var cluster in site.Clusters.Ready.Clusters)
            site.Clusters.Find(cluster.Name)!.Tally.Clear();
        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["applyStrategy"] = new JsonObject { ["type"] = "ReportDiff" } });
        var reported = await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("differing") == 2, "both have reported");
        Assert.Equal(("True DiffReportingCompleted", null, 2), (reported.Condition("ClusterResourcePlacementDiffReported"), reported.Condition("ClusterResourcePlacementAvailable"), reported.Run("healthy")));
        Assert.Equal([(there.Name, "DiffReported"), (empty.Name, "DiffReported")], await site.ClustersAsync("shop", "?$filter=state eq 'DiffReported'"));
        var members = (await DriftAsync(site)).GetProperty("value").EnumerateArray().ToDictionary(one => one.GetProperty("name").GetString()!, one => one.GetProperty("properties").GetProperty("differences").EnumerateArray().ToList());
        Assert.Equal(("/spec/replicas", "5", "3", "Diff"), members[there.Name].Select(one => (one.GetProperty("path").GetString(), one.GetProperty("valueInMember").GetString(), one.GetProperty("valueInHub").GetString(), one.GetProperty("kind").GetString())).Single());
        Assert.Equal(["", ""], members[empty.Name].Select(one => one.GetProperty("path").GetString()!));
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Equal(0, site.Clusters.Find(cluster.Name)!.Tally.Writes.Values.Sum(write => write.Changes)));
        Assert.Equal(5, Replicas(site, there.Name));
        Assert.Null(site.Find(empty.Name, Web));

        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["applyStrategy"] = new JsonObject { ["force"] = true } });
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 2 && seen.Summary("available") == 2 && seen.Summary("differing") == 0, "it is applied");
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Equal(3, Replicas(site, cluster.Name)));
        Assert.Empty(Differences(await DriftAsync(site)));
    }

    [Fact]
    public async Task What_was_there_is_taken_over_never_when_it_is_the_same_or_always()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 });
        var (different, same) = (site.Clusters.Ready.Clusters[0], site.Clusters.Ready.Clusters[1]);
        await PrepareAsync(different, replicas: 5);
        await PrepareAsync(same, replicas: 3);
        async Task PlaceAsync(string when, bool force = false) => await site.PlaceAsync("shop", FleetSite.Shop(), new()
        {
            ["applyStrategy"] = new JsonObject { ["whenToTakeOver"] = when, ["force"] = force }, ["strategy"] = new JsonObject { ["maxConcurrency"] = "100%", ["maxFailures"] = "100%" },
        });
        string? Code(JsonElement seen) => seen.TryGetProperty("error", out var error) ? error.GetProperty("code").GetString() : null;

        await PlaceAsync("Never");
        await ClusterAsync(site, same.Name, seen => Code(seen) == "NotTakenOver", "what was there is left alone");
        // However often it is looked at.
        await site.StatusAsync("shop", seen => seen.RunState == "Failed" && seen.Summary("failed") == 2, "both say so");

        await PlaceAsync("IfNoDiff");
        await ClusterAsync(site, same.Name, seen => seen.GetProperty("state").GetString() == "Available", "what is the same is taken over");
        await ClusterAsync(site, different.Name, seen => Code(seen) == "FailedToTakeOver", "what differs is not");
        Assert.Equal(("/spec/replicas", "5", "3", "Diff"), Differences(await DriftAsync(site)).Select(one => (one.GetProperty("path").GetString(), one.GetProperty("valueInMember").GetString(), one.GetProperty("valueInHub").GetString(), one.GetProperty("kind").GetString())).Single());
        Assert.Equal(5, Replicas(site, different.Name));
        Assert.Null(site.Find(different.Name, Web)!["metadata"]!["annotations"]?["fleet.controlplane.io/placement"]);
        Assert.NotNull(site.Find(same.Name, Web)!["metadata"]!["annotations"]!["fleet.controlplane.io/placement"]);

        await PlaceAsync("Always", force: true);
        await site.StatusAsync("shop", seen => seen.Summary("available") == 2 && seen.Summary("differing") == 0, "all of it is taken over");
        Assert.Equal(3, Replicas(site, different.Name));
    }

    [Fact]
    public async Task Values_of_Secrets_are_neither_kept_nor_shown()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 });
        var cluster = site.Clusters.Ready.Clusters[0];
        var key = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Secret", ["metadata"] = new JsonObject { ["name"] = "key", ["namespace"] = "shop", ["labels"] = new JsonObject { ["team"] = "web" } }, ["type"] = "Opaque" };
        await site.PlaceAsync("shop", FleetSite.Shop(more: key), new() { ["applyStrategy"] = new JsonObject { ["comparisonOption"] = "FullComparison", ["whenToApply"] = "IfNotDrifted" } });
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 1, "it is there");
        var (value, text) = (Convert.ToBase64String("swordfish"u8), "{\"metadata\":{\"labels\":{\"team\":\"swordfish\"}},\"data\":{\"password\":\"SECRET\"}}");
        await SendAsync(cluster, HttpMethod.Patch, $"{Key}?fieldManager=kubectl-edit", JsonNode.Parse(text.Replace("SECRET", value, StringComparison.Ordinal)));
        await DriftAsync(site, new() { ["refresh"] = true });
        await Eventually.Async(async () => Differences(await DriftAsync(site)).Select(one => one.GetProperty("path").GetString()).Order(StringComparer.Ordinal).SequenceEqual(["/data/password", "/metadata/labels/team"]), "both are found");
        var told = (await DriftAsync(site)).GetRawText();
        Assert.DoesNotContain("swordfish", told, StringComparison.Ordinal);
        Assert.DoesNotContain(value, told, StringComparison.Ordinal);
        Assert.Equal(0L, await plane.Database.ScalarAsync("select count(*) from binding_issues where value_in_member like $1 or value_in_member like $2 or value_in_hub like $2", $"%{value}%", "%swordfish%"));
    }

    [Fact]
    public async Task An_agent_finds_drift_by_itself_and_tells_it()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 }, isPull: _ => true);
        var cluster = site.Clusters.Ready.Clusters[0];
        await using var agent = await TestAgent.PlaceAsync(site, cluster.Name, driftInterval: "00:00:01");
        await agent.GiveAsync(await site.OnboardAsync(cluster.Name));
        await agent.StartAsync();
        var hold = new JsonObject { ["applyStrategy"] = new JsonObject { ["whenToApply"] = "IfNotDrifted" } };
        await site.PlaceAsync("shop", FleetSite.Shop(), hold);
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 1, "it is there");
        await SendAsync(cluster, HttpMethod.Patch, $"{Web}?fieldManager=kubectl-edit", Edited(7));
        await site.StatusAsync("shop", seen => seen.Summary("drifted") == 1, "the agent has found it");
        Assert.Equal("/spec/replicas", Differences(await DriftAsync(site)).Single().GetProperty("path").GetString());
        Assert.Equal(7, Replicas(site, cluster.Name));

        // Somebody undoes it, and the agent says so.
        await SendAsync(cluster, HttpMethod.Patch, $"{Web}?fieldManager=kubectl-edit", Edited(3));
        await site.StatusAsync("shop", seen => seen.Summary("drifted") == 0, "the agent has seen that it is undone");

        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"), new() { ["applyStrategy"] = new JsonObject { ["force"] = true } });
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 2 && seen.Summary("available") == 1, "the next revision is there");
        await SendAsync(cluster, HttpMethod.Patch, $"{Web}?fieldManager=kubectl-edit", Edited(7));
        await ClusterAsync(site, cluster.Name, seen => seen.GetProperty("repairs").GetInt32() > 0, "the agent has repaired it");
        Assert.Equal(3, Replicas(site, cluster.Name));
        Assert.Empty(agent.Log.Errors);
    }

    [Fact]
    public async Task An_agent_looks_at_once_when_it_is_asked()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 }, isPull: _ => true);
        var cluster = site.Clusters.Ready.Clusters[0];
        await using var agent = await TestAgent.StartAsync(site, cluster.Name);
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 1, "it is there");
        await SendAsync(cluster, HttpMethod.Patch, $"{Web}?fieldManager=kubectl-edit", Edited(7));
        Assert.Equal(1, (await DriftAsync(site, new() { ["refresh"] = true })).GetProperty("refreshing").GetInt32());
        await ClusterAsync(site, cluster.Name, seen => seen.GetProperty("repairs").GetInt32() == 1, "the agent has repaired it");
        Assert.Equal(3, Replicas(site, cluster.Name));
    }

    [Fact]
    public async Task What_cannot_be_meant_is_refused()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 });
        async Task<ArmAnswer> PutAsync(JsonObject strategy) => await site.Arm.PutAsync(site.Placement("bad"), new JsonObject { ["properties"] = new JsonObject { ["manifests"] = FleetSite.Shop(), ["applyStrategy"] = strategy } });
        (await PutAsync(new() { ["type"] = "ClientSideApply" })).Is(400);
        (await PutAsync(new() { ["whenToTakeOver"] = "Sometimes" })).Is(400);
        (await PutAsync(new() { ["whenToApply"] = 1 })).Is(400);
        var faults = (await PutAsync(new() { ["type"] = "ReportDiff", ["force"] = true, ["whenToApply"] = "IfNotDrifted", ["whenToTakeOver"] = "Never" })).Is(400);
        Assert.Equal(["properties.applyStrategy.force", "properties.applyStrategy.whenToApply", "properties.applyStrategy.whenToTakeOver"], faults.Targets.Where(target => target?.StartsWith("properties.", StringComparison.Ordinal) is true).Order(StringComparer.Ordinal));

        await site.PlaceAsync("shop", FleetSite.Shop());
        var drift = $"{site.Placement("shop")}/drift";
        foreach (var query in new[] { "?$top=0", "?$filter=odd eq 'x'", "?$filter=kind eq 'Odd'", "?$filter=kind eq 'Drift' and kind eq 'Diff'", "?$filter=kind eq" })
            (await site.Arm.PostAsync(drift + query)).Is(400);
        (await site.Arm.PostAsync(drift, new JsonObject { ["refresh"] = "yes" })).Is(400);
        (await site.Arm.PostAsync($"{site.Placement("nobody")}/drift")).Is(404);
        foreach (var query in new[] { "?$filter=drifted eq 'maybe'", "?$filter=state eq 'Odd'", "?$filter=kind eq 'Drift'" })
            (await site.Arm.GetAsync($"{site.Placement("shop")}/clusters{query}")).Is(400);
    }

    private static JsonObject Edited(int replicas) => new() { ["spec"] = new JsonObject { ["replicas"] = replicas } };

    private static int? Replicas(FleetSite site, string cluster) => site.Find(cluster, Web)?["spec"]!["replicas"]!.GetValue<int>();

    private static async Task<JsonElement> DriftAsync(FleetSite site, JsonObject? body = null, string query = "") => (await site.Arm.PostAsync($"{site.Placement("shop")}/drift{query}", body)).Is(200).Json;

    private static IEnumerable<JsonElement> Differences(JsonElement page) => page.GetProperty("value").EnumerateArray().SelectMany(one => one.GetProperty("properties").GetProperty("differences").EnumerateArray());

    /// <summary>How the placement stands on a cluster, once it is as it should be.</summary>
    private static Task<JsonElement> ClusterAsync(FleetSite site, string cluster, Func<JsonElement, bool> condition, string description) => Eventually.Async(async () =>
        (await site.Arm.GetAsync($"{site.Placement("shop")}/clusters")).Is(200).Json.GetProperty("value").EnumerateArray().Single(one => one.GetProperty("name").GetString() == cluster).GetProperty("properties"), condition, description);

    /// <summary>What the placement wants is on a cluster already, by somebody's hand.</summary>
    private static async Task PrepareAsync(FleetCluster cluster, int replicas)
    {
        await SendAsync(cluster, HttpMethod.Post, "/api/v1/namespaces", Manifests.Namespace("shop"));
        var web = Manifests.Deployment(replicas: replicas);
        web["metadata"]!["namespace"] = "shop";
        await SendAsync(cluster, HttpMethod.Post, "/apis/apps/v1/namespaces/shop/deployments", web);
    }

    private static async Task SendAsync(FleetCluster cluster, HttpMethod method, string path, JsonNode? body)
    {
        using var client = new HttpClient(TestFleet.Handler(cluster.Ca));
        using var request = new HttpRequestMessage(method, cluster.Url + path) { Content = body is null ? null : new StringContent(body.ToJsonString(), new System.Net.Http.Headers.MediaTypeHeaderValue(method == HttpMethod.Patch ? TestFleet.Merge : "application/json")) };
        request.Headers.Authorization = new("Bearer", cluster.Token);
        using var response = await client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }
}
