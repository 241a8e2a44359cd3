using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Fleets;

/// <summary>
/// Takes a placement from one member (KubeFleet, ClusterResourcePlacementEviction). A PUT tries it once: the placement's budget allows it or it fails. As long as one that was executed is there,
/// the placement stays away from the member; deleting it lets the placement come back.
/// </summary>
public sealed record PlacementEviction : IResource<PlacementEviction, EvictionStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.ContainerService", "fleets/clusterResourcePlacements/evictions");

    public static bool IsTracked => false;

    /// <summary>The name of the member of the fleet.</summary>
    /// <example>store-0007</example>
    public required string ClusterName { get; init; }

    public static string? WrongName(string name) => FleetApi.WrongName(name);

    public static IEnumerable<Violation> Violations(PlacementEviction wanted, PlacementEviction? current)
    {
        if (FleetApi.WrongName(wanted.ClusterName) is not null)
            yield return new("clusterName", "must be the name of a member of the fleet");
        if (current is not null && !wanted.ClusterName.Equals(current.ClusterName, StringComparison.OrdinalIgnoreCase))
            yield return Violation.Immutable("clusterName", "delete the eviction and create one for the other member");
    }

    public static ErrorBody? RefuseBelow(string parent) => Json.Read<ClusterResourcePlacement>(parent).Policy.PlacementType is PlacementType.PickFixed
        ? new("PlacementNotEvictable", "A placement of the type PickFixed names its members; take the member out of policy.clusterNames instead of evicting it.")
        : null;

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromMinutes(15);
}

/// <summary>What became of an eviction.</summary>
public sealed record EvictionStatus
{
    /// <summary>Valid: there is something to evict. Executed: it was; else why not.</summary>
    public IReadOnlyList<Condition>? Conditions { get; init; }
}
