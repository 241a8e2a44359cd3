using System.Globalization;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.Fleets;

/// <summary>How a revision reaches the members of a placement, and when it stops (KubeFleet, ClusterStagedUpdateStrategy; OCM, RolloutStrategy).</summary>
public sealed record RolloutStrategy
{
    private const int MostStages = 31;
    private const int LongestDeadline = 86_400;

    /// <summary>One after the other; a member is in the first stage that selects it. Without stages all members are in one.</summary>
    public IReadOnlyList<RolloutStage> Stages { get; init; } = [];

    /// <summary>How many members are changed at once where a stage does not say it: a number, or a percentage of the stage, rounded down but at least 1.</summary>
    /// <example>25%</example>
    public string MaxConcurrency { get; init; } = "25%";

    /// <summary>Hold, until <c>resume</c>, whenever so many more members are healthy: a number, or a percentage of all members, rounded up. Absent: never.</summary>
    /// <example>50</example>
    public string? PauseAfterHealthyClusters { get; init; }

    /// <summary>How many members may fail: a number, or a percentage of all members, rounded up. One more ends the run.</summary>
    /// <example>5%</example>
    public string MaxFailures { get; init; } = "0";

    /// <summary>
    /// How many members of the run must be healthy at its end, or it has failed: a number, or a percentage of those that are still selected, rounded up. By default one: a run that reached nobody
    /// is no success.
    /// </summary>
    /// <example>90%</example>
    public string MinHealthy { get; init; } = "1";

    /// <summary>
    /// How long a member must have had objects of which nobody can say whether they are available, such as custom resources without conditions, before it counts as healthy (KubeFleet: 60).
    /// </summary>
    public int UnavailablePeriodSeconds { get; init; }

    /// <summary>A member that is not healthy after so many seconds counts as failed.</summary>
    public int ProgressDeadlineSeconds { get; init; } = 600;

    /// <summary>What happens when more members fail than may: nothing more is changed, or what was changed goes back.</summary>
    public RolloutFailureAction OnFailure { get; init; }

    /// <summary>What members get that join while a run is under way.</summary>
    public LateJoiner LateJoiner { get; init; }

    public IEnumerable<Violation> Violations()
    {
        if (!Share.IsValid(MaxConcurrency, least: 1))
            yield return new("strategy.maxConcurrency", "must be a number from 1, such as 10, or a percentage from 1% to 100%");
        if (PauseAfterHealthyClusters is { } pause && !Share.IsValid(pause, least: 1))
            yield return new("strategy.pauseAfterHealthyClusters", "must be a number from 1, such as 50, or a percentage from 1% to 100%");
        if (!Share.IsValid(MaxFailures, least: 0))
            yield return new("strategy.maxFailures", "must be a number from 0, such as 3, or a percentage from 0% to 100%");
        if (!Share.IsValid(MinHealthy, least: 0))
            yield return new("strategy.minHealthy", "must be a number from 0, such as 3, or a percentage from 0% to 100%");
        if (UnavailablePeriodSeconds is < 0 or > LongestDeadline)
            yield return new("strategy.unavailablePeriodSeconds", $"must be from 0 to {LongestDeadline}");
        if (ProgressDeadlineSeconds is < 1 or > LongestDeadline)
            yield return new("strategy.progressDeadlineSeconds", $"must be from 1 to {LongestDeadline}");
        if (Stages.Count > MostStages)
            yield return new("strategy.stages", $"has more than {MostStages} entries");
        foreach (var violation in Stages.SelectMany((stage, at) => stage.Violations($"strategy.stages[{at}]", Stages.Take(at))))
            yield return violation;
    }
}

/// <summary>Members that are changed before others are.</summary>
public sealed record RolloutStage
{
    private const int LongestWait = 30 * 86_400;

    public required string Name { get; init; }

    /// <summary>Which members, in the short form: <c>env=canary</c>. Absent: all that no earlier stage has.</summary>
    public string? MemberSelector { get; init; }

    public LabelSelector? LabelSelector { get; init; }

    /// <summary>The update groups whose members are in the stage; none: any.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>As the strategy's, for this stage.</summary>
    public string? MaxConcurrency { get; init; }

    /// <summary>Members go in the order of this label's value, as numbers when all are; then by name.</summary>
    public string? SortingLabelKey { get; init; }

    public IReadOnlyList<StageTask> BeforeStageTasks { get; init; } = [];
    public IReadOnlyList<StageTask> AfterStageTasks { get; init; } = [];

    public IEnumerable<Violation> Violations(string target, IEnumerable<RolloutStage> before)
    {
        if (FleetApi.WrongName(Name) is { } wrong)
            yield return new($"{target}.name", wrong);
        if (before.Any(other => other.Name == Name))
            yield return new($"{target}.name", "is the name of another stage");
        if (MemberSelector is { } text && !Fleets.LabelSelector.TryParse(text, out _, out var fault))
            yield return new($"{target}.memberSelector", fault!);
        if (MaxConcurrency is { } share && !Share.IsValid(share, least: 1))
            yield return new($"{target}.maxConcurrency", "must be a number from 1, such as 10, or a percentage from 1% to 100%");
        if (SortingLabelKey is { } key && !KubernetesNames.IsLabelKey(key))
            yield return new($"{target}.sortingLabelKey", "is not a label's key");
        foreach (var violation in LabelSelector?.Violations($"{target}.labelSelector") ?? [])
            yield return violation;
        foreach (var (task, at, list) in BeforeStageTasks.Select((task, at) => (task, at, "beforeStageTasks")).Concat(AfterStageTasks.Select((task, at) => (task, at, "afterStageTasks"))))
        {
            if (task.Type is StageTaskType.TimedWait != task.WaitSeconds is not null)
                yield return new($"{target}.{list}[{at}].waitSeconds", task.WaitSeconds is null ? "must be given for a TimedWait" : "belongs to a TimedWait");
            else if (task.WaitSeconds is < 1 or > LongestWait)
                yield return new($"{target}.{list}[{at}].waitSeconds", $"must be from 1 to {LongestWait}");
            if (task.Type is StageTaskType.ScheduledStart != task.StartTime is not null)
                yield return new($"{target}.{list}[{at}].startTime", task.StartTime is null ? "must be given for a ScheduledStart" : "belongs to a ScheduledStart");
        }
    }
}

/// <summary>What must be over before a stage begins, or after it before the next one does.</summary>
public sealed record StageTask
{
    public required StageTaskType Type { get; init; }

    /// <summary>Of a TimedWait.</summary>
    public int? WaitSeconds { get; init; }

    /// <summary>Of a ScheduledStart: not before then.</summary>
    public DateTimeOffset? StartTime { get; init; }
}

/// <summary>An Approval is a gate that somebody completes (<c>fleets/gates</c>).</summary>
public enum StageTaskType { Approval, TimedWait, ScheduledStart }

public enum RolloutFailureAction { Stop, Rollback }

/// <summary>NewRevisionAfterRun: the last revision that was rolled out whole, and the new one when the run has succeeded.</summary>
public enum LateJoiner { NewRevisionAfterRun, CurrentRevision, Ignore }

/// <summary>A number of members, or a percentage of them.</summary>
public static partial class Share
{
    public static bool IsValid(string text, int least) =>
        Form().IsMatch(text) && Number(text) is var number && number >= least && (text[^1] != '%' || number <= 100);

    /// <summary>At least 1: how many may be under way.</summary>
    public static int RoundedDown(string text, int all) => Math.Max(1, text[^1] == '%' ? (int)((long)all * Number(text) / 100) : Number(text));

    /// <summary>How many may fail, or must be healthy.</summary>
    public static int RoundedUp(string text, int all) => text[^1] == '%' ? (int)((((long)all * Number(text)) + 99) / 100) : Number(text);

    private static int Number(string text) => int.Parse(text.TrimEnd('%'), CultureInfo.InvariantCulture);

    [GeneratedRegex("^[0-9]{1,7}%?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Form();
}
