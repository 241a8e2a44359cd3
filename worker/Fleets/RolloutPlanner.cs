using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence.Fleets;

namespace ControlPlane.Worker.Fleets;

/// <summary>A run as it stands: what is decided from, and from nothing else.</summary>
/// <param name="StageCounts">The members of the stage that is under way.</param>
internal sealed record RolloutPosition(
    RolloutKind Kind, RolloutState State, int Stage, StagePhase Phase, DateTimeOffset PhaseSince, int ResumedAtHealthy, IReadOnlyCollection<string> Approvals, int? PreviousRevision,
    RolloutCounts Counts, RolloutCounts StageCounts)
{
    /// <summary>How the placement's budget stands; null when it has none.</summary>
    public BudgetPosition? Budget { get; init; }

    /// <summary>The groups of the stage that is under way, when it has groups that go at paces of their own (update runs).</summary>
    public IReadOnlyList<RolloutGroup> Groups { get; init; } = [];
}

/// <summary>What may be taken from members that have the placement.</summary>
/// <param name="Expected">How many members shall have it.</param>
/// <param name="Available">How many have it, and are not being changed.</param>
/// <param name="Pending">How many of these are pending in the stage that is under way.</param>
internal sealed record BudgetPosition(DisruptionBudget Budget, int Expected, int Available, int Pending)
{
    /// <summary>From how many of them it may be taken now.</summary>
    public int Room => Budget.Room(Expected, Available);

    /// <summary>Why it may be taken from nobody.</summary>
    public override string ToString() => $"{Available} of the {Expected} members that shall have the placement are available, and it may be taken from none of them ({Budget})";
}

/// <summary>Members of a stage that are changed beside those of its other groups.</summary>
/// <param name="MaxConcurrency">How many at once.</param>
/// <param name="IsHeld">None may be started yet: a gate stands before the group.</param>
internal sealed record RolloutGroup(string MaxConcurrency, bool IsHeld, RolloutCounts Counts);

/// <summary>What to do with a run: where it then stands, and how many more members of the stage to start.</summary>
internal sealed record RolloutDecision(RolloutState State, int Stage, StagePhase Phase, int Start = 0, string? Message = null)
{
    /// <summary>Why it waits, in a word; null when the state says it.</summary>
    public string? Reason { get; init; }

    /// <summary>Of <see cref="Start"/> at most so many may be members that have the placement: the budget says so. Null without one.</summary>
    public int? MostDisrupted { get; init; }

    /// <summary>The revision that went out fails: the one before it goes back.</summary>
    public bool GoBack { get; init; }

    /// <summary>How many of <see cref="Start"/> are of each group of the stage; empty when it has none.</summary>
    public IReadOnlyList<int> GroupStarts { get; init; } = [];
}

/// <summary>
/// Decides how a run goes on. Pure. Whoever carries a decision out does so in one transaction with the counts that it was made from, so that no limit is ever exceeded, however many
/// workers look at once.
/// </summary>
internal static class RolloutPlanner
{
    /// <summary>No more members may be without the placement.</summary>
    public const string BudgetExhausted = "BudgetExhausted";

    /// <summary>The one stage of a strategy without any.</summary>
    public const string OnlyStage = "all";

    public static IReadOnlyList<RolloutStage> Stages(RolloutStrategy strategy) => strategy.Stages.Count > 0 ? strategy.Stages : [new() { Name = OnlyStage }];

    public static RolloutDecision Decide(RolloutStrategy strategy, RolloutPosition run, DateTimeOffset now)
    {
        var stages = Stages(strategy);
        var stay = new RolloutDecision(run.State, run.Stage, run.Phase);
        if (!run.State.IsActive())
            return stay;
        if (run.Kind is not RolloutKind.Rollback && run.Counts.Failed > Share.RoundedUp(strategy.MaxFailures, run.Counts.Total))
            return Fail(strategy, run);
        if (run.State is RolloutState.Paused)
            return stay;
        if (run.Stage >= stages.Count)
            return End(strategy, run);

        var stage = stages[run.Stage];
        switch (run.Phase)
        {
            case StagePhase.Before:
                return Wait(stage, stage.BeforeStageTasks, run, now) ?? stay with { State = RolloutState.Running, Phase = StagePhase.Members, Message = $"Stage '{stage.Name}' has begun." };
            case StagePhase.Members when run.StageCounts.Pending + run.StageCounts.Updating == 0:
                return stay with { State = RolloutState.Running, Phase = StagePhase.After };
            case StagePhase.After:
                // Nothing comes after an empty stage: nobody waits for it.
                return (run.StageCounts.Total == run.StageCounts.Skipped ? null : Wait(stage, stage.AfterStageTasks, run, now))
                    ?? (run.Stage + 1 < stages.Count ? new(RolloutState.Running, run.Stage + 1, StagePhase.Before) : End(strategy, run));
            default:
                return Start(strategy, stage, run);
        }
    }

    /// <summary>
    /// As many as the stage allows at once, never so many that more could become healthy than the run may reach before it holds, and none that has the placement when the budget lets no more be
    /// without it. Who does not have it costs nothing: the run can only make it better. A rollback repairs, and is held up by no budget.
    /// </summary>
    private static RolloutDecision Start(RolloutStrategy strategy, RolloutStage stage, RolloutPosition run)
    {
        var stay = new RolloutDecision(RolloutState.Running, run.Stage, StagePhase.Members);
        var room = Share.RoundedDown(stage.MaxConcurrency ?? strategy.MaxConcurrency, run.StageCounts.Total) - run.StageCounts.Updating;
        if (strategy.PauseAfterHealthyClusters is { } pause)
        {
            var left = Share.RoundedUp(pause, run.Counts.Total) - (run.Counts.Healthy - run.ResumedAtHealthy);
            if (left <= 0 && run.Counts.Pending > 0)
                return stay with { State = RolloutState.HealthyHold, Message = $"{run.Counts.Healthy} of {run.Counts.Total} members are healthy; POST resume goes on, POST rollback goes back." };
            room = Math.Min(room, left - run.Counts.Updating);
        }

        room = Math.Clamp(room, 0, run.StageCounts.Pending);
        return run.Groups.Count > 0 ? Spread(stay, run.Groups, room)
            : run.Budget is { } budget && run.Kind is not RolloutKind.Rollback ? Within(budget, stay, run, room)
            : stay with { Start = room };
    }

    private static RolloutDecision Within(BudgetPosition budget, RolloutDecision stay, RolloutPosition run, int room)
    {
        var most = Math.Min(budget.Room, budget.Pending);
        var start = Math.Min(room, run.StageCounts.Pending - budget.Pending + most);
        var isExhausted = room > 0 && start == 0 && run.Counts.Updating == 0;
        return stay with
        {
            Start = start, MostDisrupted = most, Reason = isExhausted ? BudgetExhausted : null, Message = isExhausted ? $"{budget}; it goes on when more are, or when the budget allows more." : null,
        };
    }

    /// <summary>The groups take turns, so that none waits for another as long as the stage has room for both.</summary>
    private static RolloutDecision Spread(RolloutDecision stay, IReadOnlyList<RolloutGroup> groups, int room)
    {
        var free = groups.Select(group => group.IsHeld ? 0 : Math.Clamp(Share.RoundedDown(group.MaxConcurrency, group.Counts.Total) - group.Counts.Updating, 0, group.Counts.Pending)).ToArray();
        var starts = new int[groups.Count];
        for (var turn = 1; room > 0 && Array.Exists(free, places => places >= turn); turn++)
        {
            for (var group = 0; group < starts.Length && room > 0; group++)
            {
                if (free[group] < turn)
                    continue;
                starts[group]++;
                room--;
            }
        }

        return stay with { Start = starts.Sum(), GroupStarts = starts };
    }

    private static RolloutDecision? Wait(RolloutStage stage, IReadOnlyList<StageTask> tasks, RolloutPosition run, DateTimeOffset now)
    {
        var when = run.Phase is StagePhase.Before ? "before" : "after";
        foreach (var task in tasks)
        {
            if (task.Type is StageTaskType.Approval && !run.Approvals.Contains(Approval(run.Stage, run.Phase), StringComparer.Ordinal))
                return new(RolloutState.WaitingGate, run.Stage, run.Phase, Message: $"Waits for somebody to approve the gate {when} stage '{stage.Name}'.");
            if (task.Type is StageTaskType.TimedWait && run.Approvals.Contains(WaitIsSkipped(run.Stage), StringComparer.Ordinal))
                continue;
            var until = task.Type is StageTaskType.TimedWait ? run.PhaseSince.AddSeconds(task.WaitSeconds ?? 0) : task.StartTime ?? now;
            if (task.Type is not StageTaskType.Approval && until > now)
                return new(RolloutState.WaitingTimer, run.Stage, run.Phase, Message: $"Waits until {until:yyyy-MM-dd'T'HH:mm:ss'Z'} {when} stage '{stage.Name}'.");
        }

        return null;
    }

    /// <summary>The name of an approval within a run.</summary>
    public static string Approval(int stage, StagePhase phase) => $"{stage}/{phase}";

    /// <summary>Among the approvals: nobody waits for the time after the stage.</summary>
    public static string WaitIsSkipped(int stage) => $"{stage}/Wait";

    private static RolloutDecision Fail(RolloutStrategy strategy, RolloutPosition run) =>
        Failed(strategy, run, $"{run.Counts.Failed} of {run.Counts.Total} members failed, more than the {Share.RoundedUp(strategy.MaxFailures, run.Counts.Total)} that may (strategy.maxFailures)",
            "no more are changed.");

    private static RolloutDecision Failed(RolloutStrategy strategy, RolloutPosition run, string why, string otherwise)
    {
        var goBack = strategy.OnFailure is RolloutFailureAction.Rollback && run.PreviousRevision is not null;
        var next = goBack ? "all go back to the revision before." : $"{otherwise} POST rollback goes back; a PUT tries another revision.";
        return new(RolloutState.Failed, run.Stage, run.Phase, Message: $"{why}; {next}") { GoBack = goBack };
    }

    private static RolloutDecision End(RolloutStrategy strategy, RolloutPosition run)
    {
        var counts = run.Counts;
        var message = $"{counts.Healthy} of {counts.Total} members are healthy"
            + (counts.Failed > 0 ? $", {counts.Failed} failed" : "") + (counts.Deferred > 0 ? $", {counts.Deferred} are offline and follow when they are back" : "");
        if (run.Kind is RolloutKind.Rollback)
            return new(counts.Failed > 0 ? RolloutState.Failed : RolloutState.RolledBack, run.Stage, run.Phase, Message: $"{message}.");
        // Who left is not missed, and of few members no more are asked for than there are.
        var selected = counts.Total - counts.Skipped;
        var least = Math.Min(selected, Share.RoundedUp(strategy.MinHealthy, selected));
        return counts.Healthy >= least
            ? new(RolloutState.Succeeded, run.Stage, run.Phase, Message: $"{message}.")
            : Failed(strategy, run, $"{message}, fewer than the {least} that must be (strategy.minHealthy)", "the run has failed.");
    }
}
