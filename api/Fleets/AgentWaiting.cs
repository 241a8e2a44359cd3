using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>What a part of an agent's work is.</summary>
internal enum WorkKind
{
    Placement = 0,
    Removal = 1,
    Update = 2,
    Cordon = 3,
}

/// <summary>A part of an agent's work, and which state of it is wanted.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct WorkPart(WorkKind Kind, long Id, long Generation);

/// <summary>What stands for all that is to be done on a cluster, as a number. Pure.</summary>
internal static class WorkCursor
{
    /// <summary>In whatever order: the sum of what stands for each; 0 for nothing.</summary>
    public static long Of(IEnumerable<WorkPart> parts) => parts.Aggregate(0L, Add);

    public static long Add(long sum, WorkPart part) => unchecked(sum + (long)Mix(Mix((ulong)part.Id) + ((ulong)part.Generation << 2) + (ulong)part.Kind)) & long.MaxValue;

    public static WorkPart Part(int placement, long generation, bool isUnscheduled) => new(isUnscheduled ? WorkKind.Removal : WorkKind.Placement, placement, generation);

    /// <summary>SplitMix64's finaliser: neighbours become far apart.</summary>
    private static ulong Mix(ulong value)
    {
        unchecked
        {
            value += 0x9E3779B97F4A7C15;
            value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
            value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
            return value ^ (value >> 31);
        }
    }
}

/// <summary>
/// Agents that wait for work: none holds a thread, and one statement a quarter of a second, for as long as any waits, looks for all of them. While there is nothing to do anywhere it reads an
/// empty index.
/// </summary>
internal sealed partial class AgentWaiting(NpgsqlDataSource source, TimeProvider time, IHostApplicationLifetime lifetime, ILogger<AgentWaiting> logger) : BackgroundService
{
    private const string Wanted = $"""
        select m.cluster_key, b.is_unscheduled::int, b.placement_id::bigint, b.generation from placement_bindings b join fleet_members m on m.id = b.member_id where b.due_at is not null and m.is_pull
        union all
        select m.cluster_key, 2, u.run_id, u.epoch::bigint from update_run_members u join update_runs r on r.id = u.run_id join fleet_members m on m.id = u.member_id where {UpdateRunSql.IsWanted} and m.is_pull
        union all
        select m.cluster_key, 3, 0, {AgentUpkeep.CordonGeneration} from fleet_members m where m.cordon_due_at is not null and m.is_pull
        """;

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    private readonly ConcurrentDictionary<string, Waiter> waiters = new(StringComparer.Ordinal);

    /// <summary>
    /// Until there is something to do that <paramref name="cursor"/> does not stand for, an update or cordon that it stands for is wanted no more, another request of the same agent comes, the front door stops, or
    /// <paramref name="upTo"/> has passed. That something has been done, its agent knows.
    /// </summary>
    public async Task WaitAsync(string clusterKey, long cursor, TimeSpan upTo, CancellationToken cancel)
    {
        var waiter = new Waiter(cursor);
        waiters.AddOrUpdate(clusterKey, waiter, (_, before) =>
        {
            before.Wake();
            return waiter;
        });
        try
        {
            await waiter.Woken.WaitAsync(upTo, time, cancel);
        }
        catch (TimeoutException)
        {
        }
        finally
        {
            waiters.TryRemove(KeyValuePair.Create(clusterKey, waiter));
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Not the token of this service: that comes only when the server has waited for its requests, these among them.
        await using var stops = lifetime.ApplicationStopping.Register(WakeAll);
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                if (lifetime.ApplicationStopping.IsCancellationRequested)
                    WakeAll();
                else if (!waiters.IsEmpty)
                    await LookAsync(stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failure);
            }
        }
    }

    private async Task LookAsync(CancellationToken stop)
    {
        // Who comes meanwhile may have seen more than this look does.
        var present = waiters.ToArray();
        var due = new Dictionary<string, List<WorkPart>>(StringComparer.Ordinal);
        await using (var command = Sql.Command(source, Wanted))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
            {
                if (!due.TryGetValue(row.GetString(0), out var parts))
                    due[row.GetString(0)] = parts = [];
                parts.Add(new((WorkKind)row.GetInt32(1), row.GetInt64(2), row.GetInt64(3)));
            }
        }

        foreach (var (key, waiter) in present)
            waiter.Compare(due.GetValueOrDefault(key) ?? []);
    }

    private void WakeAll()
    {
        foreach (var waiter in waiters.Values)
            waiter.Wake();
    }

    [LoggerMessage(LogLevel.Warning, "Looking for the work of agents failed; the next look does it")]
    private partial void LogFailed(Exception failure);

    private sealed class Waiter(long cursor)
    {
        private readonly TaskCompletionSource woken = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>What the agent knows of and is still to be done; null until the first look.</summary>
        private HashSet<WorkPart>? known;

        public Task Woken => woken.Task;

        public void Wake() => woken.TrySetResult();

        public void Compare(List<WorkPart> due)
        {
            if (known is null ? WorkCursor.Of(due) != cursor : !known.IsSupersetOf(due) || known.Any(part => part.Kind is WorkKind.Update or WorkKind.Cordon && !due.Contains(part)))
                Wake();
            else if (known is null || known.Count != due.Count)
                known = [.. due];
        }
    }
}
