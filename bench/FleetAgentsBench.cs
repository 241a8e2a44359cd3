using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Bench;

/// <summary>Clusters behind a NAT: the agents of 2,500 of them in one process, each with its own connection and certificate.</summary>
internal static class FleetAgentsBench
{
    private const int Clusters = 2500;
    private static readonly JsonObject AtOnce = new() { ["maxConcurrency"] = "100%" };

    public static async IAsyncEnumerable<Measure> RunAsync(Stack embedded)
    {
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        await using var worker = WorkerProcess.Start(door);
        await using var clusters = await FleetSimulation.StartAsync(Clusters);
        var fleet = new BenchFleet(stack, "bench-fleet");
        await fleet.CreateAsync();
        await fleet.LoadAsync(door, clusters.Clusters, isPull: true);
        await using var agents = await AgentsProcess.StartAsync(door, stack, fleet, clusters.Clusters);
        yield return Measure.Fact("fleet.agents.register", (await HeardAsync(stack, "-infinity")).TotalSeconds, "s");
        yield return Measure.Fact("fleet.agents.first", (await fleet.RollOutAsync("shop", "1.0", "{}", AtOnce)).TotalSeconds, "s");
        var cpu = (Proc.CpuSeconds(door.Id), Proc.CpuSeconds(agents.Id));
        yield return Measure.AtMost("fleet.agents.flip", (await fleet.RollOutAsync("shop", "2.0", "{}", AtOnce)).TotalSeconds, "s", 5);
        yield return Measure.Fact("fleet.agents.flip.door.cpu", Proc.CpuSeconds(door.Id) - cpu.Item1, "s");
        yield return Measure.Fact("fleet.agents.flip.agents.cpu", Proc.CpuSeconds(agents.Id) - cpu.Item2, "s");
        var before = await stack.ScalarAsync<DateTime>("select now()");
        await door.RestartAsync();
        yield return Measure.AtMost("fleet.agents.reconnect", (await HeardAsync(stack, $"{before:O}")).TotalSeconds, "s", 30);
        yield return Measure.Fact("fleet.agents.door", Proc.PeakResidentMegabytes(door.Id), "MB");
    }

    /// <summary>Until every agent was heard of after a time.</summary>
    private static async Task<TimeSpan> HeardAsync(Stack stack, string after)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var begin = Stopwatch.GetTimestamp();
        while (await stack.ScalarAsync<long>($"select count(*) from cluster_inventories where last_seen > '{after}'") < Clusters)
            await Task.Delay(100, late.Token);
        return Stopwatch.GetElapsedTime(begin);
    }
}

/// <summary>The agents of many clusters, as <c>cpctl fleet join --agents-file</c> would have them run.</summary>
internal sealed class AgentsProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly string directory;

    private AgentsProcess(Process process, string directory) => (this.process, this.directory) = (process, directory);

    public int Id => process.Id;

    public static async Task<AgentsProcess> StartAsync(FrontDoorProcess door, Stack stack, BenchFleet fleet, IReadOnlyList<JsonElement> clusters)
    {
        var members = new ConcurrentBag<JsonObject>();
        await Parallel.ForEachAsync(clusters, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (cluster, _) =>
        {
            string Text(string name) => cluster.GetProperty(name).GetString()!;
            var token = await stack.PostAsync($"{fleet.Cluster(Text("name"))}/issueOnboardingToken", "{}");
            members.Add(new() { ["name"] = Text("name"), ["server"] = Text("url"), ["token"] = Text("token"), ["ca"] = Text("ca"), ["onboardingToken"] = token.GetProperty("token").GetString() });
        });
        var home = Directory.CreateTempSubdirectory("controlplane-agents-").FullName;
        var file = Path.Combine(home, "members.json");
        await File.WriteAllTextAsync(file, new JsonObject
        {
            ["endpoint"] = door.Endpoint.ToString(), ["endpointCa"] = await File.ReadAllTextAsync(Path.Combine(Settings.Tls, "ca.pem")), ["stateDirectory"] = Path.Combine(home, "state"),
            ["members"] = new JsonArray([.. members]),
        }.ToJsonString());
        return new(Programs.Start("Agent", new Dictionary<string, string>(StringComparer.Ordinal), "--members", file), home);
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(directory, recursive: true);
    }
}
