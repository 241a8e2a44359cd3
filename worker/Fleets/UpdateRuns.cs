using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>Update runs in the database. Every method works within the caller's transaction; the run's row is held by whoever advances it.</summary>
internal static class UpdateRuns
{
    /// <summary>Brings the members into the run that the fleet has now; from here on they do not change.</summary>
    /// <returns>How many members there are, and those that are in no group of the strategy though they were named.</returns>
    public static async Task<(int Members, IReadOnlyList<string> Missed)> FreezeAsync(NpgsqlConnection connection, long run, string fleet, UpdateRun wanted, UpdateRunStrategy? strategy, CancellationToken stop)
    {
        var members = new List<(int Id, string Name, string Cluster, string? Group)>();
        await using (var command = Sql.Command(connection, """
            select m.id, m.name, c.id, m.labels ->> $3 from fleet_members m join resources c on c.key = m.cluster_key
            where m.fleet_key = $1 and not m.is_leaving and (cardinality($2::text[]) = 0 or m.name = any ($2)) order by m.name collate "C"
            """, fleet, wanted.Members.ToArray(), MemberLabels.Group))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
                members.Add((row.GetInt32(0), row.GetString(1), row.GetString(2), row.IsDBNull(3) ? null : row.GetString(3)));
        }

        var placed = members.Select(member => (Member: member, Place: UpdateStages.Place(strategy, member.Group))).ToList();
        var missed = wanted.Members.Count == 0 ? [] : wanted.Members.Except(placed.Where(one => one.Place is not null).Select(one => one.Member.Name), StringComparer.OrdinalIgnoreCase).ToList();
        var chosen = placed.Where(one => one.Place is not null).OrderBy(one => one.Place!.Value.Stage).ThenBy(one => one.Place!.Value.Group).ToList();
        await ExecuteAsync(connection, """
            insert into update_run_members (run_id, member_id, name, cluster_id, stage, group_index, ordinal, state, operation_id, epoch, attempts)
            select $1, member, name, cluster, stage, group_index, at, 0, gen_random_uuid(), 0, 0
            from unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::int[]) with ordinality as given (member, name, cluster, stage, group_index, at)
            """, stop, run, chosen.Select(one => one.Member.Id).ToArray(), chosen.Select(one => one.Member.Name).ToArray(), chosen.Select(one => one.Member.Cluster).ToArray(),
            chosen.Select(one => one.Place!.Value.Stage).ToArray(), chosen.Select(one => one.Place!.Value.Group).ToArray());
        await ExecuteAsync(connection, """
            update update_run_members o set state = 5, due_at = null, ended_at = now(), epoch = o.epoch + 1, message = 'It was offline, and a later run took this one''s place.'
            from update_runs r where r.id = o.run_id and r.ended_at is not null and o.state = 4 and o.run_id <> $1 and o.member_id = any ($2)
            """, stop, run, chosen.Select(one => one.Member.Id).ToArray());
        return (chosen.Count, missed);
    }

    /// <summary>Sees what has become of the members, decides, and carries the decision out, until nothing more is to be decided now.</summary>
    /// <returns>Whether members were started.</returns>
    public static async Task<bool> AdvanceAsync(NpgsqlConnection connection, long id, CancellationToken stop)
    {
        if (await HoldAsync(connection, id, stop) is not { } run)
            return false;
        var (stages, hasWork) = (UpdateStages.Of(run.Strategy, run.Wanted.MaxConcurrency), false);
        var strategy = UpdateStages.Rollout(stages, run.Wanted);
        await ReconcileAsync(connection, run, stages, stop);
        while (true)
        {
            var counts = await CountsAsync(connection, run, stages, stop);
            if (run.State is RolloutState.Paused)
            {
                if (counts.All.Updating == 0)
                    await EndAsync(connection, run, run.HasFailed ? RolloutState.Failed : RolloutState.Stopped, stop);
                return hasWork;
            }

            var position = await PositionAsync(connection, run, stages, counts, stop);
            var decision = RolloutPlanner.Decide(strategy, position, run.Now);
            if (decision.State is RolloutState.Failed)
            {
                run = run with { State = RolloutState.Paused, HasFailed = true };
                await ExecuteAsync(connection, "update update_runs set state = 'Paused', error_code = 'TooManyMembersFailed', error = $2, status_due = true where id = $1", stop, run.Id,
                    $"{counts.All.Failed} of {counts.All.Total} members failed, more than the {Share.RoundedUp(run.Wanted.MaxFailures, counts.All.Total)} that may (maxFailures). POST start tries them again.");
                continue;
            }

            var started = 0;
            for (var group = 0; group < decision.GroupStarts.Count; group++)
                started += await StartMembersAsync(connection, run, group, decision.GroupStarts[group], stop);
            hasWork |= started > 0;
            var isSame = decision.State == run.State && decision.Stage == run.Stage && decision.Phase == run.Phase;
            if (!isSame)
                await SaveAsync(connection, run, decision, stop);
            if (!decision.State.IsActive())
            {
                await EndAsync(connection, run, decision.State, stop);
                return hasWork;
            }

            if (isSame && started == 0)
                return hasWork;
            run = run with { PhaseSince = decision.Stage == run.Stage && decision.Phase == run.Phase ? run.PhaseSince : run.Now, State = decision.State, Stage = decision.Stage, Phase = decision.Phase };
        }
    }

    /// <summary>The run, held; null when it is not under way, or another worker is at it.</summary>
    private static async Task<ActiveUpdate?> HoldAsync(NpgsqlConnection connection, long id, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, """
            select u.id, u.strategy, u.state, u.stage, u.phase, u.phase_since, u.skips, u.error is not null, r.properties, now() from update_runs u join resources r on r.key = u.resource_key
            where u.id = $1 and u.started_at is not null and u.ended_at is null for update of u skip locked
            """, id);
        await using var row = await command.ExecuteReaderAsync(stop);
        return await row.ReadAsync(stop)
            ? new(row.GetInt64(0), row.IsDBNull(1) ? null : Json.Read<UpdateRunStrategy>(row.GetString(1)), Enum.Parse<RolloutState>(row.GetString(2)), row.GetInt32(3), (StagePhase)row.GetInt16(4),
                row.GetFieldValue<DateTimeOffset>(5), row.GetFieldValue<string[]>(6), row.GetBoolean(7), Json.Read<UpdateRun>(row.GetString(8)), row.GetFieldValue<DateTimeOffset>(9))
            : null;
    }

    private static async Task<RolloutPosition> PositionAsync(NpgsqlConnection connection, ActiveUpdate run, IReadOnlyList<UpdateStage> stages, RunCounts counts, CancellationToken stop)
    {
        IReadOnlyCollection<string> approvals = [];
        IReadOnlyList<RolloutGroup> groups = [];
        if (run.Stage < stages.Count)
        {
            var stage = stages[run.Stage];
            var isEmpty = counts.Stage.Total == counts.Stage.Skipped;
            if (!isEmpty)
                await FleetGates.MakeAsync(connection, run.Id, run.Stage, stage.Name, [.. UpdateStages.Gates(stage, run.Phase, counts.Groups, run.Skips)], stop);
            var gates = await FleetGates.SeenAsync(connection, run.Id, run.Stage, stop);
            approvals = UpdateStages.Approvals(run.Stage, stage, run.Phase, isEmpty, gates, run.Skips);
            groups = [.. stage.Groups.Zip(counts.Groups, (group, of) => new RolloutGroup(group.MaxConcurrency ?? "1", UpdateStages.IsHeld(group, gates), of))];
        }

        return new(RolloutKind.Remediation, run.State, run.Stage, run.Phase, run.PhaseSince, ResumedAtHealthy: 0, approvals, PreviousRevision: null, counts.All, counts.Stage) { Groups = groups };
    }

    /// <summary>Members that left, that were skipped, or whose time is over.</summary>
    private static async Task ReconcileAsync(NpgsqlConnection connection, ActiveUpdate run, IReadOnlyList<UpdateStage> stages, CancellationToken stop)
    {
        var groups = stages.SelectMany((stage, at) => stage.Groups.Select((group, index) => (Place: $"{at}/{index}", IsSkipped: run.Skips.Contains(UpdateStages.StagePrefix + stage.Name) || run.Skips.Contains(UpdateStages.GroupPrefix + group.Name))));
        await ExecuteAsync(connection, """
            update update_run_members u set state = seen.state, ended_at = now(), due_at = null, message = seen.message, epoch = u.epoch + 1
            from (
                select o.member_id,
                    case when m.id is null or m.is_leaving or 'Member/' || o.name = any ($2) or o.stage || '/' || o.group_index = any ($3) then 5 when o.state = 1 and o.started_at + make_interval(secs => $4) < now() then 3 end as state,
                    case when m.id is null or m.is_leaving then 'It left the fleet.' when 'Member/' || o.name = any ($2) or o.stage || '/' || o.group_index = any ($3) then 'Skipped on request.'
                        else 'It was not updated within ' || $4::int || ' s (memberDeadlineInSeconds). ' || coalesce(o.message, '') end as message
                from update_run_members o left join fleet_members m on m.id = o.member_id where o.run_id = $1 and o.state in (0, 1, 4)) seen
            where u.run_id = $1 and u.member_id = seen.member_id and seen.state is not null
            """, stop, run.Id, run.Skips, groups.Where(group => group.IsSkipped).Select(group => group.Place).ToArray(), (double)run.Wanted.MemberDeadlineInSeconds);
    }

    private static async Task<RunCounts> CountsAsync(NpgsqlConnection connection, ActiveUpdate run, IReadOnlyList<UpdateStage> stages, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select stage, group_index, state, count(*)::int from update_run_members where run_id = $1 group by 1, 2, 3", run.Id);
        await using var row = await command.ExecuteReaderAsync(stop);
        var (all, stage, groups) = (new int[6], new int[6], new int[run.Stage < stages.Count ? stages[run.Stage].Groups.Count : 0][]);
        for (var at = 0; at < groups.Length; at++)
            groups[at] = new int[6];
        while (await row.ReadAsync(stop))
        {
            var (state, count) = (row.GetInt16(2), row.GetInt32(3));
            all[state] += count;
            if (row.GetInt32(0) != run.Stage)
                continue;
            stage[state] += count;
            groups[row.GetInt32(1)][state] += count;
        }

        return new(RolloutRuns.Counts(all), RolloutRuns.Counts(stage), [.. groups.Select(RolloutRuns.Counts)]);
    }

    /// <summary>
    /// A member is in the hands of one run at a time; one that is in another's waits for its turn. Runs of a fleet start members one after the other, for each must see whom the others have.
    /// When it starts is read from the clock: the transaction may have begun while another run still had the member. The answer is how many were started.
    /// </summary>
    private static async Task<int> StartMembersAsync(NpgsqlConnection connection, ActiveUpdate run, int group, int count, CancellationToken stop)
    {
        if (count == 0)
            return 0;
        await ExecuteAsync(connection, "select pg_advisory_xact_lock(hashtextextended(fleet_key, 0)) from update_runs where id = $1", stop, run.Id);
        return await ExecuteAsync(connection, """
            update update_run_members set state = 1, started_at = clock_timestamp(), ended_at = null, due_at = now(), attempts = 0, message = null, epoch = epoch + 1
            where run_id = $1 and member_id in (
                select member_id from update_run_members m where run_id = $1 and stage = $2 and group_index = $3 and state = 0 and not exists (select from update_run_members o where o.member_id = m.member_id and o.state = 1)
                order by ordinal limit $4)
            """, stop, run.Id, run.Stage, group, count);
    }

    private static async Task SaveAsync(NpgsqlConnection connection, ActiveUpdate run, RolloutDecision decision, CancellationToken stop) => await ExecuteAsync(connection, """
        with run as (
            update update_runs set phase_since = case when stage <> $3 or phase <> $4 then now() else phase_since end, state = $2, stage = $3, phase = $4, status_due = true where id = $1 returning id),
        waiting as (update update_run_stages set waiting_since = coalesce(waiting_since, now()) where run_id = $1 and stage = $3 and $4 = 2),
        ended as (update update_run_stages set ended_at = now(), waiting_since = coalesce(waiting_since, now()) where run_id = $1 and stage < $3 and ended_at is null)
        insert into update_run_stages (run_id, stage, started_at) select id, $3, now() from run on conflict do nothing
        """, stop, run.Id, decision.State.ToString(), decision.Stage, (short)decision.Phase);

    private static async Task EndAsync(NpgsqlConnection connection, ActiveUpdate run, RolloutState state, CancellationToken stop) => await ExecuteAsync(connection, """
        with ended as (update update_run_stages set ended_at = now(), waiting_since = coalesce(waiting_since, now()) where run_id = $1 and $2 = 'Succeeded' and ended_at is null)
        update update_runs set state = $2, ended_at = now(), status_due = true where id = $1
        """, stop, run.Id, state.ToString());

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken stop, params object?[] values)
    {
        await using var command = Sql.Command(connection, sql, values);
        return await command.ExecuteNonQueryAsync(stop);
    }

    private sealed record RunCounts(RolloutCounts All, RolloutCounts Stage, IReadOnlyList<RolloutCounts> Groups);

    private sealed record ActiveUpdate(
        long Id, UpdateRunStrategy? Strategy, RolloutState State, int Stage, StagePhase Phase, DateTimeOffset PhaseSince, string[] Skips, bool HasFailed, UpdateRun Wanted, DateTimeOffset Now);
}
