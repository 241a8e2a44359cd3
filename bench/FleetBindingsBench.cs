using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Bench;

/// <summary>
/// Two million bindings: 200 placements on 10,000 members, all available. Rows copied from those of a real member: how much room they take, and how long readers and the scheduler do.
/// </summary>
internal static class FleetBindingsBench
{
    private const int Members = 10_000;
    private const int Placements = 200;

    private const string Copy = """
        insert into placement_bindings select b.* from placement_bindings t cross join fleet_members m cross join lateral jsonb_populate_record(t, jsonb_build_object('member_id', m.id)) b
        where m.id <> t.member_id order by t.placement_id, m.id
        """;

    private const string Tables = "'fleet_members', 'placements', 'placement_revisions', 'manifest_blobs', 'placement_bindings', 'rollout_runs', 'rollout_members'";

    public static async IAsyncEnumerable<Measure> RunAsync(Stack embedded)
    {
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        var fleet = new BenchFleet(stack, "bench-fleet");
        await using (var clusters = await FleetSimulation.StartAsync(1))
        {
            await using var first = WorkerProcess.Start(door);
            await fleet.CreateAsync();
            await fleet.LoadAsync(door, [clusters.Clusters[0], .. Enumerable.Range(2, Members - 1).Select(number => Silent(clusters.Clusters[0], number))], areLooked: false, beforeOthers: () =>
                Parallel.ForEachAsync(Enumerable.Range(1, Placements), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (number, _) =>
                    await fleet.RollOutAsync($"shop-{number}", "1.0", """{"memberSelector":"!retired"}""", new JsonObject(), space: $"shop-{number}")));
        }

        // Two million checks of foreign keys would only prove what a cross join is.
        await stack.ExecuteAsync($"begin; set local session_replication_role = replica; {Copy}; commit");
        await stack.ExecuteAsync("vacuum (analyze) placement_bindings");
        yield return Measure.Fact("fleet.bindings", await stack.ScalarAsync<long>("select count(*) from placement_bindings"), "rows");
        yield return Measure.AtMost("fleet.bindings.tables", await stack.ScalarAsync<double>($"select sum(pg_total_relation_size(t::regclass))::float8 / 1e6 from unnest(array[{Tables}]) t"), "MB", 1000);
        yield return Measure.AtMost("fleet.bindings.page.p99", await fleet.PageMillisecondsAsync("shop-7", 200), "ms", 50);
        yield return Measure.Fact("fleet.bindings.scorecard", await fleet.MillisecondsAsync($"{fleet.Path}/insights", 20, 0.5), "ms");
        yield return Measure.Fact("fleet.bindings.scorecard.byRegion", await fleet.MillisecondsAsync($"{fleet.Path}/insights", 10, 0.5, "&groupBy=region"), "ms");

        await using var worker = WorkerProcess.Start(door);
        await ScheduleAsync(stack);
        yield return Measure.AtMost("fleet.bindings.schedule", (await ScheduleAsync(stack)).TotalSeconds, "s", 2);
        yield return Measure.AtMost("fleet.bindings.worker", Proc.PeakResidentMegabytes(worker.Id), "MB", 512);
    }

    /// <summary>From the moment that all placements are to be scheduled until the last one is.</summary>
    private static async Task<TimeSpan> ScheduleAsync(Stack stack)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var begin = Stopwatch.GetTimestamp();
        await stack.ExecuteAsync("update placements set schedule_due = true");
        while (await stack.ScalarAsync<bool>("select exists (select from placements where schedule_due)"))
            await Task.Delay(20, late.Token);
        return Stopwatch.GetElapsedTime(begin);
    }

    /// <summary>A cluster that nobody talks with.</summary>
    private static JsonElement Silent(JsonElement like, int number)
    {
        var cluster = JsonObject.Create(like)!;
        cluster["name"] = $"store-{number:00000}";
        cluster["url"] = $"https://127.2.{number / 250}.{(number % 250) + 1}:6443";
        return JsonSerializer.SerializeToElement(cluster);
    }
}
