using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Fleets;
using Xunit;

namespace ControlPlane.Tests.Cli;

/// <summary>`cpctl fleet insights|clusters|remediate` against a control plane with simulated clusters: from a number to the clusters behind it to none of them left.</summary>
[Collection(InsightSuite.Name)]
public sealed class FleetCommandTests(InsightFixture world) : IDisposable
{
    private const string Image = "AKSCli-2204gen2containerd";
    private const string Cve = "CVE-2026-4001";

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("fleet-commands-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_vulnerability_is_seen_traced_to_its_clusters_and_remedied()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 3, Nodes = 2, NodeImages = Shares.Parse($"{Image}-202601.1.0:1,{Image}-202602.1.0:2") });
        await InsightFixture.PublishAsync(world.Plane, Cve, "Critical", new JsonObject { ["nodeImage"] = $"{Image}-*", ["versions"] = "<202602.1.0", ["fixedIn"] = $"{Image}-202602.1.0" });
        await Eventually.Async(async () => (await world.Arm.GetAsync($"{site.Fleet}/insights")).Is(200).Json.GetProperty("properties").GetProperty("total").GetProperty("exposedClusters").GetInt32(), exposed => exposed == 1, "the clusters were looked at");

        var card = await CpctlAsync("fleet", "insights", site.Fleet, "--group-by", "nodeImage");
        Assert.Equal(0, card.ExitCode);
        // Its cost follows when node hours have been metered.
        Assert.Contains(card.Lines, line => line.StartsWith($"{Image}-202601.1.0 1 1 2 0 0 0 0 0 1", StringComparison.Ordinal));
        Assert.Contains($"{Cve} (Critical): 1 clusters, 2 nodes: westeurope 1", card.Lines);
        var exposed = await CpctlAsync("fleet", "clusters", site.Fleet, "--filter", $"cve eq '{Cve}'");
        var cluster = Assert.Single(exposed.Lines.Skip(1));
        Assert.EndsWith($"westeurope Connected v1.32.6 {Image}-202601.1.0 (2) NotJudged {Cve}", cluster, StringComparison.Ordinal);

        var run = await CpctlAsync("fleet", "remediate", site.Fleet, "--cve", Cve, "--max-concurrency", "50%");
        Assert.True(run.ExitCode == 0, string.Join('\n', run.Lines.Append(run.Errors)));
        Assert.EndsWith("Completed, 1 of 1 clusters updated", run.Lines[^1], StringComparison.Ordinal);
        await Eventually.Async(async () => (await CpctlAsync("fleet", "clusters", site.Fleet, "--filter", $"cve eq '{Cve}'")).Lines, lines => lines.Count == 1, "only the heading is left");
        var again = await CpctlAsync("fleet", "remediate", site.Fleet, "--cve", Cve);
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("RemediationTargetUnknown", again.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_fleet_no_filter_or_no_version_is_said_and_nothing_is_done()
    {
        var fleet = await InsightFixture.FleetAsync(world.Plane);
        var filter = await CpctlAsync("fleet", "insights", fleet, "--filter", "region is nowhere");
        Assert.Equal(1, filter.ExitCode);
        Assert.Contains("InvalidFilterInQueryString", filter.Errors, StringComparison.Ordinal);
        var version = await CpctlAsync("fleet", "remediate", fleet, "--add-on", "driver");
        Assert.Equal(2, version.ExitCode);
        Assert.Contains("NAME=VERSION", version.Errors, StringComparison.Ordinal);
        Assert.Contains("ResourceNotFound", (await CpctlAsync("fleet", "insights", fleet + "2")).Errors, StringComparison.Ordinal);
    }

    private async Task<(int ExitCode, IReadOnlyList<string> Lines, string Errors)> CpctlAsync(params string[] arguments)
    {
        var ca = Path.Combine(folder.FullName, "ca.pem");
        await File.WriteAllTextAsync(ca, ControlPlaneFixture.CaPem, Cancel);
        var run = await Cpctl.RunAsync(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["XDG_CONFIG_HOME"] = folder.FullName, ["CONTROLPLANE_RUN"] = Path.Combine(folder.FullName, "none.json"), ["CONTROLPLANE_ENDPOINT"] = world.Plane.Endpoint.ToString(), ["CONTROLPLANE_CA_FILE"] = ca,
            ["CONTROLPLANE_TENANT_ID"] = ControlPlaneFixture.Tenant, ["CONTROLPLANE_SUBSCRIPTION_ID"] = ControlPlaneFixture.Subscription, ["CONTROLPLANE_CLIENT_ID"] = ControlPlaneFixture.ClientId,
            ["CONTROLPLANE_CLIENT_SECRET"] = ControlPlaneFixture.ClientSecret, ["COLUMNS"] = "200",
        }, null, Cancel, arguments);
        return (run.ExitCode, [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))], run.Errors);
    }
}
