using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Clusters;
using ControlPlane.Worker.Clusters;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Shows what is known of clusters, however it came to be known: the status of their resources, the properties of the members that they are, and to those whom it concerns. It acts on rows that
/// say that they are due, in batches, under locks that other workers skip; what it does not get done stays due.
/// </summary>
internal sealed partial class ConnectivityLoop(NpgsqlDataSource source, PlacementSignal signal, IOptions<ClusterOptions> options, TimeProvider clock, ILogger<ConnectivityLoop> logger) : BackgroundService
{
    private const int Batch = 500;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, clock);
        try
        {
            do
            {
                try
                {
                    while (await ShowAsync(stoppingToken) == Batch)
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
    }

    private async Task<int> ShowAsync(CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        var due = await ClusterView.DueAsync(connection, Batch, stop);
        if (due.Count == 0)
            return 0;
        var offlineAfter = options.Value.OfflineAfter;
        var keys = due.Select(one => one.Key).ToArray();
        var connectivities = due.Select(one => one.Connectivity(offlineAfter)).ToList();
        var statuses = connectivities.Select(one => one.Status.ToString()).ToArray();
        var (back, scheduled) = await FollowAsync(connection, keys, [.. due.Select(one => Json.Write(MemberFacts.Of(one.Row)))], [.. connectivities.Select(one => one.Unreachable)], stop);
        if (back.Length > 0)
            await ExecuteAsync(connection, InventorySql.Resume, stop, back);
        await ExecuteAsync(connection, InventorySql.Show, stop, keys, statuses, connectivities.Select(one => one.Until).ToArray(), due.Select(one => one.Change(offlineAfter) is { } status ? Json.Write(status) : null).ToArray());
        await ExecuteAsync(connection, InventorySql.ShowMembers, stop, keys, statuses);
        await transaction.CommitAsync(stop);
        if (scheduled > 0)
            signal.Members();
        if (back.Length > 0)
            signal.Work();
        return due.Count;
    }

    private static async Task<(int[] Back, int Scheduled)> FollowAsync(NpgsqlConnection connection, string[] keys, string[] properties, string?[] unreachable, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, InventorySql.Follow, keys, properties, unreachable);
        await using var row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        return (row.GetFieldValue<int[]>(0), row.GetInt32(1));
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken stop, params object?[] values)
    {
        await using var command = Sql.Command(connection, sql, values);
        await command.ExecuteNonQueryAsync(stop);
    }

    [LoggerMessage(LogLevel.Warning, "Showing clusters failed; the next round does it")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(LogLevel.Debug, "Showing clusters was broken off")]
    private partial void LogStopped();
}
