using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>A placement's status, put together from its rows.</summary>
internal static class PlacementStatuses
{
    /// <summary>Null when there is nothing of the placement yet.</summary>
    public static async Task<PlacementStatus?> ReadAsync(NpgsqlConnection connection, string resourceKey, PlacementStatus before, CancellationToken stop)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                Command("""
                    select p.generation, p.latest_revision, p.completed_revision, now(), coalesce(r.apply_strategy->>'type' = 'ReportDiff', false)
                    from placements p left join placement_revisions r on r.placement_id = p.id and r.revision = p.latest_revision where p.resource_key = $1
                    """, resourceKey),
                Command("""
                    select count(*) filter (where not b.is_unscheduled)::int,
                        count(*) filter (where not b.is_unscheduled and b.health = 2 and b.observed_generation >= b.generation and b.desired_revision > 0)::int,
                        count(*) filter (where not b.is_unscheduled and b.health = 3 and b.observed_generation >= b.generation)::int,
                        count(*) filter (where not b.is_unscheduled and b.health = 4)::int,
                        count(*) filter (where b.is_unscheduled)::int,
                        min(b.error) filter (where b.health = 3 and b.observed_generation >= b.generation and not b.is_unscheduled),
                        (select count(distinct i.member_id) from binding_issues i where i.placement_id = min(p.id) and i.kind = 'Drift')::int, (select count(distinct i.member_id) from binding_issues i where i.placement_id = min(p.id))::int
                    from placement_bindings b join placements p on p.id = b.placement_id where p.resource_key = $1
                    """, resourceKey),
                Command("""
                    select r.id, r.number, r.kind, r.state, r.revision, r.strategy, r.stage, r.message, r.started_at, r.ended_at, r.reason from rollout_runs r join placements p on p.id = r.placement_id
                    where p.resource_key = $1 order by r.number desc limit 1
                    """, resourceKey),
                Command("""
                    select m.state, count(*)::int from rollout_members m
                    where m.run_id = (select r.id from rollout_runs r join placements p on p.id = r.placement_id where p.resource_key = $1 order by r.number desc limit 1) group by 1
                    """, resourceKey),
            },
        };
        await using var row = await batch.ExecuteReaderAsync(stop);
        if (!await row.ReadAsync(stop))
            return null;
        var (generation, latest, completed, now, isReport) = (row.GetInt64(0), row.GetInt32(1), row.IsDBNull(2) ? (int?)null : row.GetInt32(2), row.GetFieldValue<DateTimeOffset>(3), row.GetBoolean(4));
        await row.NextResultAsync(stop);
        await row.ReadAsync(stop);
        var summary = new PlacementSummary(row.GetInt32(0), row.GetInt32(1), row.GetInt32(0) - row.GetInt32(1) - row.GetInt32(2) - row.GetInt32(3), row.GetInt32(2), row.GetInt32(3), row.GetInt32(4), row.GetInt32(6), row.GetInt32(7));
        var why = row.IsDBNull(5) ? null : row.GetString(5);
        await row.NextResultAsync(stop);
        var run = await row.ReadAsync(stop) ? Run(row) : null;
        await row.NextResultAsync(stop);
        var states = new int[6];
        while (await row.ReadAsync(stop))
            states[row.GetInt16(0)] = row.GetInt32(1);
        return new()
        {
            ObservedGeneration = generation,
            Revision = latest,
            CompletedRevision = completed,
            Summary = summary,
            Rollout = run is null ? null : run with { Clusters = RolloutRuns.Counts(states) },
            Conditions = Conditions(before.Conditions ?? [], generation, now, summary, isReport, why, run),
        };
    }

    /// <summary>KubeFleet's conditions, and what it has no word for: Degraded, Paused and RolledBack. Pure.</summary>
    private static List<Condition> Conditions(IReadOnlyList<Condition> before, long generation, DateTimeOffset now, PlacementSummary summary, bool isReport, string? why, RolloutSummary? run)
    {
        const string prefix = "ClusterResourcePlacement";
        var (selected, available, failed, offline, isWhole) = (summary.Selected, summary.Available, summary.Failed, summary.Offline, summary.Selected > 0 && summary.Available == summary.Selected);
        var isRolledBack = run is { Kind: RolloutKind.Rollback, State: RolloutState.RolledBack };
        (string Type, ConditionStatus Status, string Reason, string Message)[] said =
        [
            ($"{prefix}Scheduled", selected > 0 ? ConditionStatus.True : ConditionStatus.False, selected > 0 ? "SchedulingPolicyFulfilled" : "NoClusterSelected", selected > 0 ? $"{selected} members are selected." : "No member of the fleet is selected; the placement waits for one."),
            ($"{prefix}RolloutStarted", run is null or { Reason: not null } ? ConditionStatus.False : ConditionStatus.True, run is null ? "RolloutNotStartedYet" : run.Reason ?? "RolloutStarted", run?.Message ?? (run is null ? "No run yet." : "")),
            isReport
                ? ($"{prefix}DiffReported", isWhole ? ConditionStatus.True : ConditionStatus.False, isWhole ? "DiffReportingCompleted" : "DiffReportingIncompleteOrFailed", $"{available} of {selected} members have reported; {summary.Differing} of them differ.")
                : ($"{prefix}Available", isWhole ? ConditionStatus.True : ConditionStatus.False, isWhole ? "ResourceAvailable" : "ResourceNotAvailableYet", $"{available} of {selected} members are available."),
            ("Degraded", failed + offline > 0 ? ConditionStatus.True : ConditionStatus.False, failed > 0 ? "MembersFailed" : offline > 0 ? "MembersOffline" : "AsExpected", failed > 0 ? $"{failed} members failed, such as: {why}" : $"{offline} members are offline."),
            ("Drifted", summary.Drifted > 0 ? ConditionStatus.True : ConditionStatus.False, summary.Drifted > 0 ? "FoundDrifts" : "NoDriftsFound", summary.Drifted > 0 ? $"{summary.Drifted} members have drifted; POST drift says where." : ""),
            ("Paused", run?.State is RolloutState.Paused or RolloutState.HealthyHold ? ConditionStatus.True : ConditionStatus.False, run?.State is RolloutState.HealthyHold ? "HealthyHoldReached" : run?.State is RolloutState.Paused ? "PausedByRequest" : "NotPaused", run?.Message ?? ""),
            ("RolledBack", isRolledBack ? ConditionStatus.True : ConditionStatus.False, isRolledBack ? "RolledBack" : "NotRolledBack", isRolledBack ? $"Every member that can be reached has revision {run!.Revision}." : ""),
        ];
        return [.. said.Select(one => new Condition
        {
            Type = one.Type, Status = one.Status, Reason = one.Reason, Message = one.Message, ObservedGeneration = generation,
            LastTransitionTime = before.FirstOrDefault(condition => condition.Type == one.Type && condition.Status == one.Status)?.LastTransitionTime ?? now,
        })];
    }

    private static RolloutSummary Run(NpgsqlDataReader row)
    {
        var stages = RolloutPlanner.Stages(Json.Read<RolloutStrategy>(row.GetString(5)));
        var stage = row.GetInt32(6);
        return new()
        {
            Name = $"run-{row.GetInt32(1)}",
            Kind = Enum.Parse<RolloutKind>(row.GetString(2)),
            State = Enum.Parse<RolloutState>(row.GetString(3)),
            Revision = row.GetInt32(4),
            Stage = stage < stages.Count ? stages[stage].Name : null,
            Clusters = RolloutRuns.Counts(new int[6]),
            StartTime = row.GetFieldValue<DateTimeOffset>(8),
            EndTime = row.IsDBNull(9) ? null : row.GetFieldValue<DateTimeOffset>(9),
            Message = row.IsDBNull(7) ? null : row.GetString(7),
            Reason = row.IsDBNull(10) ? null : row.GetString(10),
        };
    }

    private static NpgsqlBatchCommand Command(string sql, string key) => new(sql) { Parameters = { Sql.Parameter(key) } };
}
