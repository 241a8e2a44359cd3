using System.Diagnostics;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>Invariant 4 with the settings that everybody runs, and without any bus.</summary>
[Collection(EngineAlone.Name)]
public sealed class TakeoverTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task What_a_killed_worker_held_is_taken_over_within_20_seconds()
    {
        await using var cluster = await ScriptedCluster.StartAsync();
        await using var stack = await ProcessStack.StartAsync(Composition.RabbitMq, workers: 2, bus: false);
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/takeover";
        await stack.Arm.PutAsync(group, new System.Text.Json.Nodes.JsonObject { ["location"] = "westeurope" });
        var script = cluster.Add().Hold();
        var path = $"{group}/providers/Microsoft.Kubernetes/connectedClusters/one";
        var started = EngineTests.Begun(path, await stack.Arm.PutAsync(path, script.Resource));
        await Eventually.Async(() => script.Calls == 1, "the step is under way");
        var owner = (string)(await stack.Database.ScalarAsync("select lease_owner from operations where id = $1", started.Operation))!;

        var killed = Stopwatch.StartNew();
        await stack.KillAsync(stack.Runner(owner));
        await Eventually.Async(() => script.Calls == 2, "the other worker runs the step", TimeSpan.FromSeconds(60));

        Assert.True(killed.Elapsed <= Limit, $"It took {killed.Elapsed}.");
        script.Release();
        Assert.Equal("Succeeded", (await stack.Arm.FinishAsync(started.Accepted)).OperationStatus);
    }
}
