using System.Text.Json.Nodes;

namespace ControlPlane.Bench;

/// <summary>A fleet of ten thousand clusters, and one of which a tenth does not answer.</summary>
internal static class FleetScaleBench
{
    private static readonly JsonObject AtOnce = new() { ["maxConcurrency"] = "100%" };

    public static async IAsyncEnumerable<Measure> LargeAsync(Stack embedded)
    {
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        await using var worker = WorkerProcess.Start(door);
        await using var clusters = await FleetSimulation.StartAsync(10_000);
        var fleet = new BenchFleet(stack, "bench-fleet");
        await fleet.CreateAsync();
        await fleet.LoadAsync(door, clusters.Clusters);
        yield return Measure.Fact("fleet.first.10000", (await fleet.RollOutAsync("shop", "1.0", "{}", AtOnce)).TotalSeconds, "s");
        yield return Measure.Fact("fleet.next.10000", (await fleet.RollOutAsync("shop", "2.0", "{}", AtOnce)).TotalSeconds, "s");
        var cpu = (Proc.CpuSeconds(worker.Id), Proc.CpuSeconds(clusters.Id));
        yield return Measure.AtMost("fleet.rollback.10000", (await fleet.RollBackAsync("shop")).TotalSeconds, "s", 40);
        yield return Measure.Fact("fleet.rollback.10000.p99", await fleet.MemberSecondsAsync("shop", 0.99), "s");
        yield return Measure.Fact("fleet.rollback.10000.worker.cpu", Proc.CpuSeconds(worker.Id) - cpu.Item1, "s");
        yield return Measure.Fact("fleet.rollback.10000.sims.cpu", Proc.CpuSeconds(clusters.Id) - cpu.Item2, "s");
        // Every cluster is looked at once a minute beside all that: by how much the latest look is late.
        yield return Measure.AtMost("fleet.looks.10000.late", await stack.ScalarAsync<double>("select greatest(0, extract(epoch from now() - min(due_at)))::float8 from cluster_inventories"), "s", 60);
        yield return Measure.AtMost("fleet.scorecard.10000", await fleet.MillisecondsAsync($"{fleet.Path}/insights", 20, 0.5), "ms", 100);
        yield return Measure.AtMost("fleet.worker.10000", Proc.PeakResidentMegabytes(worker.Id), "MB", 512);
    }

    /// <summary>The same rollback twice: all clusters answer, then a tenth swallows packets. How long until nine tenths of all have said that they are available.</summary>
    public static async IAsyncEnumerable<Measure> BlackHoleAsync(Stack embedded)
    {
        const int Count = 2500;
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        await using var worker = WorkerProcess.Start(door);
        await using var clusters = await FleetSimulation.StartAsync(Count);
        var fleet = new BenchFleet(stack, "bench-fleet");
        await fleet.CreateAsync();
        await fleet.LoadAsync(door, clusters.Clusters);
        await fleet.RollOutAsync("shop", "1.0", "{}", AtOnce);
        await fleet.RollOutAsync("shop", "2.0", "{}", AtOnce);
        await fleet.RollBackAsync("shop");
        var healthy = await fleet.SecondsUntilAsync("shop", Count * 9 / 10);
        await fleet.RollOutAsync("shop", "3.0", "{}", AtOnce);
        await clusters.SwallowAsync(0.1);
        await fleet.RollBackAsync("shop");
        yield return Measure.RatioAtMost("fleet.blackhole", await fleet.SecondsUntilAsync("shop", Count * 9 / 10), "s", healthy, 1.3);
    }
}
