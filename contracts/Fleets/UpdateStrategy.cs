using System.Globalization;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Fleets;

/// <summary>In which order update runs go through a fleet (<c>fleets/updateStrategies</c>). A run keeps the strategy as it was when the run was written.</summary>
public sealed record UpdateStrategy : IResource<UpdateStrategy, NoStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.ContainerService", "fleets/updateStrategies");

    public static IReadOnlyList<string> ApiVersions { get; } = FleetApi.Versions;

    public static bool IsTracked => false;

    public static bool CompletesOnWrite => true;

    public required UpdateRunStrategy Strategy { get; init; }

    public static string? WrongName(string name) => FleetApi.WrongName(name);

    public static IEnumerable<Violation> Violations(UpdateStrategy wanted, UpdateStrategy? current) => wanted.Strategy.Violations("strategy");
}

/// <summary>Stages, one after the other.</summary>
public sealed record UpdateRunStrategy
{
    private const int MostStages = 50;

    public required IReadOnlyList<UpdateStage> Stages { get; init; }

    public IEnumerable<Violation> Violations(string target)
    {
        if (Stages.Count is 0 or > MostStages)
            yield return new($"{target}.stages", $"must have 1 to {MostStages} entries");
        foreach (var (stage, at) in Stages.Select((stage, at) => (stage, at)))
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"{target}.stages[{at}]");
            if (Stages.Take(at).Any(other => other.Name == stage.Name))
                yield return new($"{path}.name", "is the name of another stage");
            foreach (var (group, number) in stage.Groups.Select((group, number) => (group, number)))
            {
                if (Stages.Take(at).SelectMany(other => other.Groups).Concat(stage.Groups.Take(number)).Any(other => other.Name == group.Name))
                    yield return new($"{path}.groups[{number}].name", "is in the strategy already; a member is updated once");
            }

            foreach (var violation in stage.Violations(path))
                yield return violation;
        }
    }
}

/// <summary>Update groups whose members are updated at the same time; the next stage begins when all of them are done.</summary>
public sealed record UpdateStage
{
    private const int MostGroups = 50;
    private const int LongestWait = 90 * 86_400;

    public required string Name { get; init; }

    public IReadOnlyList<UpdateGroup> Groups { get; init; } = [];

    /// <summary>How long to wait before the next stage begins.</summary>
    public int AfterStageWaitInSeconds { get; init; }

    /// <summary>How many members of the stage are updated at once, over all of its groups: a number, or a percentage, rounded down but at least 1. Absent: as many as its groups allow.</summary>
    /// <example>50%</example>
    public string? MaxConcurrency { get; init; }

    public IReadOnlyList<GateConfiguration> BeforeGates { get; init; } = [];
    public IReadOnlyList<GateConfiguration> AfterGates { get; init; } = [];

    public IEnumerable<Violation> Violations(string target)
    {
        if (FleetApi.WrongName(Name) is { } wrong)
            yield return new($"{target}.name", wrong);
        if (AfterStageWaitInSeconds is < 0 or > LongestWait)
            yield return new($"{target}.afterStageWaitInSeconds", $"must be from 0 to {LongestWait}");
        if (Groups.Count is 0 or > MostGroups)
            yield return new($"{target}.groups", $"must have 1 to {MostGroups} entries");
        foreach (var violation in UpdateGroup.PaceViolations(target, MaxConcurrency, BeforeGates, AfterGates))
            yield return violation;
        foreach (var violation in Groups.SelectMany((group, at) => group.Violations($"{target}.groups[{at}]")))
            yield return violation;
    }
}

/// <summary>The members whose <c>group</c> is this one.</summary>
public sealed record UpdateGroup
{
    public required string Name { get; init; }

    /// <summary>How many members of the group are updated at once: a number, or a percentage, rounded down but at least 1. Absent: one.</summary>
    /// <example>1</example>
    public string? MaxConcurrency { get; init; }

    public IReadOnlyList<GateConfiguration> BeforeGates { get; init; } = [];
    public IReadOnlyList<GateConfiguration> AfterGates { get; init; } = [];

    public IEnumerable<Violation> Violations(string target) =>
        [.. FleetApi.WrongName(Name) is { } wrong ? [new Violation($"{target}.name", wrong)] : Array.Empty<Violation>(), .. PaceViolations(target, MaxConcurrency, BeforeGates, AfterGates)];

    internal static IEnumerable<Violation> PaceViolations(string target, string? concurrency, IReadOnlyList<GateConfiguration> before, IReadOnlyList<GateConfiguration> after)
    {
        if (concurrency is not null && !Share.IsValid(concurrency, least: 1))
            yield return new($"{target}.maxConcurrency", "must be a number from 1, such as 3, or a percentage from 1% to 100%");
        if (before.Count > 1)
            yield return new($"{target}.beforeGates", "has more than one entry");
        if (after.Count > 1)
            yield return new($"{target}.afterGates", "has more than one entry");
        foreach (var (gate, path) in before.Select((gate, at) => (gate, $"beforeGates[{at}]")).Concat(after.Select((gate, at) => (gate, $"afterGates[{at}]"))))
        {
            if (gate.DisplayName?.Length > GateConfiguration.LongestName)
                yield return new($"{target}.{path}.displayName", $"has more than {GateConfiguration.LongestName} characters");
        }
    }
}

/// <summary>A gate that is made when a run comes to it.</summary>
public sealed record GateConfiguration
{
    internal const int LongestName = 100;

    public string? DisplayName { get; init; }

    public required GateType Type { get; init; }
}
