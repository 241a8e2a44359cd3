using System.Collections.Concurrent;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>Keeps every update run going, as <see cref="PlacementController"/> does placements: on rows under locks that other workers skip, so that any of them may die.</summary>
internal sealed partial class UpdateRunController(NpgsqlDataSource source, UpdateSignal signal, TimeProvider clock, ILogger<UpdateRunController> logger) : BackgroundService
{
    /// <summary>How often a status is written at most, while its members are changing.</summary>
    private static readonly TimeSpan StatusEvery = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<long, long> shown = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await signal.NewsAsync(stoppingToken);
                foreach (var run in await DueAsync(stoppingToken))
                    await TendAsync(run, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                LogFailed(failure);
            }
        }
    }

    private async Task<IReadOnlyList<long>> DueAsync(CancellationToken stop)
    {
        await using var command = Sql.Command(source, "select id from update_runs where status_due or (started_at is not null and ended_at is null)");
        await using var row = await command.ExecuteReaderAsync(stop);
        var due = new List<long>();
        while (await row.ReadAsync(stop))
            due.Add(row.GetInt64(0));
        return due;
    }

    private async Task TendAsync(long run, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using (var transaction = await connection.BeginTransactionAsync(stop))
        {
            var hasWork = await UpdateRuns.AdvanceAsync(connection, run, stop);
            await transaction.CommitAsync(stop);
            if (hasWork)
                signal.Work();
        }

        if (shown.TryGetValue(run, out var at) && clock.GetElapsedTime(at) < StatusEvery)
            return;
        shown[run] = clock.GetTimestamp();
        await ShowAsync(connection, run, stop);
    }

    /// <summary>Writes the status where it differs. While an operation of the run is under way, that shows it.</summary>
    private static async Task ShowAsync(NpgsqlConnection connection, long run, CancellationToken stop)
    {
        await using var transaction = await connection.BeginTransactionAsync(stop);
        await using var held = Sql.Command(connection, "select r.key from update_runs u join resources r on r.key = u.resource_key where u.id = $1 and u.status_due and r.state in ('Succeeded', 'Failed', 'Canceled') for update of r skip locked", run);
        if (await held.ExecuteScalarAsync(stop) is not string key)
            return;
        await using (var behind = Sql.Command(connection, "update update_runs set status_due = false where id = $1", run))
            await behind.ExecuteNonQueryAsync(stop);
        if (await UpdateRunStatuses.ReadAsync(connection, key, stop) is { } status)
        {
            await using var command = Sql.Command(connection, "update resources set status = $2::jsonb, version = version + 1 where key = $1 and status <> $2::jsonb", key, Json.Write(new Contracts.Fleets.UpdateRunProgress { Status = status }));
            await command.ExecuteNonQueryAsync(stop);
        }

        await transaction.CommitAsync(stop);
    }

    [LoggerMessage(LogLevel.Warning, "Tending update runs failed; the next round does it")]
    private partial void LogFailed(Exception failure);
}
