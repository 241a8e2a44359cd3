using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>Decides anew where placements go whose members have changed. Any number of workers may do it: a placement that one holds is skipped by the others.</summary>
internal sealed partial class SchedulingLoop(NpgsqlDataSource source, PlacementSignal signal, ILogger<SchedulingLoop> logger) : BackgroundService
{
    private static readonly TimeSpan Sweep = TimeSpan.FromMilliseconds(500);

    /// <summary>So many are scheduled with one look at the members.</summary>
    private const int Batch = 100;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                // Whoever is held by another comes again with the next sweep.
                if (!await ScheduleAsync(stoppingToken))
                    await signal.MembersAsync(Sweep, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                LogFailed(failure);
                await signal.MembersAsync(Sweep, CancellationToken.None);
            }
        }
    }

    /// <summary>
    /// Those that are due; a placement that is being changed is scheduled by that operation. The members are read when the placements are held: whoever changes a member then waits, and makes them
    /// due again.
    /// </summary>
    /// <returns>Whether more may be due.</returns>
    private async Task<bool> ScheduleAsync(CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        var due = new List<(int Placement, string Key, string Fleet, string Properties)>();
        await using (var command = Sql.Command(connection, """
            select p.id, p.resource_key, p.fleet_key, r.properties from placements p join resources r on r.key = p.resource_key
            where p.schedule_due and r.state <> 'Deleting' order by p.id limit $1 for update of p skip locked
            """, Batch))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
                due.Add((row.GetInt32(0), row.GetString(1), row.GetString(2), row.GetString(3)));
        }

        foreach (var fleet in due.GroupBy(one => one.Fleet, StringComparer.Ordinal))
        {
            var members = await FleetMembers.ReadAsync(connection, fleet.Key, stop);
            foreach (var (placement, key, _, properties) in fleet)
                await Scheduling.RunAsync(connection, key, placement, Json.Read<ClusterResourcePlacement>(properties), members, stop);
        }

        await transaction.CommitAsync(stop);
        if (due.Count > 0)
        {
            signal.Seen(due.Select(one => one.Placement));
            signal.Work();
        }

        return due.Count == Batch;
    }

    [LoggerMessage(LogLevel.Warning, "Scheduling placements failed; the next round does it")]
    private partial void LogFailed(Exception failure);
}
