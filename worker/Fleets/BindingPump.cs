using System.Collections.Concurrent;
using System.Threading.Channels;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>How a worker applies placements to members (<c>Fleets</c>).</summary>
internal sealed class BindingOptions
{
    /// <summary>With how many members one worker talks at once. <value>256</value></summary>
    public int Concurrency { get; set; } = 256;

    /// <summary>To how many clusters a worker keeps a connection open while it does not talk to them; the others cost a TLS handshake each time. <value>2500</value></summary>
    public int WarmConnections { get; set; } = 2500;

    /// <summary>How long a claim lasts without renewal: after that another worker takes over from one that died. <value>10 s</value></summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often it is looked whether what was applied is still so. <value>10 min</value></summary>
    public TimeSpan DriftInterval { get; set; } = TimeSpan.FromMinutes(10);
}

/// <summary>
/// Carries out what bindings want, many at once: claims what is due, talks to each member, and stores the outcomes in batches. It keeps nothing that is not in the table: a worker that dies
/// leaves claims that run out.
/// </summary>
internal sealed partial class BindingPump(NpgsqlDataSource source, MemberConnections members, BindingApplier applier, PlacementSignal signal, IOptions<BindingOptions> options, TimeProvider clock, ILogger<BindingPump> logger) : BackgroundService
{
    private const int Batch = 125;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Channel<(ClaimedBinding Binding, BindingOutcome Outcome)> outcomes = Channel.CreateUnbounded<(ClaimedBinding, BindingOutcome)>(new() { SingleReader = true });
    private readonly ConcurrentDictionary<ClaimedBinding, byte> held = new(ReferenceEqualityComparer.Instance);
    private readonly LookSlots slots = new(options.Value.Concurrency);

    public override void Dispose()
    {
        slots.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var (storing, renewing) = (StoreAllAsync(), RenewAllAsync(stoppingToken));
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await ClaimAndRunAsync(stoppingToken))
                    await signal.WorkAsync(stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogClaimFailed(failure);
                await signal.WorkAsync(CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }

        await slots.CloseAsync();
        outcomes.Writer.Complete();
        await Task.WhenAll(storing, renewing);
    }

    /// <summary>Takes as much as there is room for; false when nothing is due.</summary>
    private async Task<bool> ClaimAndRunAsync(CancellationToken stop)
    {
        var room = await slots.TakeAsync(Batch, stop);
        var claimed = 0;
        try
        {
            foreach (var (binding, member) in await ClaimAsync(room, stop))
            {
                claimed++;
                _ = LookAsync(binding, member, slots.Begin(), stop);
            }
        }
        finally
        {
            slots.GiveBack(room - claimed);
        }

        signal.IsCrowded = claimed == room;
        return claimed > 0;
    }

    private async Task LookAsync(ClaimedBinding binding, MemberApi? member, LookSlots.Look slot, CancellationToken stop)
    {
        await Task.Yield();
        held[binding] = 0;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        try
        {
            outcomes.Writer.TryWrite((binding, await applier.LookAsync(binding, member, patience.Token)));
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            outcomes.Writer.TryWrite((binding, BindingOutcome.Unseen(binding.State, TimeSpan.FromSeconds(1), "MemberSlow", $"The member did not take everything within {Patience.TotalSeconds:0} s.")));
        }
        catch (Exception end) when (end is OperationCanceledException or ClaimLostException)
        {
            LogStopped(binding.Member);
        }
        catch (Exception failure)
        {
            LogLookFailed(failure, binding.Member);
            outcomes.Writer.TryWrite((binding, new(binding.Health, binding.ObservedGeneration, TimeSpan.FromSeconds(10), binding.Attempts + 1, "InternalServerError", "It failed on our side; the logs have the reason.")));
        }
        finally
        {
            held.TryRemove(binding, out _);
            slots.End(slot);
        }
    }

    private async Task<IReadOnlyList<(ClaimedBinding Binding, MemberApi? Member)>> ClaimAsync(int most, CancellationToken stop)
    {
        var (claimed, from) = (new List<ClaimedBinding>(most), clock.GetTimestamp());
        await using (var command = Sql.Command(source, BindingSql.Claim, most, options.Value.Lease))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
                claimed.Add(Read(row, new(clock), from, options.Value.Lease));
        }

        if (claimed.Count == 0)
            return [];
        var apis = await members.FindAsync([.. claimed.Select(binding => (binding.ClusterKey, binding.ClusterVersion))], stop);
        return [.. claimed.Select(binding => (binding, apis.GetValueOrDefault(binding.ClusterKey)))];
    }

    /// <summary>Claims of what is under way are held on; what could not be held on is broken off before its next write.</summary>
    private async Task RenewAllAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(options.Value.Lease / 4, clock);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stop);
                var (mine, from) = (held.Keys.OrderByDescending(binding => binding.Claim).DistinctBy(binding => (binding.PlacementId, binding.MemberId)).ToDictionary(binding => (binding.PlacementId, binding.MemberId)), clock.GetTimestamp());
                if (mine.Count == 0)
                    continue;
                await using var command = Sql.Command(source, BindingSql.Renew, mine.Keys.Select(one => one.PlacementId).ToArray(), mine.Keys.Select(one => one.MemberId).ToArray(), mine.Values.Select(one => one.Claim).ToArray(), options.Value.Lease);
                await using var row = await command.ExecuteReaderAsync(stop);
                while (await row.ReadAsync(stop))
                    mine[(row.GetInt32(0), row.GetInt32(1))].Lease.HoldFrom(from, options.Value.Lease);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                LogRenewFailed(failure);
            }
        }
    }

    private async Task StoreAllAsync()
    {
        var batch = new List<(ClaimedBinding Binding, BindingOutcome Outcome)>(Batch);
        while (await outcomes.Reader.WaitToReadAsync(CancellationToken.None))
        {
            batch.Clear();
            while (batch.Count < 2 * Batch && outcomes.Reader.TryRead(out var outcome))
                batch.Add(outcome);
            try
            {
                await StoreAsync(batch);
                if (batch.Where(one => one.Binding.IsNews(one.Outcome)).Select(one => one.Binding.PlacementId).Distinct().ToList() is { Count: > 0 } news)
                    signal.Seen(news);
            }
            catch (NpgsqlException failure)
            {
                // The claims run out, and the same is done again.
                LogStoreFailed(failure);
            }
        }
    }

    private async Task StoreAsync(List<(ClaimedBinding Binding, BindingOutcome Outcome)> batch)
    {
        var gone = batch.Where(one => one.Outcome.IsGone).Select(one => one.Binding).ToList();
        var kept = batch.Where(one => !one.Outcome.IsGone).ToList();
        await using var connection = await source.OpenConnectionAsync(CancellationToken.None);
        await BindingIssues.StoreAsync(connection, [.. kept.Where(one => one.Outcome.Differences is { } found && (found.Count > 0 || one.Binding.HasDifferences))
            .Select(one => new ComparedBinding(one.Binding.PlacementId, one.Binding.MemberId, one.Binding.Claim, one.Binding.Generation, one.Outcome.Differences!))], CancellationToken.None);
        if (kept.Count > 0)
        {
            var now = clock.GetUtcNow();
            await using var command = Sql.Command(connection, BindingSql.Store,
                kept.Select(one => one.Binding.PlacementId).ToArray(), kept.Select(one => one.Binding.MemberId).ToArray(), kept.Select(one => one.Binding.Claim).ToArray(), kept.Select(one => one.Binding.Generation).ToArray(),
                kept.Select(one => (short)one.Outcome.Health).ToArray(), kept.Select(one => one.Outcome.ObservedGeneration).ToArray(), kept.Select(one => one.Outcome.Again?.TotalSeconds).ToArray(), kept.Select(one => one.Outcome.Attempts).ToArray(),
                kept.Select(one => one.Outcome.ErrorCode).ToArray(), kept.Select(one => one.Outcome.Error).ToArray(), kept.Select(one => one.Outcome.IsClean).ToArray(), kept.Select(one => one.Outcome.IsUntracked).ToArray(),
                kept.Select(one => one.Outcome.Repaired).ToArray(), kept.Select(one => one.Outcome.Repaired is null ? (DateTimeOffset?)null : now).ToArray(), options.Value.DriftInterval);
            await command.ExecuteNonQueryAsync();
        }

        if (gone.Count > 0)
        {
            await using var command = Sql.Command(connection, BindingSql.Forget, gone.Select(one => one.PlacementId).ToArray(), gone.Select(one => one.MemberId).ToArray(), gone.Select(one => one.Claim).ToArray());
            await command.ExecuteNonQueryAsync();
        }
    }

    private static ClaimedBinding Read(NpgsqlDataReader row, ClaimLease lease, long from, TimeSpan time)
    {
        lease.HoldFrom(from, time);
        return new()
        {
            PlacementId = row.GetInt32(0),
            MemberId = row.GetInt32(1),
            Member = row.GetString(2),
            Labels = Json.Read<Dictionary<string, string>>(row.GetString(3)),
            ClusterKey = row.GetString(4),
            ClusterVersion = row.GetInt64(5),
            IsUnscheduled = row.GetBoolean(6),
            DesiredRevision = row.GetInt32(7),
            Generation = row.GetInt64(8),
            ObservedGeneration = row.GetInt64(9),
            Health = (BindingHealth)row.GetInt16(10),
            TouchedRevisions = row.GetFieldValue<int[]>(11),
            Attempts = row.GetInt32(12),
            Claim = row.GetInt64(13),
            ErrorCode = row.IsDBNull(14) ? null : row.GetString(14),
            HasDifferences = row.GetBoolean(15),
            IsDrifted = row.GetBoolean(16),
            IsLook = row.GetBoolean(17),
            Lease = lease,
        };
    }

    [LoggerMessage(LogLevel.Warning, "Claiming bindings failed; the next round does it")]
    private partial void LogClaimFailed(Exception failure);

    [LoggerMessage(LogLevel.Warning, "Holding claims on failed; the next round does it, or they run out")]
    private partial void LogRenewFailed(Exception failure);

    [LoggerMessage(LogLevel.Warning, "Storing outcomes failed; their claims run out and the same is done again")]
    private partial void LogStoreFailed(Exception failure);

    [LoggerMessage(LogLevel.Error, "A look at member {Member} failed on our side")]
    private partial void LogLookFailed(Exception failure, string member);

    [LoggerMessage(LogLevel.Debug, "A look at member {Member} was broken off")]
    private partial void LogStopped(string member);
}
