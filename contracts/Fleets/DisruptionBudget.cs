using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Fleets;

/// <summary>
/// From how many members a placement may be missing at once (KubeFleet, ClusterResourcePlacementDisruptionBudget). It holds for evictions and for rollouts; a rollback repairs and is not held up
/// by it.
/// </summary>
public sealed record DisruptionBudget
{
    /// <summary>At most so many members may be without it: a number, or a percentage of those that shall have it, rounded up.</summary>
    /// <example>10%</example>
    public string? MaxUnavailable { get; init; }

    /// <summary>At least so many members must have it: a number, or a percentage of those that shall have it, rounded up.</summary>
    public string? MinAvailable { get; init; }

    public IEnumerable<Violation> Violations()
    {
        if (MaxUnavailable is null == MinAvailable is null)
            yield return new("disruptionBudget", "must have either maxUnavailable or minAvailable");
        if (MaxUnavailable is { } most && !Share.IsValid(most, least: 0))
            yield return new("disruptionBudget.maxUnavailable", "must be a number from 0, such as 3, or a percentage from 0% to 100%");
        if (MinAvailable is { } least && !Share.IsValid(least, least: 0))
            yield return new("disruptionBudget.minAvailable", "must be a number from 0, such as 3, or a percentage from 0% to 100%");
    }

    /// <summary>From how many members that have it, it may be taken now; who does not have it is not counted, for nothing is taken from there.</summary>
    /// <param name="expected">How many members shall have it.</param>
    /// <param name="available">How many have it.</param>
    public int Room(int expected, int available)
    {
        var mustStay = MinAvailable is { } least ? Share.RoundedUp(least, expected) : expected - Share.RoundedUp(MaxUnavailable!, expected);
        return Math.Max(0, available - Math.Max(0, mustStay));
    }

    public override string ToString() => MinAvailable is { } least ? $"disruptionBudget.minAvailable {least}" : $"disruptionBudget.maxUnavailable {MaxUnavailable}";
}
