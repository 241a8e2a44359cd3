using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>The strategy's stages leave members without one.</summary>
internal sealed class StagesMissMembersException(IReadOnlyList<string> members) : Exception($"{members.Count} members are in no stage of the strategy, such as {string.Join(", ", members.Take(5))}; add a stage without a selector, or widen one.");

/// <summary>Rollout runs in the database. Every method works within the caller's transaction.</summary>
internal static class RolloutRuns
{
    private const short RollbackPriority = 0;
    private const short RolloutPriority = 5;

    /// <summary>Starts a run that brings a revision to every member that does not have it; what runs for the placement already is superseded.</summary>
    public static async Task<long> StartAsync(NpgsqlConnection connection, int placement, RolloutKind kind, int revision, int? previous, RolloutStrategy strategy, IReadOnlyList<SchedulableMember> members, CancellationToken stop)
    {
        await ExecuteAsync(connection, "update rollout_runs set state = 'Superseded', ended_at = now(), message = 'Another run took its place.' where placement_id = $1 and ended_at is null", stop, placement);
        await FleetGates.SkipEndedAsync(connection, placement, stop);
        var run = (long)(await ScalarAsync(connection, """
            insert into rollout_runs (placement_id, number, kind, state, revision, previous_revision, strategy, stage, phase, phase_since, resumed_at_healthy, approvals, started_at)
            select $1, coalesce(max(number), 0) + 1, $2, $3, $4, nullif($5, 0), $6::jsonb, 0, 0, now(), 0, '{}', now() from rollout_runs where placement_id = $1 returning id
            """, stop, placement, kind.ToString(), (kind is RolloutKind.Rollback ? RolloutState.RollingBack : RolloutState.Running).ToString(), revision, previous ?? 0, Json.Write(strategy)))!;
        var open = await OpenAsync(connection, placement, revision, stop);
        var (ids, stages) = Order(strategy, [.. members.Where(member => open.Contains(member.Id))]);
        await ExecuteAsync(connection, """
            insert into rollout_members (run_id, member_id, stage, ordinal, state, generation)
            select $1, member, stage, at, 0, 0 from unnest($2::int[], $3::int[]) with ordinality as given (member, stage, at)
            """, stop, run, ids, stages);
        await ExecuteAsync(connection, "update placements set status_due = true where id = $1", stop, placement);
        return run;
    }

    /// <summary>The members in the order of their stages, and within a stage in its own. Pure.</summary>
    public static (int[] Members, int[] Stages) Order(RolloutStrategy strategy, IReadOnlyList<SchedulableMember> members)
    {
        var stages = RolloutPlanner.Stages(strategy);
        var selectors = stages.Select(stage => stage.MemberSelector is { } text && LabelSelector.TryParse(text, out var selector, out _) ? selector : null).ToList();
        bool IsIn(int stage, SchedulableMember member) => selectors[stage]?.Matches(member.Labels) is not false && stages[stage].LabelSelector?.Matches(member.Labels) is not false
            && (stages[stage].Groups.Count == 0 || (member.Labels.TryGetValue(MemberLabels.Group, out var group) && stages[stage].Groups.Contains(group, StringComparer.OrdinalIgnoreCase)));
        var placed = members.Select(member => (member, Stage: Enumerable.Range(0, stages.Count).Select(stage => (int?)stage).FirstOrDefault(stage => IsIn(stage!.Value, member)))).ToList();
        if (placed.Where(one => one.Stage is null).Select(one => one.member.Name).Order(StringComparer.Ordinal).ToList() is { Count: > 0 } missed)
            throw new StagesMissMembersException(missed);
        var ordered = placed.GroupBy(one => one.Stage!.Value).OrderBy(stage => stage.Key).SelectMany(stage => Sorted(stages[stage.Key].SortingLabelKey, [.. stage.Select(one => one.member)]).Select(member => (member.Id, stage.Key))).ToList();
        return ([.. ordered.Select(one => one.Id)], [.. ordered.Select(one => one.Key)]);
    }

    /// <summary>Sees what has become of the members, decides, and carries the decision out, until nothing more is to be decided now.</summary>
    /// <returns>Whether members were started, and whether the run now stands elsewhere than before.</returns>
    public static async Task<(bool HasWork, bool HasMoved)> AdvanceAsync(NpgsqlConnection connection, int placement, CancellationToken stop)
    {
        if (await ReadAsync(connection, placement, stop) is not { } run)
            return default;
        var strategy = Json.Read<RolloutStrategy>(run.Strategy);
        await ReconcileAsync(connection, run, strategy, stop);
        var (hasWork, before) = (false, run.State);
        while (true)
        {
            var (counts, stage) = await CountsAsync(connection, run, stop);
            var position = new RolloutPosition(run.Kind, run.State, run.Stage, run.Phase, run.PhaseSince, run.ResumedAtHealthy, run.Approvals, run.PreviousRevision, counts, stage)
            {
                Budget = run.Budget is { } budget ? await DisruptionBudgets.ReadAsync(connection, placement, budget, stop) : null,
            };
            var decision = RolloutPlanner.Decide(strategy, position, run.Now);
            var isSame = decision.State == run.State && decision.Stage == run.Stage && decision.Phase == run.Phase;
            if (decision.Start > 0)
            {
                await StartMembersAsync(connection, run, decision, stop);
                hasWork = true;
            }

            if (!isSame || decision.Reason != run.Reason || (decision.Message is { } message && message != run.Message))
                await SaveAsync(connection, run, decision, stop);
            if (!isSame && decision.State is RolloutState.WaitingGate)
                await FleetGates.MakeAsync(connection, run.Id, decision.Stage, RolloutPlanner.Stages(strategy)[decision.Stage].Name, decision.Phase, stop);
            if (!decision.State.IsActive())
                return (await EndAsync(connection, run, strategy, decision, stop) || hasWork, true);
            if (isSame && decision.Start == 0)
                return (hasWork, decision.State != before);
            run = run with { State = decision.State, Stage = decision.Stage, Phase = decision.Phase, Reason = decision.Reason, PhaseSince = isSame ? run.PhaseSince : run.Now };
            if (decision.Start > 0)
                await ReconcileAsync(connection, run, strategy, stop);
        }
    }

    private static async Task<HashSet<int>> OpenAsync(NpgsqlConnection connection, int placement, int revision, CancellationToken stop) => ((int[])(await ScalarAsync(connection, """
        select coalesce(array_agg(member_id), '{}') from placement_bindings
        where placement_id = $1 and not is_unscheduled and (desired_revision <> $2 or observed_generation < generation or health <> 2)
        """, stop, placement, revision))!).ToHashSet();

    private static IEnumerable<SchedulableMember> Sorted(string? label, IReadOnlyList<SchedulableMember> members)
    {
        if (label is null)
            return members.OrderBy(member => member.Name, StringComparer.Ordinal);
        return members.All(member => Quantity.TryParse(member.Labels.GetValueOrDefault(label, ""), out _))
            ? members.OrderBy(member => Quantity.TryParse(member.Labels[label], out var value) ? value : 0).ThenBy(member => member.Name, StringComparer.Ordinal)
            : members.OrderBy(member => member.Labels.GetValueOrDefault(label, ""), StringComparer.Ordinal).ThenBy(member => member.Name, StringComparer.Ordinal);
    }

    /// <summary>The active run, held with its placement; null when there is none, or somebody else is at one of them.</summary>
    private static async Task<ActiveRun?> ReadAsync(NpgsqlConnection connection, int placement, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, """
            select r.id, r.placement_id, r.kind, r.state, r.revision, r.previous_revision, r.strategy, r.stage, r.phase, r.phase_since, r.resumed_at_healthy, r.approvals, r.message, now(), r.reason,
                nullif(s.properties -> 'disruptionBudget', 'null')
            from rollout_runs r join placements p on p.id = r.placement_id join resources s on s.key = p.resource_key
            where r.placement_id = $1 and r.ended_at is null for no key update of p skip locked for update of r skip locked
            """, placement);
        await using var row = await command.ExecuteReaderAsync(stop);
        return await row.ReadAsync(stop)
            ? new(row.GetInt64(0), row.GetInt32(1), Enum.Parse<RolloutKind>(row.GetString(2)), Enum.Parse<RolloutState>(row.GetString(3)), row.GetInt32(4), row.IsDBNull(5) ? null : row.GetInt32(5), row.GetString(6), row.GetInt32(7),
                (StagePhase)row.GetInt16(8), row.GetFieldValue<DateTimeOffset>(9), row.GetInt32(10), row.GetFieldValue<string[]>(11), row.IsDBNull(12) ? null : row.GetString(12), row.GetFieldValue<DateTimeOffset>(13), row.IsDBNull(14) ? null : row.GetString(14),
                row.IsDBNull(15) ? null : Json.Read<DisruptionBudget>(row.GetString(15)))
            : null;
    }

    /// <summary>
    /// What was seen of the members that are under way. Only what was seen of the generation that carried the revision counts: health from before says nothing. Objects of which nobody can say
    /// whether they are available must have stood for a while. A row is written where it was read, by its place: a join of the run with itself
    /// compares each with each when the run has just brought thousands of rows and the planner knows of one.
    /// </summary>
    private static Task ReconcileAsync(NpgsqlConnection connection, ActiveRun run, RolloutStrategy strategy, CancellationToken stop) => ExecuteAsync(connection, """
        update rollout_members m set state = seen.state, ended_at = now(), message = seen.message
        from (
            select r.ctid as place, r.state as before, b.error as message, case
                when b.member_id is null or b.is_unscheduled then 5
                when r.state = 0 then 0
                when b.observed_generation >= r.generation and b.health = 2 then case when b.is_untracked and b.observed_at + make_interval(secs => $4) > now() then 1 else 2 end
                when b.observed_generation >= r.generation and b.health = 3 then 3
                when b.health = 4 then 4
                when r.started_at + make_interval(secs => $3) < now() then 3
                else 1 end as state
            from rollout_members r left join placement_bindings b on b.placement_id = $2 and b.member_id = r.member_id
            where r.run_id = $1 and r.state in (0, 1)) seen
        where m.ctid = seen.place and seen.before <> seen.state
        """, stop, run.Id, run.PlacementId, (double)strategy.ProgressDeadlineSeconds, (double)strategy.UnavailablePeriodSeconds);

    private static async Task<(RolloutCounts All, RolloutCounts Stage)> CountsAsync(NpgsqlConnection connection, ActiveRun run, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select stage = $2, state, count(*)::int from rollout_members where run_id = $1 group by 1, 2", run.Id, run.Stage);
        await using var row = await command.ExecuteReaderAsync(stop);
        var (all, stage) = (new int[6], new int[6]);
        while (await row.ReadAsync(stop))
        {
            all[row.GetInt16(1)] += row.GetInt32(2);
            if (row.GetBoolean(0))
                stage[row.GetInt16(1)] += row.GetInt32(2);
        }

        return (Counts(all), Counts(stage));
    }

    public static RolloutCounts Counts(int[] states) => new(states.Sum(), states[0], states[1], states[2], states[3], states[4], states[5]);

    /// <summary>
    /// The next members of the stage, in one statement with their bindings; those that have the placement only as far as its budget allows. A row of the run is written where it was read, as in
    /// <see cref="ReconcileAsync"/>; nobody else writes it meanwhile, for the run is held.
    /// </summary>
    private static Task StartMembersAsync(NpgsqlConnection connection, ActiveRun run, RolloutDecision decision, CancellationToken stop) => ExecuteAsync(connection, $"""
        with next as ({(decision.MostDisrupted is null ? "select ctid as place, member_id from rollout_members where run_id = $4 and stage = $5 and state = 0 order by ordinal limit $6" : $"""
            select place, member_id from (
                select m.ctid as place, m.member_id, m.ordinal, {BindingSql.IsAvailable} as is_available, count(*) filter (where {BindingSql.IsAvailable}) over (order by m.ordinal) as disrupted
                from rollout_members m join placement_bindings b on b.placement_id = $1 and b.member_id = m.member_id where m.run_id = $4 and m.stage = $5 and m.state = 0) pending
            where not is_available or disrupted <= $7 order by ordinal limit $6
            """)}),
        flipped as ({Flip("b.member_id = next.member_id", "from next")} returning next.place, b.generation)
        update rollout_members m set state = 1, generation = flipped.generation, started_at = now() from flipped where m.ctid = flipped.place
        """, stop, run.PlacementId, run.Revision, run.Kind is RolloutKind.Rollback ? RollbackPriority : RolloutPriority, run.Id, run.Stage, decision.Start, decision.MostDisrupted ?? 0);

    /// <summary>$1 placement, $2 revision, $3 priority. A claim that is held stays held: two must not write to one member at once.</summary>
    private static string Flip(string which, string from = "") => $"""
        update placement_bindings b set desired_revision = $2, generation = b.generation + 1, due_at = now(), priority = $3, attempts = 0,
            touched_revisions = case when $2 = any (b.touched_revisions) then b.touched_revisions else b.touched_revisions || $2 end
        {from}
        where b.placement_id = $1 and not b.is_unscheduled and {which}
        """;

    private static Task SaveAsync(NpgsqlConnection connection, ActiveRun run, RolloutDecision decision, CancellationToken stop) => ExecuteAsync(connection, """
        update rollout_runs set phase_since = case when stage <> $3 or phase <> $4 then now() else phase_since end, state = $2, stage = $3, phase = $4, message = $5, ended_at = case when $6 then now() end, reason = $7 where id = $1
        """, stop, run.Id, decision.State.ToString(), decision.Stage, (short)decision.Phase, decision.Message, !decision.State.IsActive(), decision.Reason);

    /// <summary>What follows a run: who joined meanwhile gets the revision, or all go back. True when there is work then.</summary>
    private static async Task<bool> EndAsync(NpgsqlConnection connection, ActiveRun run, RolloutStrategy strategy, RolloutDecision decision, CancellationToken stop)
    {
        await FleetGates.SkipEndedAsync(connection, run.PlacementId, stop);
        await ExecuteAsync(connection, "update placements set status_due = true, completed_revision = case when $2 then $3 else completed_revision end where id = $1", stop,
            run.PlacementId, decision.State is RolloutState.Succeeded or RolloutState.RolledBack, run.Revision);
        if (decision.GoBack && run.PreviousRevision is { } previous)
        {
            var fleet = (string)(await ScalarAsync(connection, "select fleet_key from placements where id = $1", stop, run.PlacementId))!;
            await StartAsync(connection, run.PlacementId, RolloutKind.Rollback, previous, null, Whole(strategy), await FleetMembers.ReadAsync(connection, fleet, stop), stop);
            await AdvanceAsync(connection, run.PlacementId, stop);
            return true;
        }

        if (decision.State is not (RolloutState.Succeeded or RolloutState.RolledBack) || strategy.LateJoiner is LateJoiner.Ignore)
            return false;
        var isBudgeted = run.Budget is not null && run.Kind is not RolloutKind.Rollback;
        await ExecuteAsync(connection, Flip($"b.desired_revision <> $2 and (not $4 or not {BindingSql.IsAvailable})"), stop, run.PlacementId, run.Revision, RolloutPriority, isBudgeted);
        if (isBudgeted && (bool)(await ScalarAsync(connection, "select exists (select from placement_bindings where placement_id = $1 and not is_unscheduled and desired_revision <> $2)", stop, run.PlacementId, run.Revision))!)
        {
            // Those that have what was before it get it within the budget, as in any run.
            var fleet = (string)(await ScalarAsync(connection, "select fleet_key from placements where id = $1", stop, run.PlacementId))!;
            await StartAsync(connection, run.PlacementId, RolloutKind.Rollout, run.Revision, previous: null, Whole(strategy), await FleetMembers.ReadAsync(connection, fleet, stop), stop);
            await AdvanceAsync(connection, run.PlacementId, stop);
        }

        return true;
    }

    /// <summary>All at once, and without waiting for anything: how a rollback goes.</summary>
    public static RolloutStrategy Whole(RolloutStrategy strategy, string? concurrency = null) => new() { MaxConcurrency = concurrency ?? "100%", MaxFailures = "100%", MinHealthy = "0", ProgressDeadlineSeconds = strategy.ProgressDeadlineSeconds, LateJoiner = strategy.LateJoiner };

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken stop, params object?[] values)
    {
        await using var command = Sql.Command(connection, sql, values);
        await command.ExecuteNonQueryAsync(stop);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken stop, params object?[] values)
    {
        await using var command = Sql.Command(connection, sql, values);
        return await command.ExecuteScalarAsync(stop);
    }

    private sealed record ActiveRun(
        long Id, int PlacementId, RolloutKind Kind, RolloutState State, int Revision, int? PreviousRevision, string Strategy, int Stage, StagePhase Phase, DateTimeOffset PhaseSince, int ResumedAtHealthy, string[] Approvals, string? Message, DateTimeOffset Now,
        string? Reason, DisruptionBudget? Budget);
}
