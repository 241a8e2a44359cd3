using ControlPlane.Contracts.Fleets;
using ControlPlane.Contracts.Policy;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Keeps new placements and pods away from members whose clusters break a policy that is assigned with <c>cordon</c>, until they keep it. It compares what policies found with the taints that are there
/// and with nothing else, so that it does not matter what it has missed; those taints stand in a column of their own, so that somebody's own are never touched.
/// </summary>
internal sealed partial class ComplianceLoop(NpgsqlDataSource source, NodeCordons cordons, PlacementSignal signal, IConfiguration configuration, TimeProvider clock, ILogger<ComplianceLoop> logger) : BackgroundService
{
    private const string Taint = """
        with cordoning as (
            select a.key, a.id, case when grace ~ '^[0-9]{1,9}$' then grace::int else 0 end as grace
            from resources a cross join lateral (select coalesce(a.properties#>>'{parameters,gracePeriod,value}', a.properties#>>'{metadata,gracePeriod}', '0') as grace) g
            where a.type = $1 and a.state <> 'Deleting' and coalesce(a.properties->>'enforcementMode', 'Default') = 'Default'
              and lower(coalesce(a.properties#>>'{parameters,cordon,value}', a.properties#>>'{metadata,cordon}', '')) = 'true'),
        wanted as (
            select m.id, jsonb_agg(jsonb_build_object('key', $2::text, 'value', '', 'effect', 'NoSchedule', 'owner', a.id) order by a.key) as taints
            from cordoning a join policy_states s on s.assignment_key = a.key and not s.is_compliant and s.effect <> 'disabled' and s.changed_at <= now() - make_interval(secs => a.grace)
            join fleet_members m on m.cluster_key = s.resource_key and not m.is_leaving
            group by m.id),
        changed as (
            update fleet_members m set policy_taints = coalesce(w.taints, '[]'), cordon_due_at = now()
            from fleet_members x left join wanted w on w.id = x.id where m.id = x.id and m.policy_taints <> coalesce(w.taints, '[]') returning m.fleet_key)
        update placements set schedule_due = true where fleet_key in (select fleet_key from changed)
        """;

    private readonly TimeSpan period = configuration.GetValue<TimeSpan?>("Fleets:ComplianceSweep") ?? TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(period, clock);
        try
        {
            do
                await TryAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task TryAsync(CancellationToken stop)
    {
        try
        {
            await using (var command = Sql.Command(source, Taint, PolicyAssignment.Type.ToString(), PolicyTaint.NonCompliant))
            {
                if (await command.ExecuteNonQueryAsync(stop) > 0)
                    signal.Members();
            }

            await cordons.SettleAsync(stop);
        }
        catch (Exception failure) when (!stop.IsCancellationRequested)
        {
            LogFailed(failure);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Cordoning what does not comply failed; the next round does it")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(LogLevel.Debug, "What does not comply is no longer cordoned here")]
    private partial void LogStopped();
}
