using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace ControlPlane.Tests.Cli;

/// <summary>`cpctl placement`: what it asks for.</summary>
public sealed class PlacementCommandTests
{
    private const string Eviction = "/subscriptions/" + RecordingArm.Subscription + "/resourceGroups/demo/providers/Microsoft.ContainerService/fleets/stores/clusterResourcePlacements/shop/evictions/store-0007?api-version=2026-06-01";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_placement_is_evicted_from_a_member_and_let_back_by_the_members_name()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        arm.Answer = (_, _) => Results.Json(new { properties = new { provisioningState = "Succeeded" } });

        Assert.Equal(0, (await Cpctl.RunAsync(arm, null, Cancel, "placement", "evict", "stores/shop", "store-0007", "-g", "demo")).ExitCode);
        Assert.Equal(0, (await Cpctl.RunAsync(arm, null, Cancel, "placement", "evict", "stores/shop", "store-0007", "-g", "demo", "--undo")).ExitCode);

        Assert.Equal([$"PUT {Eviction}", $"DELETE {Eviction}"], arm.Requests.Select(one => $"{one.Method} {one.Path}"));
        Assert.Equal("""{"properties":{"clusterName":"store-0007"}}""", arm.Requests.First().Body!.ToJsonString());
    }

    [Fact]
    public async Task An_eviction_that_is_refused_fails_with_its_reason()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        arm.Answer = (_, _) => Results.Json(new JsonObject { ["error"] = new JsonObject { ["code"] = "PlacementNotEvictable", ["message"] = "It names its members." } }, statusCode: 409);

        var run = await Cpctl.RunAsync(arm, null, Cancel, "placement", "evict", "stores/shop", "store-0007", "-g", "demo");

        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("PlacementNotEvictable", run.Errors, StringComparison.Ordinal);
    }
}
