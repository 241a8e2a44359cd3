using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Runs of one fleet at the same time, and runs that are about control planes alone.</summary>
[Collection(FleetSuite.Name)]
public sealed class UpdateRunsTogetherTests(ControlPlaneFixture plane)
{
    private const string Kind = "AKSUbuntu-2204gen2containerd";

    [Fact]
    public async Task A_run_for_control_planes_alone_leaves_nodes_as_they_are_and_fails_where_there_is_none()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2, Nodes = 2 });
        string Plane(string cluster) => $"/apis/controlplane.cluster.x-k8s.io/v1beta1/namespaces/kube-system/kubeadmcontrolplanes/{cluster}";
        var before = site.Nodes("store-0001").Select(node => node["status"]!["nodeInfo"]!["kubeletVersion"]!.ToString()).ToList();
        JsonObject To(string version) => new() { ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "ControlPlaneOnly", ["kubernetesVersion"] = version } } };
        await site.RunAsync("planes", To("1.33.1"));
        await site.ActAsync("planes", "start");
        var ended = await site.SeenAsync("planes", seen => seen.State == "Completed", "it ends");
        Assert.Equal(["Completed default: store-0001 Completed, store-0002 Completed"], ended.Tree);
        Assert.Equal("v1.33.1", site.Find("store-0001", Plane("store-0001"))!["status"]!["version"]!.ToString());
        Assert.Equal(before, site.Nodes("store-0001").Select(node => node["status"]!["nodeInfo"]!["kubeletVersion"]!.ToString()));
        Assert.DoesNotContain("v1.33.1", before);

        // An older version is never gone back to: there is nothing to do.
        await site.RunAsync("older", To("1.30.0"));
        await site.ActAsync("older", "start");
        await site.SeenAsync("older", seen => seen.State == "Completed", "nothing is to be done");
        Assert.Equal("v1.33.1", site.Find("store-0001", Plane("store-0001"))!["spec"]!["version"]!.ToString());

        site.Clusters.Find("store-0001")!.Api.Store.Remove("kubeadmcontrolplanes.controlplane.cluster.x-k8s.io", "kube-system", "store-0001");
        await site.RunAsync("hosted", To("1.34.0"));
        await site.ActAsync("hosted", "start");
        var failed = await site.SeenAsync("hosted", seen => seen.State == "Failed", "a hosted control plane is upgraded elsewhere");
        Assert.Contains("KubeadmControlPlane", failed.Members[0].GetProperty("message").GetString(), StringComparison.Ordinal);
        (await site.Arm.PutAsync(site.Run("odd"), new JsonObject { ["properties"] = new JsonObject { ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "ControlPlaneOnly" } } } })).Is(400);
    }

    [Fact]
    public async Task Two_runs_at_once_update_no_member_together_and_both_end()
    {
        // A node takes a third of a second.
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 3, Nodes = 2, Clock = 0.005 });
        var names = new[] { "one", "two" };
        foreach (var (name, at) in names.Select((name, at) => (name, at)))
        {
            await site.RunAsync(name, new()
            {
                ["managedClusterUpdate"] = new JsonObject
                {
                    ["upgrade"] = new JsonObject { ["type"] = "NodeImageOnly" },
                    ["nodeImageSelection"] = new JsonObject { ["type"] = "Custom", ["customNodeImageVersions"] = new JsonArray(new JsonObject { ["version"] = $"{Kind}-20260{at + 2}.1.0" }) },
                },
            });
        }

        await Task.WhenAll(names.Select(name => site.ActAsync(name, "start")));
        var ended = await Task.WhenAll(names.Select(name => site.SeenAsync(name, seen => seen.State == "Completed", $"run {name} ends")));
        foreach (var member in site.Clusters.Ready.Clusters.Select(cluster => cluster.Name))
        {
            var (one, two) = (Time(ended[0], member), Time(ended[1], member));
            Assert.True(one.End <= two.Start || two.End <= one.Start, $"{member} was in the hands of both runs: {one} {two}");
        }

        Assert.All(ended, run => Assert.Equal(["Completed default: store-0001 Completed, store-0002 Completed, store-0003 Completed"], run.Tree));
    }

    private static (DateTimeOffset Start, DateTimeOffset End) Time(RunSeen run, string member)
    {
        var status = run.Members.Single(one => one.GetProperty("name").GetString() == member).GetProperty("status");
        return (status.GetProperty("startTime").GetDateTimeOffset(), status.GetProperty("completedTime").GetDateTimeOffset());
    }
}
