using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Simulators.Fleet;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Clusters that nobody can call: their agents come for what is to be done, and what is placed gets there as it does elsewhere.</summary>
[Collection(FleetSuite.Name)]
[UnsupportedOSPlatform("windows")]
public sealed class AgentTests(ControlPlaneFixture plane)
{
    private const string Web = "/apis/apps/v1/namespaces/shop/deployments/web";
    private const string Settings = "/api/v1/namespaces/shop/configmaps/settings";

    [Fact]
    public async Task An_agent_brings_what_is_placed_takes_it_back_and_takes_it_away()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 }, isPull: _ => true);
        var cluster = site.Clusters.Ready.Clusters[0].Name;
        await using var agent = await TestAgent.StartAsync(site, cluster);
        var settings = Manifests.ConfigMap("settings", ("mode", "one"));
        settings["metadata"]!["namespace"] = "shop";
        await site.PlaceAsync("shop", FleetSite.Shop(more: settings));
        await site.StatusAsync("shop", seen => seen is { CompletedRevision: 1, RunState: "Succeeded" } && seen.Summary("available") == 1, "the first revision is there");
        Assert.NotNull(site.Find(cluster, Settings));

        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"));
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 2 && seen.Summary("available") == 1, "the second revision is there");
        Assert.Null(site.Find(cluster, Settings));
        Assert.Contains("web:2.0", site.Find(cluster, Web)!.ToJsonString(), StringComparison.Ordinal);

        Assert.Equal("Succeeded", (await site.Arm.FinishAsync((await site.Arm.PostAsync($"{site.Placement("shop")}/rollback")).Is(202))).OperationStatus);
        await site.StatusAsync("shop", seen => seen.RunState == "RolledBack" && seen.Summary("available") == 1, "it is back");
        Assert.NotNull(site.Find(cluster, Settings));
        Assert.Contains("web:1.0", site.Find(cluster, Web)!.ToJsonString(), StringComparison.Ordinal);

        await site.DoneAsync((await site.Arm.DeleteAsync(site.Placement("shop"))).Is(202));
        Assert.Null(site.Find(cluster, Web));
        Assert.Null(site.Find(cluster, "/api/v1/namespaces/shop"));
        Assert.Equal(cluster, await plane.Database.ScalarAsync("select split_part(cluster_key, '/', 9) from cluster_inventories where cluster_key = $1 and kubernetes_version like 'v1.%' and node_count > 0 and last_seen is not null", site.Cluster(cluster).ToLowerInvariant()));
        Assert.Empty(agent.Log.Errors);
    }

    [Fact]
    public async Task Members_that_are_called_and_members_that_call_are_in_one_rollout()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 8 }, isPull: cluster => cluster.Name[^1] % 2 == 0);
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.NeverAvailable, Images = ["*:bad"] });
        var agents = new List<TestAgent>();
        foreach (var cluster in site.Clusters.Ready.Clusters.Where(cluster => cluster.Name[^1] % 2 == 0))
            agents.Add(await TestAgent.StartAsync(site, cluster.Name));
        var strategy = new JsonObject { ["strategy"] = new JsonObject { ["maxConcurrency"] = "50%", ["maxFailures"] = "1", ["onFailure"] = "Rollback", ["progressDeadlineSeconds"] = 3 } };
        // The good one takes as long as it takes; only the bad one has a deadline.
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 1 && seen.Summary("available") == 8, "all have it", TimeSpan.FromSeconds(60));
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:bad"), strategy);
        await site.StatusAsync("shop", seen => seen.RunState == "RolledBack" && seen.Summary("available") == 8, "all are back", TimeSpan.FromSeconds(60));
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Contains("web:1.0", site.Find(cluster.Name, Web)!.ToJsonString(), StringComparison.Ordinal));
        foreach (var agent in agents)
            await agent.DisposeAsync();
    }

    [Fact]
    public async Task Each_cluster_gets_what_is_rendered_for_it_and_what_cannot_be_rendered_is_said()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2, Labels = new Dictionary<string, Shares>(StringComparer.Ordinal) { ["tier"] = Shares.Parse("gold:1,silver:1") } }, isPull: _ => true);
        await using var first = await TestAgent.StartAsync(site, site.Clusters.Ready.Clusters[0].Name);
        await using var second = await TestAgent.StartAsync(site, site.Clusters.Ready.Clusters[1].Name);
        JsonObject Named(string value) => new()
        {
            ["overrides"] = new JsonArray(new JsonObject
            {
                ["target"] = new JsonObject { ["kind"] = "Deployment" }, ["jsonPatchOverrides"] = new JsonArray(new JsonObject { ["op"] = "Add", ["path"] = "/metadata/labels", ["value"] = new JsonObject { ["store"] = value } }),
            }),
        };
        await site.PlaceAsync("shop", FleetSite.Shop(), Named("${MEMBER-CLUSTER-NAME}"));
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 2, "both have it");
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Equal(cluster.Name, site.Find(cluster.Name, Web)!["metadata"]!["labels"]!["store"]!.GetValue<string>()));
        await site.PlaceAsync("shop", FleetSite.Shop(), Named("${MEMBER-CLUSTER-LABEL-KEY-nowhere}"));
        var failed = await site.StatusAsync("shop", seen => seen.Summary("failed") > 0, "it says so");
        Assert.StartsWith("True MembersFailed", failed.Condition("Degraded"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_is_killed_goes_on_where_it_was_and_one_that_is_cut_off_goes_on_by_itself()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 }, isPull: _ => true);
        var cluster = site.Clusters.Ready.Clusters[0].Name;
        await using var relay = new TcpRelay("127.0.0.1", plane.Endpoint.Port);
        await using var agent = await TestAgent.PlaceAsync(site, cluster, new Uri($"https://127.0.0.1:{relay.Port}"));
        var token = await site.OnboardAsync(cluster);
        await agent.GiveAsync(token);

        // Killed while the workload does not come: the namespace is applied by then, and the rest is not.
        var fault = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.Hang, Method = "PATCH", Path = "*/deployments/*" });
        await using (var killed = agent.StartProcess())
        {
            await site.PlaceAsync("shop", FleetSite.Shop());
            await Eventually.Async(() => fault.Strikes > 0 ? true : killed.IsRunning ? false : throw new InvalidOperationException(killed.ToString()), "the agent is in the middle of it");
            await killed.KillAsync();
            Assert.DoesNotContain(token, killed.Output, StringComparison.Ordinal);
        }

        Assert.NotNull(site.Find(cluster, "/api/v1/namespaces/shop"));
        Assert.Null(site.Find(cluster, Web));
        site.Clusters.Faults.Remove(fault.Id);
        await using var restarted = agent.StartProcess();
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 1, "the agent goes on after it was started again");

        // The front door goes away, and something else is wanted meanwhile.
        await relay.CutAsync();
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"));
        Assert.Contains("web:1.0", site.Find(cluster, Web)!.ToJsonString(), StringComparison.Ordinal);
        relay.Mend();
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 2 && seen.Summary("available") == 1, "the agent goes on when the front door is back", TimeSpan.FromSeconds(60));
        Assert.Contains("web:2.0", site.Find(cluster, Web)!.ToJsonString(), StringComparison.Ordinal);
        await restarted.StopAsync();
        Assert.DoesNotContain(token, restarted.Output, StringComparison.Ordinal);
        Assert.All(Directory.EnumerateFiles(agent.StateDirectory), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }

    [Fact]
    public async Task A_member_whose_agent_is_silent_holds_nobody_up_and_follows_when_it_is_back()
    {
        await using var impatient = await ControlPlaneFixture.StartAsync(("Agents:SilentAfter", "00:00:02"));
        await using var site = await FleetSite.StartAsync(impatient, new() { Clusters = 3 }, isPull: cluster => cluster.Name.EndsWith('1'));
        var silent = Assert.Single(site.Clusters.Ready.Clusters, cluster => cluster.Name.EndsWith('1')).Name;
        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["strategy"] = new JsonObject { ["maxConcurrency"] = "100%" } });
        var ended = await site.StatusAsync("shop", seen => seen.RunState == "Succeeded", "the others do not wait");
        Assert.Equal((2, 1), (ended.Run("healthy"), ended.Run("deferred")));
        Assert.Equal((silent, "Offline"), Assert.Single(await site.ClustersAsync("shop", "?state=Offline")));
        await using var agent = await TestAgent.StartAsync(site, silent);
        await site.StatusAsync("shop", seen => seen.Summary("available") == 3, "it follows");
    }
}
