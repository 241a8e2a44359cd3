using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>Brings the bindings of a placement to what the scheduler decides.</summary>
internal static class Scheduling
{
    /// <summary>Within a transaction that holds the placement's row.</summary>
    /// <returns>What the policy asks for and does not get, or null.</returns>
    public static async Task<string?> RunAsync(NpgsqlConnection connection, string key, int placement, ClusterResourcePlacement wanted, IReadOnlyList<SchedulableMember> members, CancellationToken stop)
    {
        var places = await FleetMembers.PlacesAsync(connection, key, stop);
        var schedule = PlacementScheduler.Decide(wanted.Policy, members, places);
        var added = schedule.Chosen.Where(member => !places.Bound.Contains(member)).ToArray();
        var hasGone = places.IsLeaving || places.Bound.Count + added.Length > schedule.Chosen.Count;
        // Most of the time a decision changes nothing, and ten thousand rows need not be written to say so.
        if (added.Length > 0)
            await BindAsync(connection, placement, added, wanted.Strategy.LateJoiner, stop);
        if (hasGone)
            await UnscheduleAsync(connection, placement, [.. schedule.Chosen], wanted.DeleteStrategy.PropagationPolicy, stop);
        await ExecuteAsync(connection, "update placements set schedule_due = false, status_due = status_due or $2 or expected <> $3, expected = $3 where id = $1", stop, placement, hasGone || added.Length > 0, schedule.Expected);
        return schedule.Shortage;
    }

    /// <summary>Members that the placement was not on, or is leaving.</summary>
    private static Task BindAsync(NpgsqlConnection connection, int placement, int[] members, LateJoiner lateJoiner, CancellationToken stop) => ExecuteAsync(connection, """
        with active as (select revision from rollout_runs where placement_id = $1 and ended_at is null)
        insert into placement_bindings (placement_id, member_id, is_unscheduled, desired_revision, generation, observed_generation, health, applied_revision, touched_revisions, due_at, priority, claims, attempts, transition_at, is_untracked)
        select $1, chosen.id, false, first.revision, least(first.revision, 1), 0, 0, 0, case when first.revision > 0 then array[first.revision] else '{}' end, case when first.revision > 0 then now() end, 5, 0, 0, now(), false
        from unnest($2::int[]) as chosen (id),
            (select case $3 when 'CurrentRevision' then coalesce((select revision from active), completed_revision, 0) when 'Ignore' then case when exists (select from active) then 0 else coalesce(completed_revision, 0) end
                else coalesce(completed_revision, 0) end as revision from placements where id = $1) first
        on conflict (placement_id, member_id) do update set is_unscheduled = false, generation = placement_bindings.generation + 1, due_at = case when placement_bindings.desired_revision > 0 then now() end, priority = 5, attempts = 0
            where placement_bindings.is_unscheduled
        """, stop, placement, members, lateJoiner.ToString());

    /// <summary>Takes the placement from every member but those that are chosen: at once where nothing of it ever was, or where what is there stays as nobody's.</summary>
    public static async Task UnscheduleAsync(NpgsqlConnection connection, int placement, int[] chosen, DeletePropagation propagation, CancellationToken stop)
    {
        await ExecuteAsync(connection, "delete from placement_bindings where placement_id = $1 and member_id <> all ($2) and (touched_revisions = '{}' or $3) and (lease_until is null or lease_until < now())", stop, placement, chosen, propagation is DeletePropagation.Abandon);
        await ExecuteAsync(connection, """
            update placement_bindings set is_unscheduled = true, generation = generation + 1, due_at = now(), priority = 5, attempts = 0
            where placement_id = $1 and member_id <> all ($2) and not is_unscheduled
            """, stop, placement, chosen);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken stop, params object?[] values)
    {
        await using var command = Sql.Command(connection, sql, values);
        await command.ExecuteNonQueryAsync(stop);
    }
}
