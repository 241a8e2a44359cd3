using System.Collections.Concurrent;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>What stands for all that is to be done on a cluster, as a number. Pure.</summary>
internal static class WorkCursor
{
    /// <summary>In whatever order: the sum of what stands for each; 0 for nothing.</summary>
    public static long Of(IEnumerable<(int Placement, long Generation, bool IsUnscheduled)> items) => items.Aggregate(0L, (sum, item) => Add(sum, item.Placement, item.Generation, item.IsUnscheduled));

    public static long Add(long sum, int placement, long generation, bool isUnscheduled) => unchecked(sum + (long)Mix(Mix((ulong)placement) + ((ulong)generation << 1) + (isUnscheduled ? 1UL : 0UL))) & long.MaxValue;

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
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    private readonly ConcurrentDictionary<string, Waiter> waiters = new(StringComparer.Ordinal);

    /// <summary>Until something else than <paramref name="cursor"/> stands for what is to be done, another request of the same agent comes, the front door stops, or <paramref name="upTo"/> has passed.</summary>
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
        var due = new Dictionary<string, long>(StringComparer.Ordinal);
        await using (var command = Sql.Command(source, """
            select m.cluster_key, b.placement_id, b.generation, b.is_unscheduled from placement_bindings b join fleet_members m on m.id = b.member_id where b.due_at is not null and m.is_pull
            """))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
            {
                var key = row.GetString(0);
                if (waiters.ContainsKey(key))
                    due[key] = WorkCursor.Add(due.GetValueOrDefault(key), row.GetInt32(1), row.GetInt64(2), row.GetBoolean(3));
            }
        }

        foreach (var (key, waiter) in waiters)
        {
            if (due.GetValueOrDefault(key) != waiter.Cursor)
                waiter.Wake();
        }
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

        public long Cursor { get; } = cursor;
        public Task Woken => woken.Task;

        public void Wake() => woken.TrySetResult();
    }
}
