using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>How an update run stands, put together from its rows as Azure shows it.</summary>
internal static class UpdateRunStatuses
{
    /// <summary>Null when the run was never carried out.</summary>
    public static async Task<UpdateRunStatus?> ReadAsync(NpgsqlConnection connection, string resourceKey, CancellationToken stop)
    {
        RunSeen run;
        await using (var command = Sql.Command(connection, """
            select u.id, u.strategy, u.state, u.stage, u.node_images, u.skips, u.error_code, u.error, u.started_at, u.ended_at, f.id from update_runs u join resources f on f.key = u.fleet_key where u.resource_key = $1
            """, resourceKey))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            if (!await row.ReadAsync(stop))
                return null;
            run = new(row.GetInt64(0), UpdateStages.Of(row.IsDBNull(1) ? null : Json.Read<UpdateRunStrategy>(row.GetString(1)), maxConcurrency: null), Enum.Parse<RolloutState>(row.GetString(2)), row.GetInt32(3), row.GetFieldValue<string[]>(4),
                row.GetFieldValue<string[]>(5), row.IsDBNull(6) ? null : new(row.GetString(6), row.GetString(7)), Time(row, 8), Time(row, 9), row.GetString(10));
        }

        var stages = await StagesAsync(connection, run.Id, stop);
        var gates = await GatesAsync(connection, run, stop);
        var members = (await MembersAsync(connection, run.Id, stop)).ToLookup(member => (member.Stage, member.Group));
        return new()
        {
            Status = new() { State = State(run), StartTime = run.StartedAt, CompletedTime = run.EndedAt, Error = run.Error },
            Stages = [.. run.Stages.Select((stage, at) => Stage(run, stage, at, stages.GetValueOrDefault(at), gates, members))],
            NodeImageSelection = run.NodeImages.Count == 0 ? null : new() { SelectedNodeImageVersions = [.. run.NodeImages.Select(image => new NodeImageVersion { Version = image })] },
        };
    }

    private static UpdateState State(RunSeen run) => run switch
    {
        { StartedAt: null } => UpdateState.NotStarted,
        { State: RolloutState.Succeeded } => UpdateState.Completed,
        { State: RolloutState.Failed } => UpdateState.Failed,
        { State: RolloutState.Stopped } => UpdateState.Stopped,
        { State: RolloutState.Paused } => UpdateState.Stopping,
        { State: RolloutState.WaitingGate } => UpdateState.Pending,
        _ => UpdateState.Running,
    };

    private static UpdateStageStatus Stage(RunSeen run, UpdateStage stage, int at, StageSeen? seen, ILookup<(int Stage, string Group, GateTiming Timing), UpdateGateStatus> gates, ILookup<(int Stage, int Group), MemberSeen> members)
    {
        var groups = stage.Groups.Select((group, index) => Group(run, at, group, gates, [.. members[(at, index)]])).ToList();
        var states = groups.ConvertAll(group => group.Status.State);
        var isSkipped = run.Skips.Contains(UpdateStages.StagePrefix + stage.Name, StringComparer.Ordinal) || (seen?.EndedAt is not null && states.TrueForAll(state => state is UpdateState.Skipped));
        var state = isSkipped ? UpdateState.Skipped
            : seen is null ? UpdateState.NotStarted
            : seen.EndedAt is not null ? states.Contains(UpdateState.Failed) ? UpdateState.Failed : UpdateState.Completed
            : State(run);
        return new()
        {
            Name = stage.Name,
            Status = new() { State = state, StartTime = seen?.StartedAt, CompletedTime = seen?.EndedAt },
            Groups = groups,
            BeforeGates = [.. gates[(at, "", GateTiming.Before)]],
            AfterGates = [.. gates[(at, "", GateTiming.After)]],
            AfterStageWaitStatus = stage.AfterStageWaitInSeconds == 0 ? null : new() { WaitDurationInSeconds = stage.AfterStageWaitInSeconds, Status = Wait(run, stage, seen, state) },
        };
    }

    private static UpdateStatus Wait(RunSeen run, UpdateStage stage, StageSeen? seen, UpdateState of) => new()
    {
        State = of is UpdateState.Skipped || run.Skips.Contains(UpdateStages.WaitPrefix + stage.Name, StringComparer.Ordinal) ? UpdateState.Skipped
            : seen?.WaitingSince is null ? UpdateState.NotStarted
            : seen.EndedAt is null ? State(run) is UpdateState.Pending ? UpdateState.Running : State(run) : UpdateState.Completed,
        StartTime = seen?.WaitingSince,
        CompletedTime = seen?.WaitingSince is null ? null : seen.EndedAt,
    };

    private static UpdateGroupStatus Group(RunSeen run, int stage, UpdateGroup group, ILookup<(int Stage, string Group, GateTiming Timing), UpdateGateStatus> gates, IReadOnlyList<MemberSeen> members)
    {
        var (before, after) = (gates[(stage, group.Name, GateTiming.Before)].ToList(), gates[(stage, group.Name, GateTiming.After)].ToList());
        bool All(params RolloutMemberState[] states) => members.All(member => states.Contains(member.State));
        var isOver = All(RolloutMemberState.Healthy, RolloutMemberState.Failed, RolloutMemberState.Deferred, RolloutMemberState.Skipped);
        var waits = before.Concat(after).Any(gate => gate.Status.State is UpdateState.Pending);
        var state = run.Skips.Contains(UpdateStages.GroupPrefix + group.Name, StringComparer.Ordinal) || (run.StartedAt is not null && All(RolloutMemberState.Skipped)) ? UpdateState.Skipped
            : run.StartedAt is null ? UpdateState.NotStarted
            : isOver && members.Any(member => member.State is RolloutMemberState.Failed) ? UpdateState.Failed
            : waits ? UpdateState.Pending
            : isOver ? UpdateState.Completed
            : All(RolloutMemberState.Pending) ? UpdateState.NotStarted
            : State(run) is UpdateState.Pending ? UpdateState.Running : State(run);
        return new()
        {
            Name = group.Name,
            Status = new()
            {
                State = state,
                StartTime = members.Min(member => member.StartedAt),
                CompletedTime = isOver && run.StartedAt is not null ? members.Max(member => member.EndedAt) : null,
            },
            Members = [.. members.Select(Member)],
            BeforeGates = before,
            AfterGates = after,
        };
    }

    private static MemberUpdateStatus Member(MemberSeen member) => new()
    {
        Name = member.Name,
        ClusterResourceId = member.ClusterId,
        OperationId = member.StartedAt is null ? null : member.OperationId.ToString(),
        Message = member.Message,
        Status = new()
        {
            State = member.State switch
            {
                RolloutMemberState.Pending => UpdateState.NotStarted,
                RolloutMemberState.Updating => UpdateState.Running,
                RolloutMemberState.Healthy => UpdateState.Completed,
                RolloutMemberState.Failed => UpdateState.Failed,
                RolloutMemberState.Deferred => UpdateState.Pending,
                _ => UpdateState.Skipped,
            },
            StartTime = member.StartedAt,
            CompletedTime = member.EndedAt,
            Error = member.State is RolloutMemberState.Failed ? new("MemberUpdateFailed", member.Message ?? "The member could not be updated.") : null,
        },
    };

    private static async Task<Dictionary<int, StageSeen>> StagesAsync(NpgsqlConnection connection, long run, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select stage, started_at, waiting_since, ended_at from update_run_stages where run_id = $1", run);
        await using var row = await command.ExecuteReaderAsync(stop);
        var stages = new Dictionary<int, StageSeen>();
        while (await row.ReadAsync(stop))
            stages[row.GetInt32(0)] = new(row.GetFieldValue<DateTimeOffset>(1), Time(row, 2), Time(row, 3));
        return stages;
    }

    private static async Task<ILookup<(int Stage, string Group, GateTiming Timing), UpdateGateStatus>> GatesAsync(NpgsqlConnection connection, RunSeen run, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select stage, group_name, timing, id, display_name, state, created_at, changed_at from fleet_gates where update_run_id = $1", run.Id);
        await using var row = await command.ExecuteReaderAsync(stop);
        var gates = new List<(int Stage, string Group, GateTiming Timing, UpdateGateStatus Gate)>();
        while (await row.ReadAsync(stop))
        {
            gates.Add((row.GetInt32(0), row.GetString(1), Enum.Parse<GateTiming>(row.GetString(2)), new()
            {
                GateId = $"{run.FleetId}/gates/{row.GetGuid(3)}", DisplayName = row.IsDBNull(4) ? null : row.GetString(4),
                Status = new() { State = Enum.Parse<UpdateState>(row.GetString(5)), StartTime = Time(row, 6), CompletedTime = Time(row, 7) },
            }));
        }

        return gates.ToLookup(one => (one.Stage, one.Group, one.Timing), one => one.Gate);
    }

    private static async Task<IReadOnlyList<MemberSeen>> MembersAsync(NpgsqlConnection connection, long run, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select stage, group_index, name, cluster_id, state, operation_id, started_at, ended_at, message from update_run_members where run_id = $1 order by ordinal", run);
        await using var row = await command.ExecuteReaderAsync(stop);
        var members = new List<MemberSeen>();
        while (await row.ReadAsync(stop))
            members.Add(new(row.GetInt32(0), row.GetInt32(1), row.GetString(2), row.GetString(3), (RolloutMemberState)row.GetInt16(4), row.GetGuid(5), Time(row, 6), Time(row, 7), row.IsDBNull(8) ? null : row.GetString(8)));
        return members;
    }

    private static DateTimeOffset? Time(NpgsqlDataReader row, int at) => row.IsDBNull(at) ? null : row.GetFieldValue<DateTimeOffset>(at);

    private sealed record RunSeen(
        long Id, IReadOnlyList<UpdateStage> Stages, RolloutState State, int Stage, IReadOnlyList<string> NodeImages, IReadOnlyList<string> Skips, ErrorBody? Error, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, string FleetId);

    private sealed record StageSeen(DateTimeOffset StartedAt, DateTimeOffset? WaitingSince, DateTimeOffset? EndedAt);

    private sealed record MemberSeen(int Stage, int Group, string Name, string ClusterId, RolloutMemberState State, Guid OperationId, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, string? Message);
}
