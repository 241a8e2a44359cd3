namespace ControlPlane.Bench;

/// <summary>A hundred thousand resources counted by location, asked for over HTTP, one query after another.</summary>
internal static class GraphBench
{
    private const int Count = 100_000;
    private const string Group = "bench-graph";
    private const string Query = """{"query":"Resources | summarize count() by location"}""";
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(20);

    public static async IAsyncEnumerable<Measure> RunAsync(Stack stack)
    {
        await stack.ExecuteAsync("delete from resources where resource_group like 'bench-%' and type = 'ControlPlane.BareMetal/osImages'");
        await stack.PutGroupAsync(Group);
        await Rows.FillAsync(stack, Group, Count, "westeurope", "northeurope", "westus", "eastus", "local");
        var post = new NumberedRequest(stack, "POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01", Query);
        await using var load = await Load.OpenAsync(stack, connections: 1);
        await load.FloodAsync(post, () => 0, 200, TimeSpan.FromSeconds(5));
        var meter = new CpuMeter(stack);
        var result = new LoadResult(0, []);
        await meter.DuringAsync(Time, async () => (result = await load.FloodAsync(post, () => 0, 200, Time)).PerSecond);
        yield return Measure.AtMost("graph.p50", result.P50, "ms", 150);
        yield return Measure.Fact("graph.p99", result.P99, "ms");
        foreach (var part in meter.PerRequest("graph"))
            yield return part;
    }
}
