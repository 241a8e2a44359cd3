using System.Diagnostics;
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
        using var plain = new PlainApply(clusters.Clusters);
        await plain.RunAsync("1.0");
        var least = await plain.RunAsync("2.0");
        var cpu = (Proc.CpuSeconds(worker.Id), Proc.CpuSeconds(clusters.Id));
        yield return Measure.AtMost("fleet.rollback.2500", (await fleet.RollBackAsync("shop")).TotalSeconds, "s", 10, least.TotalSeconds);
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
        fleet.Poll = TimeSpan.FromMilliseconds(500);
        await Parallel.ForEachAsync(Enumerable.Range(0, 100), new ParallelOptions { MaxDegreeOfParallelism = 100 }, async (number, _) => await fleet.RollOutAsync($"many-{number}", "1.0", hundred, staged, space: $"many-{number}"));
        yield return Measure.AtMost("fleet.staged.100x100", Stopwatch.GetElapsedTime(begin).TotalSeconds, "s", 60);

        fleet.Poll = TimeSpan.FromMilliseconds(50);
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
