using ControlPlane.Persistence;
using ControlPlane.Persistence.Metering;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Worker.Metering;

/// <summary>
/// Turns meter spans into usage records, an hour at a time: the quantity of an hour is computed from the spans themselves and written under (resource, meter, hour), so a
/// worker that dies, or two that work at once, leave neither gap nor double.
/// </summary>
internal sealed partial class MeterRecorder(IDbContextFactory<ControlPlaneDb> databases, NpgsqlDataSource source, TimeProvider clock, ILogger<MeterRecorder> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        do
        {
            try
            {
                await RecordAsync(stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failure);
            }
        }
        while (await NextAsync(timer, stoppingToken));
    }

    /// <summary>Every span that has something to record, up to now or to its end.</summary>
    public async Task RecordAsync(CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var spans = await db.Set<MeterSpanRow>().AsNoTracking().Where(span => span.EndedAt == null || span.RecordedTo < span.EndedAt).ToListAsync(stop);
        await using var read = source.CreateCommand("select now()");
        var now = new DateTimeOffset((DateTime)(await read.ExecuteScalarAsync(stop))!, TimeSpan.Zero);
        foreach (var span in spans)
        {
            var to = span.EndedAt ?? now;
            var from = span.RecordedTo > span.StartedAt ? new DateTimeOffset(span.RecordedTo.Ticks - (span.RecordedTo.Ticks % TimeSpan.TicksPerHour), TimeSpan.Zero) : span.StartedAt;
            await using var connection = await source.OpenConnectionAsync(stop);
            await using var transaction = await connection.BeginTransactionAsync(stop);
            foreach (var (hour, _) in Meters.Windows(from < span.StartedAt ? span.StartedAt : from, to))
                await RecordHourAsync(connection, span, hour, now, stop);
            await using var advance = Sql.Command(connection, "update meter_spans set recorded_to = greatest(recorded_to, $4) where resource_key = $1 and meter = $2 and started_at = $3", span.ResourceKey, span.Meter, span.StartedAt, to);
            await advance.ExecuteNonQueryAsync(stop);
            await transaction.CommitAsync(stop);
        }
    }

    /// <summary>The whole hour anew from all spans of the resource, so that repeating it changes nothing.</summary>
    private static async Task RecordHourAsync(NpgsqlConnection connection, MeterSpanRow span, DateTimeOffset hour, DateTimeOffset now, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, """
            insert into usage_records (resource_key, meter, window_start, quantity, resource_id, subscription, location, sku)
            select $1, $2, $3, sum(extract(epoch from least(coalesce(ended_at, $4), $3 + interval '1 hour') - greatest(started_at, $3))), $5, $6, $7, $8
            from meter_spans where resource_key = $1 and meter = $2 and started_at < $3 + interval '1 hour' and coalesce(ended_at, $4) > $3
            having count(*) > 0
            on conflict (resource_key, meter, window_start) do update set quantity = greatest(usage_records.quantity, excluded.quantity)
            """, span.ResourceKey, span.Meter, hour, now, span.ResourceId, span.Subscription, span.Location, span.Sku);
        await command.ExecuteNonQueryAsync(stop);
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken stop)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stop);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(LogLevel.Warning, "Recording usage failed; the next run records it")]
    private partial void LogFailed(Exception failure);
}
