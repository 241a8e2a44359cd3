using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Fleets;

/// <summary>How a placement stands; what each member says is a list of its own, <c>{placement}/clusters</c>.</summary>
public sealed record PlacementStatus
{
    /// <summary>Counts the writes that the rest of the status is about.</summary>
    public long? ObservedGeneration { get; init; }

    /// <summary>The number of the newest revision.</summary>
    public int? Revision { get; init; }

    /// <summary>The number of the last revision that was rolled out whole: what a rollback goes back from.</summary>
    public int? CompletedRevision { get; init; }

    public PlacementSummary? Summary { get; init; }

    /// <summary>The run that is under way, or the last one.</summary>
    public RolloutSummary? Rollout { get; init; }

    public IReadOnlyList<Condition>? Conditions { get; init; }
}

/// <summary>
/// How many members stand where. <see cref="Available"/>, <see cref="Failed"/> and <see cref="Progressing"/> add up to <see cref="Selected"/>; a member that only reports is available when it has.
/// <see cref="Drifted"/> and <see cref="Differing"/> are among them all: members with drift, and with any difference.
/// </summary>
public sealed record PlacementSummary(int Selected, int Available, int Progressing, int Failed, int Offline, int Removing, int Drifted = 0, int Differing = 0);

/// <summary>A rollout run in a few words.</summary>
public sealed record RolloutSummary
{
    public required string Name { get; init; }
    public required RolloutKind Kind { get; init; }
    public required RolloutState State { get; init; }
    public required int Revision { get; init; }

    /// <summary>The stage that is under way.</summary>
    public string? Stage { get; init; }

    public required RolloutCounts Clusters { get; init; }
    public required DateTimeOffset StartTime { get; init; }
    public DateTimeOffset? EndTime { get; init; }

    /// <summary>BudgetExhausted when it waits because no more members may be without the placement.</summary>
    public string? Reason { get; init; }

    /// <summary>Why it stands where it stands, and what to do about it.</summary>
    public string? Message { get; init; }
}

/// <summary>The members of a run; the parts add up to <see cref="Total"/>.</summary>
public sealed record RolloutCounts(int Total, int Pending, int Updating, int Healthy, int Failed, int Deferred, int Skipped);

public enum RolloutKind { Rollout, Rollback, Remediation }

/// <summary>Where a run stands. Paused by somebody and HealthyHold, after so many healthy members, wait for <c>resume</c>.</summary>
public enum RolloutState { Running, WaitingGate, WaitingTimer, HealthyHold, Paused, RollingBack, Succeeded, Stopped, Failed, RolledBack, Superseded }

public static class RolloutStates
{
    public static bool IsActive(this RolloutState state) => state is RolloutState.Running or RolloutState.WaitingGate or RolloutState.WaitingTimer or RolloutState.HealthyHold or RolloutState.Paused or RolloutState.RollingBack;
}

/// <summary>A condition as Kubernetes has it (meta/v1 Condition; KubeFleet's reasons).</summary>
public sealed record Condition
{
    public required string Type { get; init; }
    public required ConditionStatus Status { get; init; }
    public required string Reason { get; init; }
    public required string Message { get; init; }
    public required long ObservedGeneration { get; init; }
    public required DateTimeOffset LastTransitionTime { get; init; }
}

public enum ConditionStatus { True, False, Unknown }
