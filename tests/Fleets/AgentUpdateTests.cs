using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Update runs reach clusters that nobody can call: their agents do what a worker does elsewhere.</summary>
[Collection(FleetSuite.Name)]
[UnsupportedOSPlatform("windows")]
public sealed class AgentUpdateTests(ControlPlaneFixture plane)
{
    private const string Kind = "AKSUbuntu-2204gen2containerd";
    private const string Newer = Kind + "-202602.10.0";

    [Fact]
    public async Task Members_that_call_are_updated_like_members_that_are_called()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 4, Nodes = 2 }, isPull: cluster => cluster.Name[^1] is '2' or '3');
        await using var second = await TestAgent.StartAsync(site, "store-0002");
        await using var third = await TestAgent.StartAsync(site, "store-0003");
        await site.RunAsync("image", new() { ["managedClusterUpdate"] = Image(Newer) });
        await site.ActAsync("image", "start");
        var ended = await site.SeenAsync("image", seen => seen.State == "Completed", "the node image is everywhere");
        Assert.Equal(["Completed default: store-0001 Completed, store-0002 Completed, store-0003 Completed, store-0004 Completed"], ended.Tree);
        foreach (var cluster in site.Clusters.Ready.Clusters)
            Assert.All(site.Nodes(cluster.Name), node => Assert.Equal(Newer, node["metadata"]!["labels"]!["kubernetes.azure.com/node-image-version"]!.ToString()));

        await site.RunAsync("full", new() { ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "Full", ["kubernetesVersion"] = "1.33.1" } } });
        await site.ActAsync("full", "start");
        await site.SeenAsync("full", seen => seen.State == "Completed", "the upgrade ends");
        Assert.Equal("v1.33.1", site.Find("store-0003", "/apis/controlplane.cluster.x-k8s.io/v1beta1/namespaces/kube-system/kubeadmcontrolplanes/store-0003")!["status"]!["version"]!.ToString());
        Assert.All(site.Nodes("store-0003"), node => Assert.Equal("v1.33.1", node["status"]!["nodeInfo"]!["kubeletVersion"]!.ToString()));

        // What cannot be done is the member's failure, and says why.
        await site.RunAsync("addon", new()
        {
            ["members"] = new JsonArray("store-0002"),
            ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "AddonVersion", ["addonVersion"] = new JsonObject { ["name"] = "nowhere", ["version"] = "1.5.0" } } },
        });
        await site.ActAsync("addon", "start");
        var failed = await site.SeenAsync("addon", seen => seen.State == "Failed", "there is no such add-on");
        Assert.Contains("kube-system/nowhere", Assert.Single(failed.Members).GetProperty("status").GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Empty(second.Log.Errors.Concat(third.Log.Errors));
    }

    [Fact]
    public async Task A_member_whose_agent_is_silent_is_deferred_and_follows_when_the_agent_is_back()
    {
        await using var impatient = await ControlPlaneFixture.StartAsync(("Agents:SilentAfter", "00:00:02"));
        await using var site = await FleetSite.StartAsync(impatient, new() { Clusters = 2 }, isPull: cluster => cluster.Name.EndsWith('1'));
        await site.RunAsync("image", new() { ["managedClusterUpdate"] = Image(Newer) });
        await site.ActAsync("image", "start");
        var ended = await site.SeenAsync("image", seen => seen.State == "Completed", "the others do not wait");
        Assert.Equal(["Completed default: store-0001 Pending, store-0002 Completed"], ended.Tree);
        await using var agent = await TestAgent.StartAsync(site, "store-0001");
        await site.SeenAsync("image", seen => seen.Tree[0].Contains("store-0001 Completed", StringComparison.Ordinal), "it follows");
        Assert.All(site.Nodes("store-0001"), node => Assert.Equal(Newer, node["metadata"]!["labels"]!["kubernetes.azure.com/node-image-version"]!.ToString()));
    }

    [Fact]
    public async Task What_an_agent_says_of_an_earlier_claim_changes_nothing_and_saying_it_twice_changes_nothing_more()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 }, isPull: _ => true);
        await using var agent = await TestAgent.StartAsync(site, "store-0001");
        await Eventually.Async(() => File.Exists(Path.Combine(agent.StateDirectory, "agent.crt")), "the agent is known");
        await agent.StopAsync();
        await site.RunAsync("image", new() { ["managedClusterUpdate"] = Image(Newer) });
        await site.ActAsync("image", "start");
        var (hub, state) = agent.Speak();
        using (hub)
        {
            Task SayAsync(AgentUpdate update, RolloutMemberState how) =>
                hub.ReportAsync(state.Identity()!, new() { Updates = [new() { Run = update.Run, Claim = update.Claim, State = how, Message = "It says so." }] }, CancellationToken.None);
            async Task<AgentWork> WorkAsync() => await hub.WorkAsync(state.Identity()!, cursor: 0, TimeSpan.Zero, CancellationToken.None);
            var first = Assert.Single((await Eventually.Async(WorkAsync, work => work.Updates.Count == 1, "there is an update to do")).Updates);
            Assert.Equal(Newer, Assert.Single(first.Update.NodeImageSelection!.CustomNodeImageVersions).Version);
            await SayAsync(first, RolloutMemberState.Failed);
            await site.SeenAsync("image", seen => seen.State == "Failed", "the agent says that it failed");
            Assert.Empty((await WorkAsync()).Updates);

            // It is tried again: a failure that is said twice is that of the first attempt.
            await site.ActAsync("image", "start");
            var again = Assert.Single((await Eventually.Async(WorkAsync, work => work.Updates.Count == 1, "it is to be done again")).Updates);
            Assert.True(again.Claim > first.Claim);
            await SayAsync(first, RolloutMemberState.Failed);
            await SayAsync(first, RolloutMemberState.Healthy);
            Assert.Equal(again.Claim, Assert.Single((await WorkAsync()).Updates).Claim);
            await site.SeenAsync("image", seen => seen.State == "Running", "it goes on");
            var refused = await Assert.ThrowsAsync<ControlPlane.Agent.HubRefusedException>(() => SayAsync(again, RolloutMemberState.Skipped));
            Assert.Equal("InvalidRequestContent", refused.Code);
            await SayAsync(again, RolloutMemberState.Updating);
            await SayAsync(again, RolloutMemberState.Healthy);
            await SayAsync(again, RolloutMemberState.Failed);
            await site.SeenAsync("image", seen => seen.State == "Completed", "what was said first counts");
        }
    }

    [Fact]
    public async Task A_member_that_is_skipped_while_its_agent_updates_it_is_left_alone()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2, Nodes = 2 }, isPull: _ => true);
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.Status, Status = 503, Method = "PATCH", Path = "*machinedeployments*", Clusters = ["store-0001"] });
        await using var first = await TestAgent.StartAsync(site, "store-0001");
        await using var second = await TestAgent.StartAsync(site, "store-0002");
        await site.RunAsync("image", new() { ["managedClusterUpdate"] = Image(Newer) });
        await site.ActAsync("image", "start");
        await site.SeenAsync("image", seen => seen.Members.Any(member => member.GetProperty("name").GetString() == "store-0001" && member.TryGetProperty("message", out _)), "the agent tries and says why it does not get on");
        await site.ActAsync("image", "skip", new() { ["targets"] = new JsonArray(new JsonObject { ["type"] = "Member", ["name"] = "store-0001" }) });
        // The other takes several looks: the agent of the first knows by then that nothing is to be done any more, and could.
        var ended = await site.SeenAsync("image", seen => seen.State == "Completed", "the other is updated");
        site.Clusters.Faults.Remove(null);
        Assert.Equal(["Completed default: store-0001 Skipped, store-0002 Completed"], ended.Tree);
        Assert.DoesNotContain(site.Nodes("store-0001"), node => node["metadata"]!["labels"]!["kubernetes.azure.com/node-image-version"]!.ToString() == Newer);
    }

    private static JsonObject Image(string image) => new()
    {
        ["upgrade"] = new JsonObject { ["type"] = "NodeImageOnly" },
        ["nodeImageSelection"] = new JsonObject { ["type"] = "Custom", ["customNodeImageVersions"] = new JsonArray(new JsonObject { ["version"] = image }) },
    };
}
