using ControlPlane.Contracts.Metering;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Metering;

/// <summary>
/// Meters the nodes of connected clusters by the hour: the most nodes that a cluster was seen with in it. Spans would start and stop with every node that comes and goes; this is one row per
/// cluster and hour, and writing it twice, or by two workers, changes nothing. An hour in which nothing was heard of a cluster counts nothing.
/// </summary>
internal sealed partial class NodeHourRecorder(NpgsqlDataSource source, IConfiguration configuration, TimeProvider clock, ILogger<NodeHourRecorder> logger) : BackgroundService
{
    private const string Record = """
        insert into usage_records (resource_key, meter, window_start, quantity, resource_id, subscription, location, sku)
        select c.key, $1, date_trunc('hour', i.last_seen, 'UTC'), i.node_count, c.id, c.subscription, coalesce(c.location, ''), i.distribution
        from cluster_inventories i join resources c on c.key = i.cluster_key join resources s on s.key = '/subscriptions/' || c.subscription
        where i.last_seen > now() - interval '2 hours' and i.node_count > 0 and c.state <> 'Deleting' and coalesce(s.properties->>'state', '') not in ('Warned', 'Suspended')
        on conflict (resource_key, meter, window_start) do update set quantity = excluded.quantity where usage_records.quantity < excluded.quantity
        """;

    private readonly TimeSpan period = configuration.GetValue<TimeSpan?>("Metering:NodeSweep") ?? TimeSpan.FromMinutes(1);

    /// <summary>What every cluster was last seen with, into the hour in which it was.</summary>
    public async Task RecordAsync(CancellationToken stop)
    {
        await using var command = Sql.Command(source, Record, Meter.ClusterNode);
        await command.ExecuteNonQueryAsync(stop);
    }

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
            await RecordAsync(stop);
        }
        catch (Exception failure) when (!stop.IsCancellationRequested)
        {
            LogFailed(failure);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Recording node hours failed; the next run records them")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(LogLevel.Debug, "Node hours are no longer recorded here")]
    private partial void LogStopped();
}
