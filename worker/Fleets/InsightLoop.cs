using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Keeps what a scorecard cannot compute when it is asked for: the sums of costs, and how its numbers were. A point is written under its fleet, metric and hour, so that a worker that dies, or two that
/// work at once, leave the same points; the hour that is going on has what was last seen in it.
/// </summary>
internal sealed partial class InsightLoop(NpgsqlDataSource source, IConfiguration configuration, TimeProvider clock, ILogger<InsightLoop> logger) : BackgroundService
{
    private const string Store = """
        insert into fleet_insight_points (fleet_key, metric, currency, at, value)
        select r.key, p.metric, p.currency, date_trunc('hour', now(), 'UTC'), p.value from resources r cross join unnest($2::text[], $3::text[], $4::numeric[]) p(metric, currency, value) where r.key = $1
        on conflict (fleet_key, metric, currency, at) do update set value = excluded.value where fleet_insight_points.value <> excluded.value
        """;

    private readonly TimeSpan period = configuration.GetValue<TimeSpan?>("Fleets:InsightSweep") ?? TimeSpan.FromMinutes(5);

    /// <summary>Costs first, for they are among the numbers.</summary>
    private async Task KeepAsync(CancellationToken stop)
    {
        await TryAsync("costs", () => NodeCosts.ComputeAsync(source, stop), stop);
        foreach (var fleet in await FleetsAsync(stop))
            await TryAsync(fleet.Text, () => KeepAsync(fleet, stop), stop);
        await using var prune = Sql.Command(source, "delete from fleet_insight_points where at < now() - interval '31 days'");
        await prune.ExecuteNonQueryAsync(stop);
    }

    private async Task KeepAsync(ResourceId fleet, CancellationToken stop)
    {
        var cards = await FleetScorecards.ReadAsync(source, fleet.Key, await Exposure.ReadAsync(source, fleet, stop), FleetSelection.All, groupBy: null, stop);
        var points = InsightMetrics.Of(cards.Count > 0 ? cards[0].Card : FleetScorecards.Nothing).ToList();
        await using var store = Sql.Command(source, Store, fleet.Key, points.Select(point => point.Metric).ToArray(), points.Select(point => point.Currency).ToArray(), points.Select(point => point.Value).ToArray());
        await store.ExecuteNonQueryAsync(stop);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(period, clock);
        try
        {
            do
                await TryAsync("history", () => KeepAsync(stoppingToken), stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    /// <summary>What fails stops nothing else: the others are kept in the same round, and it is in the next one.</summary>
    private async Task TryAsync(string what, Func<Task> keep, CancellationToken stop)
    {
        try
        {
            await keep();
        }
        catch (Exception failure) when (!stop.IsCancellationRequested)
        {
            LogFailed(failure, what);
        }
    }

    private async Task<IReadOnlyList<ResourceId>> FleetsAsync(CancellationToken stop)
    {
        await using var command = Sql.Command(source, "select id from resources where type = $1 and state <> 'Deleting' order by key", Fleet.Type.ToString());
        await using var row = await command.ExecuteReaderAsync(stop);
        var fleets = new List<ResourceId>();
        while (await row.ReadAsync(stop))
            fleets.Add(ResourceId.Parse(row.GetString(0)));
        return fleets;
    }

    [LoggerMessage(LogLevel.Warning, "Keeping {What} of fleets failed; the next round does it")]
    private partial void LogFailed(Exception failure, string what);

    [LoggerMessage(LogLevel.Debug, "The history of fleets is no longer kept here")]
    private partial void LogStopped();
}
