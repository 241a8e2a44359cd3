using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Bench;

/// <summary>
/// Placements on simulated clusters over TLS, with front door, worker and clusters in processes of their own: how long until the last member has said that it is as it should be. Peers'
/// figures are in docs/benchmarks.md.
/// </summary>
internal static class FleetBench
{
    private const int Clusters = 2500;

    public static async IAsyncEnumerable<Measure> RunAsync(Stack embedded)
    {
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        var worker = WorkerProcess.Start(door);
        await using var clusters = await FleetSimulation.StartAsync(Clusters);
        var fleet = new BenchFleet(stack, "bench-fleet");
        await fleet.CreateAsync();
        yield return Measure.Fact("fleet.join.2500", (await fleet.JoinAsync(clusters.Clusters)).TotalSeconds, "s");

        yield return Measure.Fact("fleet.first.2500", (await fleet.RollOutAsync("shop", "1.0", "{}", Strategy("100%"))).TotalSeconds, "s");
        yield return Measure.Fact("fleet.next.2500", (await fleet.RollOutAsync("shop", "2.0", "{}", Strategy("100%"))).TotalSeconds, "s");
        var cpu = (Proc.CpuSeconds(worker.Id), Proc.CpuSeconds(clusters.Id));
        yield return Measure.AtMost("fleet.rollback.2500", (await fleet.RollBackAsync("shop")).TotalSeconds, "s", 10);
        yield return Measure.AtMost("fleet.rollback.2500.p99", await fleet.MemberSecondsAsync("shop", 0.99), "s", 10);
        yield return Measure.Fact("fleet.rollback.2500.worker.cpu", Proc.CpuSeconds(worker.Id) - cpu.Item1, "s");
        yield return Measure.Fact("fleet.rollback.2500.sims.cpu", Proc.CpuSeconds(clusters.Id) - cpu.Item2, "s");

        // Every connection is cold again.
        await fleet.RollOutAsync("shop", "3.0", "{}", Strategy("100%"));
        await worker.DisposeAsync();
        worker = WorkerProcess.Start(door);
        yield return Measure.AtMost("fleet.rollback.2500.restart", (await fleet.RollBackAsync("shop")).TotalSeconds, "s", 30);

        var staged = new JsonObject
        {
            ["stages"] = new JsonArray([.. new[] { ("one", "ring=one"), ("two", "ring=two"), ("three", "ring=three") }.Select(stage => new JsonObject { ["name"] = stage.Item1, ["memberSelector"] = stage.Item2, ["maxConcurrency"] = "50%" })]),
        };
        var hundred = """{"memberSelector":"hundred=yes"}""";
        await fleet.RollOutAsync("staged", "1.0", hundred, Strategy("100%"), space: "staged");
        var times = new List<double>();
        for (var turn = 2; turn < 7; turn++)
            times.Add((await fleet.RollOutAsync("staged", $"{turn}.0", hundred, staged, space: "staged")).TotalSeconds);
        yield return Measure.AtMost("fleet.staged.100", times.Order().ElementAt((int)(times.Count * 0.9)), "s", 5);

        var begin = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(Enumerable.Range(0, 100), new ParallelOptions { MaxDegreeOfParallelism = 100 }, async (number, _) => await fleet.RollOutAsync($"many-{number}", "1.0", hundred, staged, space: $"many-{number}"));
        yield return Measure.AtMost("fleet.staged.100x100", Stopwatch.GetElapsedTime(begin).TotalSeconds, "s", 60);

        times.Clear();
        for (var turn = 0; turn < 10; turn++)
            times.Add((await fleet.RollOutAsync($"new-{turn}", "1.0", hundred, Strategy("100%"), space: $"new-{turn}")).TotalSeconds);
        yield return Measure.AtMost("fleet.place.100", times.Order().ElementAt(8), "s", 2);
        yield return Measure.AtMost("fleet.page.p99", await fleet.PageMillisecondsAsync("shop", 200), "ms", 50);
        yield return Measure.AtMost("fleet.worker", Proc.PeakResidentMegabytes(worker.Id), "MB", 512);
        await worker.DisposeAsync();
    }

    private static JsonObject Strategy(string concurrency) => new() { ["maxConcurrency"] = concurrency };
}

/// <summary>A fleet made and used through the front door.</summary>
internal sealed class BenchFleet(Stack stack, string group)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private string Fleet => $"{stack.GroupPath(group)}/providers/Microsoft.ContainerService/fleets/stores";

    public async Task CreateAsync()
    {
        await stack.PutGroupAsync(group);
        await FinishAsync(await stack.PutAsync(Fleet, $$"""{"location":"{{stack.Location}}"}"""));
    }

    /// <summary>Connects and joins them all, 32 at a time. The first hundred of them are the ones with the label <c>hundred</c>.</summary>
    public async Task<TimeSpan> JoinAsync(IReadOnlyList<JsonElement> clusters)
    {
        var begin = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(clusters.Select((cluster, at) => (cluster, at)), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (one, _) =>
        {
            var (name, id) = (Text(one.cluster, "name"), $"{stack.GroupPath(group)}/providers/Microsoft.Kubernetes/connectedClusters/{Text(one.cluster, "name")}");
            await FinishAsync(await stack.PutAsync(id, new JsonObject
            {
                ["location"] = stack.Location,
                ["properties"] = new JsonObject { ["apiServer"] = Text(one.cluster, "url"), ["caCertificate"] = Text(one.cluster, "ca"), ["credentials"] = new JsonObject { ["token"] = Text(one.cluster, "token") } },
            }.ToJsonString()));
            // 20, 30 and 50 of the hundred, as KubeFleet's own test has them.
            var labels = one.at < 100 ? new JsonObject { ["hundred"] = "yes", ["ring"] = one.at < 20 ? "one" : one.at < 50 ? "two" : "three" } : new JsonObject();
            await FinishAsync(await stack.PutAsync($"{Fleet}/members/{name}", new JsonObject { ["properties"] = new JsonObject { ["clusterResourceId"] = id, ["labels"] = labels } }.ToJsonString()));
        });
        return Stopwatch.GetElapsedTime(begin);
    }

    /// <summary>From sending the PUT until the run has ended with every member healthy.</summary>
    public async Task<TimeSpan> RollOutAsync(string name, string version, string policy, JsonObject strategy, string space = "shop")
    {
        var body = new JsonObject { ["properties"] = new JsonObject { ["manifests"] = Manifests(version, space), ["policy"] = JsonNode.Parse(policy), ["strategy"] = strategy.DeepClone() } }.ToJsonString();
        var begin = Stopwatch.GetTimestamp();
        await FinishAsync(await stack.PutAsync(Placement(name), body));
        await EndedAsync(name);
        return Stopwatch.GetElapsedTime(begin);
    }

    /// <summary>From sending the POST until every member that can be reached has said that it is available with the earlier revision.</summary>
    public async Task<TimeSpan> RollBackAsync(string name)
    {
        var begin = Stopwatch.GetTimestamp();
        await FinishAsync(await stack.SendAsync(HttpMethod.Post, $"{Placement(name)}/rollback", "{}"));
        return Stopwatch.GetElapsedTime(begin);
    }

    /// <summary>Of the last run: from its start until a member was seen to be healthy.</summary>
    public Task<double> MemberSecondsAsync(string name, double percentile) => stack.ScalarAsync<double>($"""
        select percentile_cont({percentile.ToString(System.Globalization.CultureInfo.InvariantCulture)}) within group (order by extract(epoch from m.ended_at - r.started_at))::float8 from rollout_members m join rollout_runs r on r.id = m.run_id
        where r.id = (select max(u.id) from rollout_runs u join placements p on p.id = u.placement_id where p.resource_key = '{Placement(name).ToLowerInvariant()}')
        """);

    public async Task<double> PageMillisecondsAsync(string name, int times)
    {
        var took = new List<double>(times);
        for (var turn = 0; turn < times; turn++)
        {
            var begin = Stopwatch.GetTimestamp();
            using var answer = await stack.Http.GetAsync(Stack.Versioned($"{Placement(name)}/clusters"));
            answer.EnsureSuccessStatusCode();
            took.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }

        return took.Order().ElementAt((int)(times * 0.99));
    }

    private async Task EndedAsync(string name)
    {
        using var late = new CancellationTokenSource(Limit);
        while (true)
        {
            var placement = await stack.Http.GetFromJsonAsync<JsonElement>(Stack.Versioned(Placement(name)), late.Token);
            var run = placement.GetProperty("properties").GetProperty("rollout");
            switch (run.GetProperty("state").GetString())
            {
                case "Succeeded":
                    return;
                case "Failed" or "Superseded" or "RolledBack":
                    throw new InvalidOperationException($"The run did not succeed: {run.GetRawText()}");
            }

            await Task.Delay(50, late.Token);
        }
    }

    private Task FinishAsync(HttpResponseMessage accepted) => stack.FinishAsync(accepted, TimeSpan.FromMilliseconds(50), Limit);

    private string Placement(string name) => $"{Fleet}/clusterResourcePlacements/{name}";

    /// <summary>Five objects.</summary>
    private static JsonArray Manifests(string version, string space)
    {
        JsonObject Of(string apiVersion, string kind, string name, JsonObject rest)
        {
            var thing = new JsonObject { ["apiVersion"] = apiVersion, ["kind"] = kind, ["metadata"] = kind == "Namespace" ? new JsonObject { ["name"] = name } : new JsonObject { ["name"] = name, ["namespace"] = space } };
            foreach (var (key, value) in rest)
                thing[key] = value?.DeepClone();
            return thing;
        }

        var labels = new JsonObject { ["app"] = "web" };
        return
        [
            Of("v1", "Namespace", space, []),
            Of("v1", "ConfigMap", "settings", new() { ["data"] = new JsonObject { ["version"] = version } }),
            Of("v1", "ResourceQuota", "quota", new() { ["spec"] = new JsonObject { ["hard"] = new JsonObject { ["pods"] = version == "1.0" ? "10" : "20" } } }),
            Of("v1", "Service", "web", new() { ["spec"] = new JsonObject { ["selector"] = labels.DeepClone(), ["ports"] = new JsonArray(new JsonObject { ["port"] = 80, ["targetPort"] = version == "1.0" ? 8080 : 8081 }) } }),
            Of("apps/v1", "Deployment", "web", new()
            {
                ["spec"] = new JsonObject
                {
                    ["replicas"] = 1, ["selector"] = new JsonObject { ["matchLabels"] = labels.DeepClone() },
                    ["template"] = new JsonObject
                    {
                        ["metadata"] = new JsonObject { ["labels"] = labels.DeepClone() },
                        ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "web", ["image"] = $"registry.example/web:{version}" }) },
                    },
                },
            }),
        ];
    }

    private static string Text(JsonElement cluster, string name) => cluster.GetProperty(name).GetString()!;
}

/// <summary>So many simulated Kubernetes API servers, each at an address of its own, in one process.</summary>
internal sealed class FleetSimulation : IAsyncDisposable
{
    private readonly Process process;

    private FleetSimulation(Process process, JsonElement world) => (this.process, Clusters) = (process, [.. world.GetProperty("clusters").EnumerateArray()]);

    public IReadOnlyList<JsonElement> Clusters { get; }
    public int Id => process.Id;

    public static async Task<FleetSimulation> StartAsync(int clusters)
    {
        var ready = Path.Combine(Path.GetTempPath(), $"controlplane-{Environment.ProcessId}.fleet.json");
        File.Delete(ready);
        var simulators = Programs.Start("Simulators", new Dictionary<string, string>(StringComparer.Ordinal), "--clusters", $"{clusters}", "--clock", "0", "--ready-file", ready);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!File.Exists(ready))
        {
            if (simulators.HasExited)
                throw new InvalidOperationException($"The simulators ended with {simulators.ExitCode}.");
            await Task.Delay(50, limit.Token);
        }

        var world = JsonElement.Parse(await File.ReadAllTextAsync(ready));
        File.Delete(ready);
        return new(simulators, world);
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
