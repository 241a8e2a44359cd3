namespace ControlPlane.Bench;

/// <summary>GET of a resource by its id at 32 connections, against pgbench reading the same row by the same key.</summary>
internal static class GetBench
{
    private const int Connections = 32;
    private const int Rounds = 3;
    private const string Group = "bench-get";
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(5);

    public static async IAsyncEnumerable<Measure> RunAsync(Stack stack)
    {
        await stack.PutGroupAsync(Group);
        await Rows.FillAsync(stack, Group, 1000);
        var script = $"""
            \set n random(1, 1000)
            select key, id, parent_key, type, name, subscription, resource_group, location, tags, properties, status, state, version, unique_key, managed_by, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs from resources where key = '{stack.ImagesPath(Group).ToLowerInvariant()}/img-' || lpad(:n, 12, '0');
            """;
        var get = new NumberedRequest(stack, "GET", $"{stack.ImagesPath(Group)}/img-{{n}}");
        var number = 0L;
        long Next() => (Interlocked.Increment(ref number) % 1000) + 1;

        await using var load = await Load.OpenAsync(stack, Connections);
        await load.WarmUpAsync(get, Next, 200);
        await Pgbench.RunAsync(stack, script, Connections, TimeSpan.FromSeconds(2));
        var meter = new CpuMeter(stack);
        var (product, reference) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            reference.Add(await Pgbench.RunAsync(stack, script, Connections, Round));
            product.Add(await meter.DuringAsync(Round, async () => (await load.FloodAsync(get, Next, 200, Round)).PerSecond));
        }

        yield return Measure.RatioAtLeast("get", product.Median(), "get/s", reference.Median(), 0.3);
        foreach (var part in meter.PerRequest("get"))
            yield return part;
    }
}

/// <summary>The first page of a collection of a million, against that of a collection of a thousand.</summary>
internal static class ListBench
{
    private const int Rounds = 5;
    private const string Small = "bench-list-1000";
    private const string Large = "bench-list-1000000";
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(4);

    public static async IAsyncEnumerable<Measure> RunAsync(Stack stack)
    {
        await stack.PutGroupAsync(Small);
        await stack.PutGroupAsync(Large);
        await Rows.FillAsync(stack, Small, 1000);
        await Rows.FillAsync(stack, Large, 1_000_000);
        var (small, large) = (new NumberedRequest(stack, "GET", stack.ImagesPath(Small)), new NumberedRequest(stack, "GET", stack.ImagesPath(Large)));
        await using var load = await Load.OpenAsync(stack, connections: 4);
        var (product, reference) = (new List<double>(), new List<double>());
        for (var round = 0; round <= Rounds; round++)
        {
            var (ofSmall, ofLarge) = (await load.PaceAsync(small, () => 0, 200, perSecond: 50, Round), await load.PaceAsync(large, () => 0, 200, perSecond: 50, Round));
            // The first round is for warming up.
            if (round > 0)
                (product, reference) = ([.. product, ofLarge.P99], [.. reference, ofSmall.P99]);
        }

        yield return Measure.RatioAtMost("list.p99", product.Median(), "ms", reference.Median(), 1.5);
    }
}

/// <summary>A whole list of a hundred, read at a fixed rate.</summary>
internal static class PageBench
{
    private const int Connections = 16;
    private const int PerSecond = 200;
    private const string Group = "bench-page";

    public static async IAsyncEnumerable<Measure> RunAsync(Stack stack)
    {
        await stack.PutGroupAsync(Group);
        await Rows.FillAsync(stack, Group, 100);
        var list = new NumberedRequest(stack, "GET", stack.ImagesPath(Group));
        await using var load = await Load.OpenAsync(stack, Connections);
        await load.WarmUpAsync(list, () => 0, 200);
        var meter = new CpuMeter(stack);
        var paced = new LoadResult(0, []);
        var time = TimeSpan.FromSeconds(20);
        await meter.DuringAsync(time, async () => (paced = await load.PaceAsync(list, () => 0, 200, PerSecond, time)).PerSecond);
        yield return Measure.AtMost("list.p99-at-200", paced.P99, "ms", 30);
        yield return Measure.Fact("list.p50-at-200", paced.P50, "ms");
        foreach (var part in meter.PerRequest("list.at-200"))
            yield return part;
    }
}

/// <summary>Resources written straight into the store.</summary>
internal static class Rows
{
    /// <summary>Images <c>img-000000000001</c> and following in a group that exists.</summary>
    /// <param name="locations">Where they are, by turns; the stack's own location when there is none.</param>
    public static async Task FillAsync(Stack stack, string group, int count, params string[] locations)
    {
        var path = stack.ImagesPath(group);
        var location = locations.Length == 0 ? $"'{stack.Location}'" : $"('{{{string.Join(',', locations)}}}'::text[])[1 + n % {locations.Length}]";
        await stack.ExecuteAsync($"""
            insert into resources (key, id, parent_key, type, name, subscription, resource_group, location, tags, properties, status, state, version,
                created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs)
            select lower('{path}/') || name, '{path}/' || name, lower('{stack.GroupPath(group)}'), 'ControlPlane.BareMetal/osImages', name, lower('{stack.Subscription}'), '{group}', {location},
                '{"{}"}', '{Images.Properties}', '{"{}"}', 'Succeeded', 1, now(), '{stack.Subscription}', 'Application', now(), '{stack.Subscription}', 'Application', '{"{}"}'
            from (select n, 'img-' || lpad(n::text, 12, '0') as name from generate_series(1, {count}) n) as names
            on conflict do nothing
            """);
        await stack.ExecuteAsync("vacuum analyze resources");
    }
}
