using System.Net.Sockets;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Simulators.Wire;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Simulators.Fleet;

/// <summary>Faults strike the clusters that they name, in the way that they say, until they are taken back.</summary>
public sealed class FaultTests
{
    [Fact]
    public async Task A_status_strikes_some_clusters_and_says_when_to_come_back()
    {
        await using var fleet = await TestFleet.StartAsync(new() { Clusters = 10 });
        var fault = await fleet.ControlAsync("POST", "/faults", JsonNode.Parse("""{"id":"busy","action":"status","status":429,"retryAfterSeconds":3,"method":"PATCH","fraction":0.3}""")!.AsObject());
        var struck = fault["clusters"]!.AsArray().Select(name => name!.GetValue<string>()).ToList();
        Assert.Equal(3, struck.Count);
        for (var index = 0; index < 10; index++)
        {
            var answer = await fleet.ApplyAsync("/api/v1/namespaces/shop", Manifests.Namespace("shop"), index: index);
            Assert.Equal(struck.Contains(fleet.Cluster(index).Name) ? 429 : 201, answer.Status);
            if (answer.Status == 429) Assert.Equal(TimeSpan.FromSeconds(3), answer.Headers.RetryAfter!.Delta);
            Assert.Equal(200, (await fleet.SendAsync("GET", "/api/v1/nodes", index: index)).Status);
        }

        await fleet.ControlAsync("DELETE", "/faults/busy");
        for (var index = 0; index < 10; index++) Assert.True((await fleet.ApplyAsync("/api/v1/namespaces/shop", Manifests.Namespace("shop"), index: index)).Status is 200 or 201);
    }

    [Fact]
    public async Task A_black_hole_swallows_handshakes_and_requests_until_it_closes()
    {
        await using var fleet = await TestFleet.StartAsync(new() { Clusters = 2 });
        Assert.Equal(200, (await fleet.SendAsync("GET", "/api/v1/nodes")).Status);
        var hole = fleet.Simulated.Faults.Add(new ClusterFault { Id = "hole", Action = ClusterFaultAction.BlackHole, Clusters = ["store-0001"] });
        var warm = fleet.SendAsync("GET", "/api/v1/nodes");
        using var cold = new HttpClient(TestFleet.Handler(fleet.Cluster().Ca));
        var fresh = cold.GetAsync(fleet.Cluster().Url + "/version", TestContext.Current.CancellationToken);
        Assert.Equal(200, (await fleet.SendAsync("GET", "/api/v1/nodes", index: 1)).Status);
        await Eventually.Async(() => hole.Strikes == 2, "the hole swallows a request and a handshake");
        Assert.False(warm.IsCompleted || fresh.IsCompleted);

        fleet.Simulated.Faults.Remove("hole");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => warm);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => fresh);
        Assert.Equal(200, (await fleet.SendAsync("GET", "/api/v1/nodes")).Status);
    }

    [Fact]
    public async Task Connections_are_reset_requests_hang_and_tokens_fail()
    {
        await using var fleet = await TestFleet.StartAsync(new() { Clusters = 3 });
        fleet.Simulated.Faults.Add(new ClusterFault { Action = ClusterFaultAction.ResetConnection, Clusters = ["store-0001"] });
        fleet.Simulated.Faults.Add(new ClusterFault { Action = ClusterFaultAction.Unauthorized, Clusters = ["store-0002"], Remaining = 1 });
        var hang = fleet.Simulated.Faults.Add(new ClusterFault { Id = "hang", Action = ClusterFaultAction.Hang, Clusters = ["store-0003"], Path = "*/nodes" });
        var reset = await Assert.ThrowsAnyAsync<HttpRequestException>(() => fleet.SendAsync("GET", "/version"));
        Assert.Contains(Causes(reset), cause => cause is SocketException or IOException);
        Assert.Equal(401, (await fleet.SendAsync("GET", "/api/v1/nodes", index: 1)).Status);
        Assert.Equal(200, (await fleet.SendAsync("GET", "/api/v1/nodes", index: 1)).Status);
        var hanging = fleet.SendAsync("GET", "/api/v1/nodes", index: 2);
        Assert.Equal(200, (await fleet.SendAsync("GET", "/api/v1/pods", index: 2)).Status);
        await Eventually.Async(() => hang.Strikes == 1, "the request hangs");
        Assert.False(hanging.IsCompleted);
        fleet.Simulated.Faults.Remove("hang");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => hanging);
    }

    [Fact]
    public async Task A_version_fails_on_some_clusters_and_recovers_when_the_fault_is_taken_back()
    {
        await using var fleet = await TestFleet.StartAsync(new() { Clusters = 4 });
        var fault = fleet.Simulated.Faults.Add(new ClusterFault { Id = "regression", Action = ClusterFaultAction.NeverAvailable, Images = ["*/web:2.0"], Fraction = 0.25 });
        var struck = Assert.Single(fault.Struck).Seat.Index;
        foreach (var version in new[] { "1.0", "2.0" })
        {
            for (var index = 0; index < 4; index++)
            {
                await fleet.NamespaceAsync("shop", index);
                await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(image: $"registry.example/web:{version}"), index: index);
                var web = (await fleet.SendAsync("GET", Manifests.Web, index: index)).Body;
                Assert.Equal(version == "2.0" && index == struck ? "False ProgressDeadlineExceeded" : "True NewReplicaSetAvailable", Manifests.Condition(web, "Progressing"));
            }
        }

        fleet.Simulated.Faults.Remove("regression");
        Assert.Equal("True NewReplicaSetAvailable", Manifests.Condition((await fleet.SendAsync("GET", Manifests.Web, index: struck)).Body, "Progressing"));
    }

    [Fact]
    public async Task A_workload_flips_between_available_and_not()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.NamespaceAsync("shop");
        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment());
        fleet.Simulated.Faults.Add(new ClusterFault { Id = "flip", Action = ClusterFaultAction.FlipFlop, DelayMilliseconds = 20 });
        foreach (var expected in new[] { "False MinimumReplicasUnavailable", "True MinimumReplicasAvailable", "False MinimumReplicasUnavailable" })
            await Eventually.Async(async () => Manifests.Condition((await fleet.SendAsync("GET", Manifests.Web)).Body, "Available") == expected, expected);
        fleet.Simulated.Faults.Remove("flip");
        await Eventually.Async(async () => Manifests.Condition((await fleet.SendAsync("GET", Manifests.Web)).Body, "Available") == "True MinimumReplicasAvailable", "it stays available");
    }

    [Fact]
    public async Task A_definition_is_established_late()
    {
        await using var fleet = await TestFleet.StartAsync();
        fleet.Simulated.Faults.Add(new ClusterFault { Id = "late", Action = ClusterFaultAction.LateCrd, DelayMilliseconds = 3_600_000 });
        const string definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tills.shop.example";
        await fleet.ApplyAsync(definition, Manifests.CustomResourceDefinition());
        Assert.Equal("False Installing", Manifests.Condition((await fleet.SendAsync("GET", definition)).Body, "Established"));
        fleet.Simulated.Faults.Remove("late");
        Assert.Equal("True InitialNamesAccepted", Manifests.Condition((await fleet.SendAsync("GET", definition)).Body, "Established"));
    }

    [Fact]
    public async Task The_fleet_tells_who_wrote_what_how_often()
    {
        await using var fleet = await TestFleet.StartAsync(new() { Clusters = 2, Labels = new Dictionary<string, Shares>(StringComparer.Ordinal) { ["tier"] = Shares.Of("gold:1,silver:1") } });
        for (var round = 0; round < 3; round++) await fleet.ApplyAsync("/api/v1/namespaces/shop", Manifests.Namespace("shop"), "fleet-manager");
        await fleet.ApplyAsync("/api/v1/namespaces/missing/configmaps/c", Manifests.ConfigMap("c"), "fleet-manager");
        var shown = await fleet.ControlAsync("GET", "/clusters/store-0001");
        var namespaces = shown["writes"]!["PATCH /api/v1/namespaces/shop"]!;
        Assert.Equal((3, 1, 0, "fleet-manager"), (namespaces["calls"]!.GetValue<int>(), namespaces["changes"]!.GetValue<int>(), namespaces["refused"]!.GetValue<int>(), (namespaces as JsonObject).Text("lastManager")));
        Assert.Equal(1, shown["writes"]!["PATCH /api/v1/namespaces/missing/configmaps/c"]!["refused"]!.GetValue<int>());
        Assert.Equal(["gold", "silver"], fleet.Simulated.Ready.Clusters.Select(cluster => cluster.Labels["tier"]).Order(StringComparer.Ordinal));
        Assert.Equal(4, (await fleet.ControlAsync("GET", "/journal?cluster=store-0001"))["items"]!.AsArray().Count);
    }

    private static IEnumerable<Exception> Causes(Exception error)
    {
        for (var cause = error.InnerException; cause is not null; cause = cause.InnerException) yield return cause;
    }
}
