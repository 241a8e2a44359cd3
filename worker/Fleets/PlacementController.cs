using System.Collections.Concurrent;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Keeps every placement going: advances its run when something was seen or time has come, and shows how it stands. It acts on rows under locks that other workers skip, so that any number of
/// them may do it, and any of them may die. Where placements go is decided by <see cref="SchedulingLoop"/>, which does not wait for this.
/// </summary>
internal sealed partial class PlacementController(NpgsqlDataSource source, PlacementSignal signal, TimeProvider clock, ILogger<PlacementController> logger) : BackgroundService
{
    private static readonly TimeSpan Sweep = TimeSpan.FromMilliseconds(500);

    /// <summary>How often a status is written at most, while its members are changing.</summary>
    private static readonly TimeSpan StatusEvery = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest pause between two rounds while there are news.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<int, long> shown = new();
    private long swept;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var news = await signal.NewsAsync(Sweep, stoppingToken);
                if (news.Count == 0 || swept == 0 || clock.GetElapsedTime(swept) >= Sweep)
                {
                    swept = clock.GetTimestamp();
                    news = [.. news.Union(await DueAsync(stoppingToken))];
                }

                var begin = clock.GetTimestamp();
                foreach (var placement in news)
                    await TendAsync(placement, stoppingToken);
                // The longer a look at the runs takes, the more is to be seen by the next one.
                await Task.Delay(TimeSpan.FromTicks(Math.Min(2 * clock.GetElapsedTime(begin).Ticks, Pause.Ticks)), clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                LogFailed(failure);
                swept = 0;
            }
        }
    }

    /// <summary>Placements whose status is behind, or whose run is under way.</summary>
    private async Task<IReadOnlyList<int>> DueAsync(CancellationToken stop)
    {
        await using var command = Sql.Command(source, "select id from placements where status_due union select placement_id from rollout_runs where ended_at is null");
        await using var row = await command.ExecuteReaderAsync(stop);
        var due = new List<int>();
        while (await row.ReadAsync(stop))
            due.Add(row.GetInt32(0));
        return due;
    }

    private async Task TendAsync(int placement, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        bool hasWork, hasMoved;
        await using (var transaction = await connection.BeginTransactionAsync(stop))
        {
            (hasWork, hasMoved) = await RolloutRuns.AdvanceAsync(connection, placement, stop);
            await transaction.CommitAsync(stop);
        }

        if (hasWork)
            signal.Work();
        if (!hasMoved && shown.TryGetValue(placement, out var at) && clock.GetElapsedTime(at) < StatusEvery)
        {
            await MarkAsync(connection, placement, stop);
            return;
        }

        shown[placement] = clock.GetTimestamp();
        await ShowAsync(connection, placement, stop);
    }

    private static async Task MarkAsync(NpgsqlConnection connection, int placement, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "update placements set status_due = true where id = $1 and not status_due", placement);
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Writes the status where it differs. While an operation of the placement runs, that shows it.</summary>
    private static async Task ShowAsync(NpgsqlConnection connection, int placement, CancellationToken stop)
    {
        await using var transaction = await connection.BeginTransactionAsync(stop);
        string key, before;
        await using (var command = Sql.Command(connection, """
            select r.key, r.status from placements p join resources r on r.key = p.resource_key
            where p.id = $1 and r.state in ('Succeeded', 'Failed', 'Canceled') for update of r skip locked
            """, placement))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            if (!await row.ReadAsync(stop))
                return;
            (key, before) = (row.GetString(0), row.GetString(1));
        }

        if (await PlacementStatuses.ReadAsync(connection, key, Json.Read<PlacementStatus>(before), stop) is { } status)
        {
            await using var command = Sql.Command(connection, """
                with behind as (update placements set status_due = false where id = $3 and status_due)
                update resources set status = $2::jsonb, version = version + 1 where key = $1 and status <> $2::jsonb
                """, key, Json.Write(status), placement);
            await command.ExecuteNonQueryAsync(stop);
        }

        await transaction.CommitAsync(stop);
    }

    [LoggerMessage(LogLevel.Warning, "Tending placements failed; the next round does it")]
    private partial void LogFailed(Exception failure);
}
