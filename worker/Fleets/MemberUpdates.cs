using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Carries update runs out on their members, many at once: claims what is due, looks at each, and stores what came of it. It keeps nothing that is not in the table: a worker that dies leaves
/// claims that run out, and what it still wanted to store is of an older claim. Members behind an agent are that agent's affair.
/// </summary>
internal sealed partial class MemberUpdates(NpgsqlDataSource source, MemberConnections members, UpdateSignal signal, IOptions<FleetOptions> options, ILogger<MemberUpdates> logger) : BackgroundService
{
    private const int Concurrency = 64;
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(40);

    /// <summary>Less than the lease: whoever is slower has been given up by then.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim slots = new(Concurrency, Concurrency);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!await ClaimAndLookAsync(stoppingToken))
                    await signal.WorkAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                LogClaimFailed(failure);
                await signal.WorkAsync(CancellationToken.None);
            }
        }

        for (var slot = 0; slot < Concurrency; slot++)
            await slots.WaitAsync(CancellationToken.None);
    }

    public override void Dispose()
    {
        slots.Dispose();
        base.Dispose();
    }

    /// <summary>Takes as much as there is room for; false when nothing is due.</summary>
    private async Task<bool> ClaimAndLookAsync(CancellationToken stop)
    {
        await slots.WaitAsync(stop);
        var room = 1;
        while (room < Concurrency && slots.Wait(TimeSpan.Zero, CancellationToken.None))
            room++;
        var claimed = 0;
        try
        {
            foreach (var (member, api) in await ClaimAsync(room, stop))
            {
                claimed++;
                _ = LookAsync(member, api, stop);
            }
        }
        finally
        {
            if (room > claimed)
                slots.Release(room - claimed);
        }

        return claimed > 0;
    }

    private async Task LookAsync(ClaimedMember member, MemberApi? api, CancellationToken stop)
    {
        await Task.Yield();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        try
        {
            var outcome = api is null ? MemberUpdate.Unreachable(member.Work, "The cluster has no credentials.")
                : await MemberUpdate.LookAsync(api, member.Work, patience.Token);
            await StoreAsync(member, outcome);
            signal.Seen();
        }
        catch (OperationCanceledException)
        {
            LogBrokenOff(member.Name);
        }
        catch (Exception failure)
        {
            // The claim runs out, and the same is done again.
            LogLookFailed(failure, member.Name);
        }
        finally
        {
            slots.Release();
        }
    }

    private async Task<IReadOnlyList<(ClaimedMember Member, MemberApi? Api)>> ClaimAsync(int most, CancellationToken stop)
    {
        var claimed = new List<ClaimedMember>(most);
        await using (var command = Sql.Command(source, $"""
            with due as (
                select u.run_id, u.member_id from update_run_members u join update_runs r on r.id = u.run_id
                where u.due_at <= now() and (u.lease_until is null or u.lease_until < now()) and {UpdateRunSql.IsWanted} and not exists (select from fleet_members m where m.id = u.member_id and m.is_pull)
                order by u.due_at limit $1 for update of u skip locked)
            update update_run_members u set lease_until = now() + $2, epoch = u.epoch + 1
            from due, update_runs r, resources w, fleet_members m, resources c
            where u.run_id = due.run_id and u.member_id = due.member_id and r.id = u.run_id and w.key = r.resource_key and m.id = u.member_id and c.key = m.cluster_key
            returning u.run_id, u.member_id, u.epoch, u.name, u.attempts, r.node_images, w.properties, m.cluster_key, c.version, {UpdateRunSql.KnownImages}
            """, most, Lease))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
                claimed.Add(Read(row));
        }

        if (claimed.Count == 0)
            return [];
        var apis = await members.FindAsync([.. claimed.Select(member => (member.ClusterKey, member.ClusterVersion))], stop);
        return [.. claimed.Select(member => (member, apis.GetValueOrDefault(member.ClusterKey)))];
    }

    private ClaimedMember Read(NpgsqlDataReader row)
    {
        var update = Json.Read<UpdateRun>(row.GetString(6)).ManagedClusterUpdate;
        var chosen = row.GetFieldValue<string[]>(5);
        return new(row.GetInt64(0), row.GetInt32(1), row.GetInt32(2), row.GetString(3), row.GetString(7), row.GetInt64(8), new()
        {
            Update = update,
            Attempts = row.GetInt32(4),
            NodeImages = NodeImages.Candidates(update, chosen, [.. options.Value.NodeImages, .. row.GetFieldValue<string[]>(9)]),
        });
    }

    private async Task StoreAsync(ClaimedMember member, UpdateOutcome outcome)
    {
        await using var command = Sql.Command(source, UpdateRunSql.Store,
            member.RunId, member.MemberId, member.Epoch, (short)outcome.State, outcome.Message, outcome.Attempts, outcome.Again is { } again ? again.TotalSeconds : NpgsqlTypes.NpgsqlDbType.Double);
        await command.ExecuteNonQueryAsync();
    }

    private sealed record ClaimedMember(long RunId, int MemberId, int Epoch, string Name, string ClusterKey, long ClusterVersion, MemberUpdateWork Work);

    [LoggerMessage(LogLevel.Warning, "Claiming members of update runs failed; the next round does it")]
    private partial void LogClaimFailed(Exception failure);

    [LoggerMessage(LogLevel.Warning, "A look at member {Member} failed on our side; its claim runs out and another look is taken")]
    private partial void LogLookFailed(Exception failure, string member);

    [LoggerMessage(LogLevel.Debug, "A look at member {Member} was broken off")]
    private partial void LogBrokenOff(string member);
}
