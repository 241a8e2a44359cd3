using System.Diagnostics;
using System.Globalization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>
/// All invariants of the engine at once, under harm: 500 restarts in flight against BMCs that count what is done to them. <c>CHAOS_SECONDS</c> makes it longer,
/// <c>CHAOS_SEED</c> repeats a run, <c>CHAOS_MACHINES</c> changes its size; <c>./dev chaos</c> sets them.
/// </summary>
[Collection(EngineAlone.Name)]
public sealed class ChaosTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(3);
    private readonly Stopwatch sinceStart = Stopwatch.StartNew();

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>Graceful shutdown and power-on take 1 s and 0.25 s.</summary>
    private const double Clock = 0.05;

    [Fact]
    public async Task Whatever_happens_to_the_processes_every_operation_ends_once_and_every_machine_is_restarted_once()
    {
        var (seed, time) = (Setting("CHAOS_SEED", Environment.TickCount), TimeSpan.FromSeconds(Setting("CHAOS_SECONDS", 20)));
        Report($"CHAOS_SEED={seed} CHAOS_SECONDS={time.TotalSeconds}");
        await using var stack = await ProcessStack.StartAsync(Composition.RabbitMq, workers: 0, settings:
            [("Operations:Lease", Lease.ToString()), ("Operations:Sweep", "00:00:00.5")]);
        Report("The front door is open");
        await using var fleet = await SimulatedFleet.StartAsync(stack, Setting("CHAOS_MACHINES", 500), seed);
        await WatchForLateWritesAsync(stack.Database);
        Report($"{fleet.Size} machines are known");
        await Task.WhenAll(stack.AddWorkerAsync(), stack.AddWorkerAsync(), stack.AddWorkerAsync());
        Report("3 workers are ready");

        var monkey = new ChaosMonkey(stack, seed, Lease, Report);
        using var enough = new CancellationTokenSource(time);
        var (clock, rounds) = (Stopwatch.StartNew(), 0);
        var harm = monkey.RunAsync(enough.Token);
        do
        {
            await fleet.BootAsync(Clock);
            var before = fleet.PowerTransitions();
            await RestartAllAsync(stack, fleet);
            await EndAllAsync(stack);
            rounds++;
            Report($"Round {rounds}: all {fleet.Size} operations have ended after {clock.Elapsed.TotalSeconds:0} s");
            await JudgeAsync(stack, fleet, before, seed);
        }
        while (clock.Elapsed < time);
        await harm;

        Report($"{rounds} rounds, {monkey.Kills} kills, {monkey.Pauses} pauses, {monkey.Outages} outages of RabbitMQ, seed {seed}");
        Assert.Equal(0L, await stack.Database.ScalarAsync("select count(*) from late_writes"));
    }

    private static Task RestartAllAsync(ProcessStack stack, SimulatedFleet fleet) =>
        Parallel.ForAsync(1, fleet.Size + 1, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (slot, _) =>
        {
            var accepted = await stack.Arm.PostAsync($"{fleet.PathOf(slot)}/restart");
            Assert.True(accepted.Status == 202, accepted.ToString());
        });

    private static Task EndAllAsync(ProcessStack stack) => Eventually.Async(
        async () => (long)(await stack.Database.ScalarAsync("select count(*) from operations where ended_at is null"))!, left => left == 0, "every operation has ended", Patience);

    private static async Task JudgeAsync(ProcessStack stack, SimulatedFleet fleet, IReadOnlyList<int> before, int seed)
    {
        var after = fleet.PowerTransitions();
        var wrong = Enumerable.Range(0, fleet.Size).Where(at => after[at] - before[at] != 2).ToList();
        Assert.True(wrong.Count == 0, $"Seed {seed}: {wrong.Count} machines were not switched off once and on once, such as {wrong.FirstOrDefault() + 1}:\n{fleet.History(wrong.FirstOrDefault() + 1)}");
        Assert.Equal(0, fleet.Off);
        Assert.Empty(fleet.RepeatedEffects());

        Assert.Null(await stack.Database.ScalarAsync("select resource_id || ': ' || status || ' ' || coalesce(error::text, '') from operations where request = 'restart' and status <> 'Succeeded' limit 1"));
        Assert.Null(await stack.Database.ScalarAsync("""
            select o.resource_id from operations o left join activities a on a.operation_id = o.id and a.status in ('Succeeded', 'Failed', 'Canceled')
            where o.request = 'restart' group by o.id, o.resource_id having count(a.id) <> 1 limit 1
            """));
        Assert.Null(await stack.Database.ScalarAsync("select id from resources where type = 'ControlPlane.BareMetal/bareMetalMachines' and state <> 'Succeeded' limit 1"));
    }

    /// <summary>The database itself notes whoever changes what has ended, takes an epoch back, or moves a cursor back.</summary>
    private static Task WatchForLateWritesAsync(TestDatabase database) => database.ExecuteAsync("""
        create table late_writes (operation uuid, what text);
        create function note_late_write() returns trigger language plpgsql as $$ begin
            if old.ended_at is not null or new.lease_epoch < old.lease_epoch or new.next_step < old.next_step then
                insert into late_writes values (old.id, row(old)::text || ' became ' || row(new)::text);
            end if;
            return new;
        end $$;
        create trigger note_late_write before update on operations for each row execute function note_late_write();
        """);

    private static int Setting(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var value) ? value : otherwise;

    private void Report(string line)
    {
        var said = $"{sinceStart.Elapsed.TotalSeconds,6:0.0} s  {line}";
        output.WriteLine(said);
        TestContext.Current.SendDiagnosticMessage("{0}", said);
    }
}

/// <summary>Tests that start processes of their own and measure seconds: one at a time, with nothing beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EngineAlone
{
    public const string Name = "The engine alone";
}
