using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Members whose agent has not been heard of for a while and for which something is to be done count as offline, so that a run does not wait for them. Nothing is taken from them: when the agent is
/// back it finds what is to be done, and what it says then counts.
/// </summary>
internal sealed partial class SilentAgents(NpgsqlDataSource source, PlacementSignal signal, UpdateSignal updates, IConfiguration configuration, TimeProvider time, ILogger<SilentAgents> logger) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>More than twice as long as an agent is silent when all is well.</summary>
    private readonly TimeSpan silentAfter = configuration.GetValue<TimeSpan?>("Agents:SilentAfter") ?? TimeSpan.FromMinutes(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
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
        await using var command = Sql.Command(source, """
            with silent as (
                select b.placement_id, b.member_id from placement_bindings b join fleet_members m on m.id = b.member_id left join cluster_inventories i on i.cluster_key = m.cluster_key
                where m.is_pull and b.due_at < now() - $1 and b.health <> 4 and (i.last_seen is null or i.last_seen < now() - $1) for no key update of b skip locked)
            update placement_bindings b set health = 4, error_code = 'AgentSilent', error = 'The agent of the cluster has not been heard of.', transition_at = now()
            from silent s where b.placement_id = s.placement_id and b.member_id = s.member_id returning b.placement_id
            """, silentAfter);
        var placements = new HashSet<int>();
        await using (var row = await command.ExecuteReaderAsync(stop))
        {
            while (await row.ReadAsync(stop))
                placements.Add(row.GetInt32(0));
        }

        if (placements.Count > 0)
            signal.Seen(placements);
        if (await DeferUpdatesAsync(stop) > 0)
            updates.Seen();
    }

    private async Task<int> DeferUpdatesAsync(CancellationToken stop)
    {
        await using var command = Sql.Command(source, """
            with deferred as (
                update update_run_members u set state = 4, message = 'The agent of the cluster has not been heard of; the cluster is updated when it is back.'
                from fleet_members m left join cluster_inventories i on i.cluster_key = m.cluster_key
                where m.id = u.member_id and m.is_pull and u.state = 1 and u.due_at < now() - $1 and (i.last_seen is null or i.last_seen < now() - $1) returning u.run_id)
            update update_runs set status_due = true where id in (select run_id from deferred)
            """, silentAfter);
        return await command.ExecuteNonQueryAsync(stop);
    }

    [LoggerMessage(LogLevel.Warning, "Looking for silent agents failed; the next look does it")]
    private partial void LogFailed(Exception failure);
}
