using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>A revision reaches members in stages, holds where it should, and goes back when it is bad.</summary>
[Collection(FleetSuite.Name)]
public sealed class RolloutTests(ControlPlaneFixture plane)
{
    private const string Web = "/apis/apps/v1/namespaces/shop/deployments/web";
    private const string Bad = "registry.example/web:bad";

    [Fact]
    public async Task A_run_holds_after_exactly_so_many_healthy_members_and_goes_on_when_it_is_told()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 10 });
        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["strategy"] = new JsonObject { ["maxConcurrency"] = "100%", ["pauseAfterHealthyClusters"] = "4" } });
        var held = await site.StatusAsync("shop", seen => seen.RunState == "HealthyHold", "it holds");
        Assert.Equal((4, 6, 0), (held.Run("healthy"), held.Run("pending"), held.Run("updating")));
        Assert.Equal(4, site.Clusters.Ready.Clusters.Count(cluster => site.Find(cluster.Name, Web) is not null));
        Assert.Equal("True HealthyHoldReached", held.Condition("Paused"));
        (await site.Arm.PostAsync($"{site.Placement("shop")}/pause")).Is(202);
        await site.StatusAsync("shop", seen => seen.RunState == "Paused", "it is paused");
        await site.DoneAsync((await site.Arm.PostAsync($"{site.Placement("shop")}/resume")).Is(202));
        await site.StatusAsync("shop", seen => seen.RunState == "HealthyHold" && seen.Run("healthy") is 4, "what was paused on request still holds where it held");
        await site.DoneAsync((await site.Arm.PostAsync($"{site.Placement("shop")}/resume")).Is(202));
        await site.StatusAsync("shop", seen => seen.RunState == "HealthyHold" && seen.Run("healthy") == 8, "it holds again");
        await site.DoneAsync((await site.Arm.PostAsync($"{site.Placement("shop")}/resume")).Is(202));
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 10, "it ends");
        (await site.Arm.PostAsync($"{site.Placement("shop")}/resume")).Is(409, "NothingToResume");
        (await site.Arm.PostAsync($"{site.Placement("shop")}/pause")).Is(409, "NothingToPause");
    }

    [Fact]
    public async Task Stages_follow_each_other_and_a_timer_is_waited_for()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 6, Labels = new Dictionary<string, Shares>(StringComparer.Ordinal) { ["ring"] = Shares.Parse("canary:1,broad:2") } });
        await site.PlaceAsync("shop", FleetSite.Shop(), new()
        {
            ["strategy"] = new JsonObject
            {
                ["stages"] = new JsonArray(
                    new JsonObject { ["name"] = "canary", ["memberSelector"] = "ring=canary", ["afterStageTasks"] = new JsonArray(new JsonObject { ["type"] = "TimedWait", ["waitSeconds"] = 2 }) },
                    new JsonObject { ["name"] = "broad", ["maxConcurrency"] = "50%" }),
            },
        });
        var waiting = await site.StatusAsync("shop", seen => seen.RunState == "WaitingTimer", "it waits after the first stage");
        Assert.Equal(2, waiting.Run("healthy"));
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Equal(cluster.Labels["ring"] == "canary", site.Find(cluster.Name, Web) is not null));
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Run("healthy") == 6, "the second stage follows");
    }

    [Fact]
    public async Task A_bad_revision_goes_back_by_itself()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 8 });
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.NeverAvailable, Images = ["*:bad"] });
        var strategy = new JsonObject { ["strategy"] = new JsonObject { ["maxConcurrency"] = "2", ["maxFailures"] = "1", ["onFailure"] = "Rollback", ["progressDeadlineSeconds"] = 2 } };
        await site.PlaceAsync("shop", FleetSite.Shop(), strategy);
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 1, "the good one is there");
        await site.PlaceAsync("shop", FleetSite.Shop(image: Bad), strategy);
        var back = await site.StatusAsync("shop", seen => seen.RunState == "RolledBack" && seen.Summary("available") == 8, "all are back");
        Assert.Equal(("Rollback", 1), (back.RunKind, back.CompletedRevision));
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.DoesNotContain(Bad, site.Find(cluster.Name, Web)!.ToJsonString(), StringComparison.Ordinal));
        var runs = (await site.Arm.GetAsync($"{site.Placement("shop")}/rolloutRuns")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("properties")).ToList();
        Assert.Equal(["RolledBack", "Failed", "Succeeded"], runs.Select(run => run.GetProperty("state").GetString()));
        Assert.Equal(2, runs[1].GetProperty("clusters").GetProperty("failed").GetInt32());
        Assert.Contains("maxFailures", runs[1].GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_way_back_a_bad_revision_stops_and_a_better_one_takes_its_place()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 5 });
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.NeverAvailable, Images = ["*:bad"] });
        await site.PlaceAsync("shop", FleetSite.Shop(image: Bad), new() { ["strategy"] = new JsonObject { ["maxConcurrency"] = "1", ["progressDeadlineSeconds"] = 1 } });
        var stopped = await site.StatusAsync("shop", seen => seen.RunState == "Failed", "it stops at the first that fails");
        Assert.Equal((1, 4), (stopped.Run("failed"), stopped.Run("pending")));
        Assert.Equal("True MembersFailed", (await site.StatusAsync("shop", seen => seen.Condition("Degraded") is "True MembersFailed", "it says which failed")).Condition("Degraded"));
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 5, "the better one is everywhere");
    }

    [Fact]
    public async Task A_member_that_cannot_be_reached_holds_nobody_up_and_follows_when_it_is_back()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 4 });
        var lost = site.Clusters.Ready.Clusters[1].Name;
        var fault = site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.ResetConnection, Clusters = [lost] });
        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["strategy"] = new JsonObject { ["maxConcurrency"] = "2" } });
        var ended = await site.StatusAsync("shop", seen => seen.RunState == "Succeeded", "the others do not wait");
        Assert.Equal((3, 1), (ended.Run("healthy"), ended.Run("deferred")));
        Assert.Equal((lost, "Offline"), Assert.Single(await site.ClustersAsync("shop", "?state=Offline")));
        site.Clusters.Faults.Remove(fault.Id);
        await site.StatusAsync("shop", seen => seen.Summary("available") == 4 && seen.Summary("offline") == 0, "it follows");
        Assert.NotNull(site.Find(lost, Web));
    }

    [Fact]
    public async Task A_server_that_is_busy_now_and_then_is_asked_again()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 3 });
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.Status, Status = 503, Method = "PATCH", Remaining = 4 });
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.Status, Status = 429, RetryAfterSeconds = 1, Method = "PATCH", Remaining = 2 });
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Run("healthy") == 3, "all are healthy in the end");
    }
}
