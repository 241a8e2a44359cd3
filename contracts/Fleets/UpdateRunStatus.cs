using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Fleets;

/// <summary>What the control plane says of an update run.</summary>
public sealed record UpdateRunProgress
{
    public UpdateRunStatus? Status { get; init; }
}

/// <summary>How far a run is: itself, its stages, their groups, their members.</summary>
public sealed record UpdateRunStatus
{
    public required UpdateStatus Status { get; init; }
    public required IReadOnlyList<UpdateStageStatus> Stages { get; init; }
    public NodeImageSelectionStatus? NodeImageSelection { get; init; }

    /// <summary>A target of a skip that the run does not have, as an error; null when it has them all. Members are known once the run was started.</summary>
    internal ErrorBody? Unknown(JsonElement parameters)
    {
        if (parameters.ValueKind is not JsonValueKind.Object || !parameters.TryGetProperty("targets", out var targets) || targets.ValueKind is not JsonValueKind.Array)
            return null;
        var unknown = targets.Deserialize<List<SkipTarget>>(Json.Options)!.Find(target => !Names(target.Type).Contains(target.Name, StringComparer.Ordinal));
        return unknown is null ? null : new("SkipTargetNotFound", $"The run has no {unknown.Type} '{unknown.Name}'. It has: {string.Join(", ", Names(unknown.Type).Take(20))}.", "targets");
    }

    private IEnumerable<string> Names(SkipTargetType type) => type switch
    {
        SkipTargetType.Stage or SkipTargetType.AfterStageWait => Stages.Select(stage => stage.Name),
        SkipTargetType.Group => Stages.SelectMany(stage => stage.Groups).Select(group => group.Name),
        _ => Stages.SelectMany(stage => stage.Groups).SelectMany(group => group.Members).Select(member => member.Name),
    };
}

public sealed record UpdateStatus
{
    public required UpdateState State { get; init; }
    public DateTimeOffset? StartTime { get; init; }
    public DateTimeOffset? CompletedTime { get; init; }
    public ErrorBody? Error { get; init; }
}

/// <summary>Pending waits: a run, a stage or a group for a gate, a member until it can be reached.</summary>
public enum UpdateState { NotStarted, Running, Pending, Stopping, Stopped, Skipped, Failed, Completed }

public sealed record UpdateStageStatus
{
    public required string Name { get; init; }
    public required UpdateStatus Status { get; init; }
    public required IReadOnlyList<UpdateGroupStatus> Groups { get; init; }
    public IReadOnlyList<UpdateGateStatus> BeforeGates { get; init; } = [];
    public IReadOnlyList<UpdateGateStatus> AfterGates { get; init; } = [];
    public WaitStatus? AfterStageWaitStatus { get; init; }
}

public sealed record UpdateGroupStatus
{
    public required string Name { get; init; }
    public required UpdateStatus Status { get; init; }
    public required IReadOnlyList<MemberUpdateStatus> Members { get; init; }
    public IReadOnlyList<UpdateGateStatus> BeforeGates { get; init; } = [];
    public IReadOnlyList<UpdateGateStatus> AfterGates { get; init; } = [];
}

/// <summary>A gate of the run.</summary>
public sealed record UpdateGateStatus
{
    public string? DisplayName { get; init; }
    public required string GateId { get; init; }
    public required UpdateStatus Status { get; init; }
}

public sealed record MemberUpdateStatus
{
    public required string Name { get; init; }
    public required UpdateStatus Status { get; init; }
    public required string ClusterResourceId { get; init; }

    /// <summary>Names the update of this member.</summary>
    public string? OperationId { get; init; }

    public string? Message { get; init; }
}

public sealed record WaitStatus
{
    public required UpdateStatus Status { get; init; }
    public required int WaitDurationInSeconds { get; init; }
}

public sealed record NodeImageSelectionStatus
{
    public required IReadOnlyList<NodeImageVersion> SelectedNodeImageVersions { get; init; }
}
