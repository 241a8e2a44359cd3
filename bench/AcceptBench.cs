namespace ControlPlane.Bench;

/// <summary>Accepted PUTs per second at 32 connections, against pgbench doing the same three inserts in one transaction.</summary>
internal static class AcceptBench
{
    private const int Connections = 32;
    private const int Rounds = 3;
    private const string Group = "bench-accept";
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(5);

    public static async IAsyncEnumerable<Measure> RunAsync(Stack embedded)
    {
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        await stack.PutGroupAsync(Group);
        await PrepareReferenceAsync(stack);
        var script = ReferenceScript(stack);
        var put = Put(stack);
        var number = 0L;
        long Next() => Interlocked.Increment(ref number);

        await using var load = await Load.OpenAsync(stack, Connections);
        await load.WarmUpAsync(put, Next, 201);
        await Pgbench.RunAsync(stack, script, Connections, TimeSpan.FromSeconds(2));
        var (meter, referenceMeter) = (new CpuMeter(stack), new CpuMeter(stack));
        var (product, reference) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            reference.Add(await referenceMeter.DuringAsync(Round, () => Pgbench.RunAsync(stack, script, Connections, Round)));
            product.Add(await meter.DuringAsync(Round, async () => (await load.FloodAsync(put, Next, 201, Round)).PerSecond));
        }

        yield return Measure.RatioAtLeast("accept", product.Median(), "put/s", reference.Median(), 0.5);
        foreach (var part in meter.PerRequest("accept"))
            yield return part;
        foreach (var part in referenceMeter.PerRequest("accept.reference"))
            yield return part;

        var paced = await load.PaceAsync(put, Next, 201, perSecond: 200, TimeSpan.FromSeconds(10));
        yield return Measure.AtMost("accept.p99-at-200", paced.P99, "ms", 50);
        yield return Measure.Fact("accept.p50-at-200", paced.P50, "ms");
        yield return await EmbeddedAsync(embedded);
    }

    /// <summary>The same at the host, whose worker carries out each operation on the same two cores while more are accepted.</summary>
    private static async Task<Measure> EmbeddedAsync(Stack stack)
    {
        await stack.PutGroupAsync(Group);
        var number = await stack.ScalarAsync<long>("select count(*) from resources");
        await using var load = await Load.OpenAsync(stack, Connections);
        var put = Put(stack);
        await load.WarmUpAsync(put, () => Interlocked.Increment(ref number), 201);
        var result = await load.FloodAsync(put, () => Interlocked.Increment(ref number), 201, Round);
        await stack.DrainAsync();
        return Measure.Fact("accept.embedded", result.PerSecond, "put/s");
    }

    private static NumberedRequest Put(Stack stack) => new(stack, "PUT", $"{stack.ImagesPath(Group)}/img-{{n}}", Images.Body(stack));

    /// <summary>The same columns, defaults, indexes and foreign key, in tables of the reference's own.</summary>
    private static Task PrepareReferenceAsync(Stack stack) => stack.ExecuteAsync("""
        drop schema if exists reference cascade;
        create schema reference;
        create table reference.resources (like public.resources including all);
        alter table reference.resources add foreign key (parent_key) references reference.resources (key) on delete restrict;
        create table reference.operations (like public.operations including all);
        create table reference.activities (like public.activities including all);
        insert into reference.resources select * from public.resources where type in ('Microsoft.Resources/subscriptions', 'Microsoft.Resources/subscriptions/resourceGroups', 'Microsoft.Resources/resourceGroups');
        """);

    /// <summary>What the front door writes for one PUT; names and ids differ each time.</summary>
    private static string ReferenceScript(Stack stack)
    {
        var (id, key) = (stack.ImagesPath(Group), stack.ImagesPath(Group).ToLowerInvariant());
        var (parent, subscription) = (stack.GroupPath(Group).ToLowerInvariant(), stack.Subscription.ToLowerInvariant());
        // pgbench takes a colon with a word after it for a variable, inside of quotes too.
        var properties = Images.Properties.Replace("\":", "\": ", StringComparison.Ordinal);
        return $$"""
            \set n random(1, 999999999999)
            begin;
            insert into reference.resources (key, id, parent_key, type, name, subscription, resource_group, location, tags, properties, status, state, version, unique_key, managed_by, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs) values ('{{key}}/img-' || :n, '{{id}}/img-' || :n, '{{parent}}', 'ControlPlane.BareMetal/osImages', 'img-' || :n, '{{subscription}}', '{{Group}}', '{{stack.Location}}', '{}'::jsonb, '{{properties}}'::jsonb, '{}', 'Accepted', 1, null, null, now(), '{{subscription}}', 'Application', now(), '{{subscription}}', 'Application', '{}') on conflict do nothing returning version, created_at, created_by, created_by_type, modified_at;
            insert into reference.operations (id, resource_key, resource_id, resource_type, subscription, location, request, parameters, status, started_at, deadline_at, due_at, wakes, lease_epoch, next_step, step_count, attempts, percent, steps, memory, principal, correlation_id, trace_parent) values ((lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7000' || lpad(to_hex(:n::bigint), 16, '0'))::uuid, '{{key}}/img-' || :n, '{{id}}/img-' || :n, 'ControlPlane.BareMetal/osImages', '{{subscription}}', '{{stack.Location}}', 'put', null, 'Accepted', now(), now() + interval '10 minutes', now(), 0, 0, 0, 0, 0, 0, '[]', '{}', '{{subscription}}', '{{subscription}}', null) on conflict do nothing;
            insert into reference.activities (at, subscription, resource_id, action, status, principal, correlation_id, operation_id) values (now(), '{{subscription}}', '{{id}}/img-' || :n, 'ControlPlane.BareMetal/osImages/write', 'Accepted', '{{subscription}}', '{{subscription}}', null);
            commit;
            """;
    }
}

/// <summary>The cheapest resource with an operation: its one step only compares a signature.</summary>
internal static class Images
{
    public static string Properties { get; } =
        $$"""{"version":"24.04","url":"https://images.example/ubuntu-24.04.raw.zst","sha256":"{{new string('a', 64)}}","sizeBytes":1048576,"knownCves":[]}""";

    public static string Body(Stack stack) => $$"""{"location":"{{stack.Location}}","properties":{{Properties}}}""";
}
