using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>The gates of runs in the database: made when a run comes to them, skipped when it is over. Every method works within the caller's transaction.</summary>
internal static class FleetGates
{
    /// <summary>The gate at which the run of a placement waits.</summary>
    public static async Task MakeAsync(NpgsqlConnection connection, long rolloutRun, int stage, string name, StagePhase phase, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, """
            insert into fleet_gates (id, fleet_key, rollout_run_id, stage, stage_name, group_name, timing, state, version, created_at)
            select gen_random_uuid(), p.fleet_key, r.id, $2, $3, '', $4, 'Pending', 1, now() from rollout_runs r join placements p on p.id = r.placement_id where r.id = $1
            on conflict do nothing
            """, rolloutRun, stage, name, (phase is StagePhase.Before ? GateTiming.Before : GateTiming.After).ToString());
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Nobody needs to complete the gates of a placement's runs that have ended.</summary>
    public static async Task SkipEndedAsync(NpgsqlConnection connection, int placement, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, """
            update fleet_gates set state = 'Skipped', version = version + 1, changed_at = now()
            where state = 'Pending' and rollout_run_id in (select id from rollout_runs where placement_id = $1 and ended_at is not null)
            """, placement);
        await command.ExecuteNonQueryAsync(stop);
    }

    public static async Task MakeAsync(NpgsqlConnection connection, long updateRun, int stage, string name, IReadOnlyList<DueGate> gates, CancellationToken stop)
    {
        if (gates.Count == 0)
            return;
        await using var command = Sql.Command(connection, """
            insert into fleet_gates (id, fleet_key, update_run_id, stage, stage_name, group_name, timing, display_name, state, version, created_at)
            select gen_random_uuid(), r.fleet_key, r.id, $2, $3, due.group_name, due.timing, due.display_name, 'Pending', 1, now()
            from update_runs r, unnest($4::text[], $5::text[], $6::text[]) as due (group_name, timing, display_name) where r.id = $1
            on conflict do nothing
            """, updateRun, stage, name, gates.Select(gate => gate.Group).ToArray(), gates.Select(gate => gate.Timing.ToString()).ToArray(), gates.Select(gate => gate.DisplayName).ToArray());
        await command.ExecuteNonQueryAsync(stop);
    }

    public static async Task<IReadOnlyList<GateSeen>> SeenAsync(NpgsqlConnection connection, long updateRun, int stage, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select group_name, timing, state from fleet_gates where update_run_id = $1 and stage = $2", updateRun, stage);
        await using var row = await command.ExecuteReaderAsync(stop);
        var seen = new List<GateSeen>();
        while (await row.ReadAsync(stop))
            seen.Add(new(row.GetString(0), Enum.Parse<GateTiming>(row.GetString(1)), Enum.Parse<GateState>(row.GetString(2))));
        return seen;
    }

    /// <summary>What stands before, or after, what was skipped is skipped too.</summary>
    public static async Task SkipAsync(NpgsqlConnection connection, long updateRun, IReadOnlyCollection<string> skips, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, """
            update fleet_gates set state = 'Skipped', version = version + 1, changed_at = now()
            where update_run_id = $1 and state = 'Pending' and ('Stage/' || stage_name = any ($2) or (group_name <> '' and 'Group/' || group_name = any ($2)))
            """, updateRun, skips.ToArray());
        await command.ExecuteNonQueryAsync(stop);
    }
}
