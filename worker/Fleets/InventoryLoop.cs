using System.Threading.Channels;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Clusters;
using ControlPlane.Worker.Clusters;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Looks at every cluster with the access Push, again and again: claims those that are due, asks each, and stores what was seen in batches. Any number of workers share the table; one that dies
/// leaves claims that run out. A cluster that does not answer is asked less and less often, and keeps nobody waiting.
/// </summary>
internal sealed partial class InventoryLoop(NpgsqlDataSource source, MemberConnections clusters, PlacementSignal placements, IOptions<ClusterOptions> options, TimeProvider clock, ILogger<InventoryLoop> logger) : BackgroundService
{
    private const int Concurrency = 64;
    private const int Batch = 200;
    private const int LongestBackOff = 5;
    private const int LongestError = 500;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Less than a claim lasts.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static readonly TimeSpan ClaimFor = TimeSpan.FromSeconds(60);

    /// <summary>So long a look is put off while placements need the worker: much less than it takes for a cluster to be offline.</summary>
    private static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(45);

    private readonly Channel<Look> looks = Channel.CreateUnbounded<Look>(new() { SingleReader = true });
    private readonly LookSlots slots = new(Concurrency);
    private bool adopted;

    public override void Dispose()
    {
        slots.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var storing = StoreAllAsync();
        using var timer = new PeriodicTimer(Pause, clock);
        try
        {
            do
            {
                try
                {
                    await AdoptAsync(stoppingToken);
                    while (await ClaimAndLookAsync(stoppingToken))
                        continue;
                }
                catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
                {
                    LogFailed(failure);
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            LogStopped();
        }

        await slots.CloseAsync();
        looks.Writer.Complete();
        await storing;
    }

    private async Task AdoptAsync(CancellationToken stop)
    {
        if (adopted)
            return;
        await using var command = Sql.Command(source, InventorySql.Adopt, ConnectedCluster.Type.ToString());
        await command.ExecuteNonQueryAsync(stop);
        adopted = true;
    }

    /// <summary>Takes as many as there is room for; false when no more are due.</summary>
    private async Task<bool> ClaimAndLookAsync(CancellationToken stop)
    {
        var room = await slots.TakeAsync(Concurrency, stop);
        var claimed = 0;
        try
        {
            var due = await ClaimAsync(room, stop);
            var apis = due.Count == 0 ? new Dictionary<string, MemberApi>(StringComparer.Ordinal) : await clusters.FindAsync([.. due.Select(one => (one.Key, one.Version))], stop);
            foreach (var (key, _, attempts) in due)
            {
                claimed++;
                _ = LookAsync(key, attempts, apis.GetValueOrDefault(key), slots.Begin(), stop);
            }

            return claimed == room;
        }
        finally
        {
            slots.GiveBack(room - claimed);
        }
    }

    private async Task<IReadOnlyList<(string Key, long Version, int Attempts)>> ClaimAsync(int most, CancellationToken stop)
    {
        var due = new List<(string, long, int)>();
        await using var command = Sql.Command(source, InventorySql.Claim, most, ClaimFor, placements.IsCrowded ? Courtesy : TimeSpan.Zero);
        await using var row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
            due.Add((row.GetString(0), row.GetInt64(1), row.GetInt32(2)));
        return due;
    }

    private async Task LookAsync(string key, int attempts, MemberApi? cluster, LookSlots.Look slot, CancellationToken stop)
    {
        await Task.Yield();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        try
        {
            looks.Writer.TryWrite(cluster is null ? new(key, attempts, "The cluster has no credentials; PUT it again with credentials.") : new(key, Seen: await ClusterLook.LookAsync(cluster.LookAsync, patience.Token)));
        }
        catch (Exception failure) when (failure is MemberUnreachableException or MemberRefusedException or FormatException)
        {
            looks.Writer.TryWrite(new(key, attempts, failure.Message));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            looks.Writer.TryWrite(new(key, attempts, $"The cluster did not answer everything within {Patience.TotalSeconds:0} s."));
        }
        catch (OperationCanceledException)
        {
            LogStopped();
        }
        catch (Exception failure)
        {
            LogLookFailed(failure, key);
            looks.Writer.TryWrite(new(key, attempts, "The look failed on our side; the logs have the reason."));
        }
        finally
        {
            slots.End(slot);
        }
    }

    private async Task StoreAllAsync()
    {
        var batch = new List<Look>(Batch);
        while (await looks.Reader.WaitToReadAsync(CancellationToken.None))
        {
            batch.Clear();
            while (batch.Count < Batch && looks.Reader.TryRead(out var look))
                batch.Add(look);
            try
            {
                await StoreAsync(source, options.Value, [.. batch.Where(look => look.Seen is not null).Select(look => (look.Key, look.Seen!))]);
                await StoreFailedAsync([.. batch.Where(look => look.Seen is null)]);
            }
            catch (NpgsqlException failure)
            {
                // The claims run out, and the same is looked at again.
                LogFailed(failure);
            }
        }
    }

    private static async Task StoreAsync(NpgsqlDataSource source, ClusterOptions options, IReadOnlyList<(string Key, ObservedCluster Cluster)> seen)
    {
        if (seen.Count == 0)
            return;
        await using var command = Sql.Command(source, InventorySql.Seen, ObservedClusters.Columns(options.LookEvery, seen));
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private async Task StoreFailedAsync(IReadOnlyList<Look> failed)
    {
        if (failed.Count == 0)
            return;
        await using var command = Sql.Command(source, InventorySql.Failed,
            failed.Select(look => look.Key).ToArray(), failed.Select(look => BackOff(look.Attempts).TotalSeconds).ToArray(), failed.Select(look => look.Attempts + 1).ToArray(),
            failed.Select(look => ObservedNode.Clean(look.Error is { Length: > LongestError } error ? error[..LongestError] : look.Error)).ToArray());
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>Twice as long after each failure, up to five times as long as between two looks that succeed.</summary>
    private TimeSpan BackOff(int failedBefore) => options.Value.LookEvery * Math.Min(Math.Pow(2, Math.Min(failedBefore, 10)), LongestBackOff);

    [LoggerMessage(LogLevel.Warning, "Looking at clusters failed; the next round does it")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(LogLevel.Error, "A look at cluster {Cluster} failed on our side")]
    private partial void LogLookFailed(Exception failure, string cluster);

    [LoggerMessage(LogLevel.Debug, "Looking at clusters was broken off")]
    private partial void LogStopped();

    /// <summary>What a look has found, or why it has not.</summary>
    private sealed record Look(string Key, int Attempts = 0, string? Error = null, ObservedCluster? Seen = null);
}
