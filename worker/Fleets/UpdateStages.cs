using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence.Fleets;

namespace ControlPlane.Worker.Fleets;

/// <summary>What an update run's strategy means to the planner that placements have too. Pure.</summary>
internal static class UpdateStages
{
    /// <summary>The one stage, and the one group in it, of a run without a strategy.</summary>
    public const string Only = "default";

    /// <summary>What was skipped begins with one of these, as the targets of a skip are of these types.</summary>
    public const string StagePrefix = "Stage/";
    public const string GroupPrefix = "Group/";
    public const string MemberPrefix = "Member/";
    public const string WaitPrefix = "AfterStageWait/";

    public static IReadOnlyList<UpdateStage> Of(UpdateRunStrategy? strategy, string? maxConcurrency) => strategy?.Stages ?? [new() { Name = Only, Groups = [new() { Name = Only, MaxConcurrency = maxConcurrency }] }];

    /// <summary>Groups set the pace, so a stage without one of its own sets no limit.</summary>
    public static RolloutStrategy Rollout(IReadOnlyList<UpdateStage> stages, UpdateRun wanted) => new()
    {
        MaxFailures = wanted.MaxFailures,
        MinHealthy = "0",
        ProgressDeadlineSeconds = wanted.MemberDeadlineInSeconds,
        Stages =
        [
            .. stages.Select(stage => new RolloutStage
            {
                Name = stage.Name,
                MaxConcurrency = stage.MaxConcurrency ?? "100%",
                BeforeStageTasks = stage.BeforeGates.Count > 0 ? [new() { Type = StageTaskType.Approval }] : [],
                AfterStageTasks =
                [
                    .. stage.AfterGates.Count > 0 || stage.Groups.Any(group => group.AfterGates.Count > 0) ? [new StageTask { Type = StageTaskType.Approval }] : Array.Empty<StageTask>(),
                    .. stage.AfterStageWaitInSeconds > 0 ? [new StageTask { Type = StageTaskType.TimedWait, WaitSeconds = stage.AfterStageWaitInSeconds }] : Array.Empty<StageTask>(),
                ],
            }),
        ],
    };

    /// <summary>The stage and the group that a member is in; null when the strategy names its group nowhere.</summary>
    public static (int Stage, int Group)? Place(UpdateRunStrategy? strategy, string? group)
    {
        if (strategy is null)
            return (0, 0);
        for (var stage = 0; stage < strategy.Stages.Count; stage++)
        {
            for (var at = 0; at < strategy.Stages[stage].Groups.Count; at++)
            {
                if (strategy.Stages[stage].Groups[at].Name.Equals(group, StringComparison.OrdinalIgnoreCase))
                    return (stage, at);
            }
        }

        return null;
    }

    /// <summary>The gates at which the run stands at the moment; those of groups without members stand nowhere.</summary>
    public static IEnumerable<DueGate> Gates(UpdateStage stage, StagePhase phase, IReadOnlyList<RolloutCounts> groups, IReadOnlyCollection<string> skips)
    {
        if (skips.Contains(StagePrefix + stage.Name, StringComparer.Ordinal))
            yield break;
        if (phase is StagePhase.Before && stage.BeforeGates.Count > 0)
            yield return new("", GateTiming.Before, stage.BeforeGates[0].DisplayName);
        if (phase is StagePhase.After && stage.AfterGates.Count > 0)
            yield return new("", GateTiming.After, stage.AfterGates[0].DisplayName);
        if (phase is StagePhase.Before)
            yield break;
        foreach (var (group, counts) in stage.Groups.Zip(groups).Where(pair => pair.Second.Total > pair.Second.Skipped && !skips.Contains(GroupPrefix + pair.First.Name, StringComparer.Ordinal)))
        {
            if (group.BeforeGates.Count > 0 && phase is StagePhase.Members)
                yield return new(group.Name, GateTiming.Before, group.BeforeGates[0].DisplayName);
            if (group.AfterGates.Count > 0 && counts.Pending + counts.Updating == 0)
                yield return new(group.Name, GateTiming.After, group.AfterGates[0].DisplayName);
        }
    }

    /// <summary>What the planner need not wait for any more.</summary>
    public static IReadOnlyCollection<string> Approvals(int at, UpdateStage stage, StagePhase phase, bool isEmpty, IReadOnlyCollection<GateSeen> gates, IReadOnlyCollection<string> skips)
    {
        var isSkipped = isEmpty || skips.Contains(StagePrefix + stage.Name, StringComparer.Ordinal);
        var approvals = new List<string>();
        if (isSkipped || gates.Any(gate => gate is { Timing: GateTiming.Before, Group: "", State: not GateState.Pending }))
            approvals.Add(RolloutPlanner.Approval(at, StagePhase.Before));
        if (isSkipped || (phase is StagePhase.After && gates.All(gate => gate.Timing is GateTiming.Before || gate.State is not GateState.Pending)))
            approvals.Add(RolloutPlanner.Approval(at, StagePhase.After));
        if (isSkipped || skips.Contains(WaitPrefix + stage.Name, StringComparer.Ordinal))
            approvals.Add(RolloutPlanner.WaitIsSkipped(at));
        return approvals;
    }

    /// <summary>Whether a group must not begin yet.</summary>
    public static bool IsHeld(UpdateGroup group, IReadOnlyCollection<GateSeen> gates) =>
        group.BeforeGates.Count > 0 && !gates.Any(gate => gate.Timing is GateTiming.Before && gate.Group == group.Name && gate.State is not GateState.Pending);
}

/// <summary>A gate that must be there now; of the stage itself when the group is empty.</summary>
internal sealed record DueGate(string Group, GateTiming Timing, string? DisplayName);

/// <summary>A gate of the stage that is under way.</summary>
internal sealed record GateSeen(string Group, GateTiming Timing, GateState State);
