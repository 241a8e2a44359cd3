using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace ControlPlane.Tests.Cli;

/// <summary>`cpctl placement drift`: a line for each field that is not as it should be, over all pages.</summary>
public sealed class PlacementDriftTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Drift_is_listed_over_every_page_and_a_look_is_asked_for_once()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        arm.Answer = (request, _) => Results.Json(request.Query.ContainsKey("$skipToken")
            ? new { value = new[] { Member("store-2") }, nextLink = (string?)null, refreshing = (int?)null }
            : new { value = new[] { Member("store-1") }, nextLink = (string?)$"{arm.Endpoint}{request.Path}{request.QueryString}&$skipToken=store-1", refreshing = (int?)2 });

        var run = await Cpctl.RunAsync(arm, null, Cancel, "placement", "drift", "stores/shop", "-g", "demo", "--refresh");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("2 members are being looked at.", run.Errors, StringComparison.Ordinal);
        Assert.Equal(["store-1", "store-2"], run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0]));
        Assert.Contains("store-1  Drift  Deployment shop/web  /spec/replicas: 7 instead of 3  since 2026-06-01T00:00:00Z", run.Output, StringComparison.Ordinal);
        Assert.All(arm.Requests, request => Assert.StartsWith($"POST /subscriptions/{RecordingArm.Subscription}/resourceGroups/demo/providers/Microsoft.ContainerService/fleets/stores/clusterResourcePlacements/shop/drift?", $"{request.Method} {request.Path}", StringComparison.Ordinal));
        Assert.Equal("""{"refresh":true}""", arm.Requests.First().Body!.ToJsonString());
        Assert.Null(arm.Requests.Last().Body);
    }

    [Fact]
    public async Task One_member_can_be_asked_for()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        arm.Answer = (_, _) => Results.Json(new { value = Array.Empty<JsonElement>() });

        Assert.Equal(0, (await Cpctl.RunAsync(arm, null, Cancel, "placement", "drift", "stores/shop", "-g", "demo", "--member", "store-1")).ExitCode);

        Assert.Contains("$filter=member eq 'store-1'", Uri.UnescapeDataString(arm.Requests.First().Path), StringComparison.Ordinal);
    }

    private static object Member(string name) => new
    {
        name,
        properties = new { differences = new[] { new { kind = "Drift", resource = new { group = "apps", kind = "Deployment", @namespace = "shop", name = "web" }, path = "/spec/replicas", valueInMember = "7", valueInHub = "3", firstObservedTime = "2026-06-01T00:00:00Z" } } },
    };
}
