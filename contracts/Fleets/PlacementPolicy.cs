using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.Fleets;

/// <summary>Which members a placement goes to (KubeFleet, PlacementPolicy).</summary>
public sealed record PlacementPolicy
{
    private const int MostFixed = 10_000;
    private const int MostTerms = 10;

    public PlacementType PlacementType { get; init; } = PlacementType.PickAll;

    /// <summary>With PickFixed: the names of the members, at most 10,000.</summary>
    public IReadOnlyList<string> ClusterNames { get; init; } = [];

    /// <summary>With PickN: how many members.</summary>
    public int? NumberOfClusters { get; init; }

    /// <summary>The short form of a selector: <c>env=prod,region in (southeastasia,eastasia),!canary</c>. Both this and the affinity must hold.</summary>
    public string? MemberSelector { get; init; }

    public PlacementAffinity? Affinity { get; init; }

    /// <summary>With PickN: how evenly the members spread over the values of a label.</summary>
    public IReadOnlyList<TopologySpreadConstraint> TopologySpreadConstraints { get; init; } = [];

    public IReadOnlyList<Toleration> Tolerations { get; init; } = [];

    public IEnumerable<Violation> Violations()
    {
        if (PlacementType is PlacementType.PickN && NumberOfClusters is not >= 0)
            yield return new("policy.numberOfClusters", "must be given, and not be negative, when placementType is PickN");
        if (PlacementType is not PlacementType.PickN && NumberOfClusters is not null)
            yield return new("policy.numberOfClusters", "belongs to placementType PickN");
        if (PlacementType is not PlacementType.PickN && TopologySpreadConstraints.Count > 0)
            yield return new("policy.topologySpreadConstraints", "belongs to placementType PickN");
        if (PlacementType is PlacementType.PickFixed != ClusterNames.Count > 0)
            yield return new("policy.clusterNames", PlacementType is PlacementType.PickFixed ? "must name at least one member when placementType is PickFixed" : "belongs to placementType PickFixed");
        if (PlacementType is PlacementType.PickFixed && (MemberSelector is not null || Affinity is not null))
            yield return new("policy.affinity", "does not go with placementType PickFixed, which names its members");
        if (ClusterNames.Count > MostFixed)
            yield return new("policy.clusterNames", $"has more than {MostFixed} entries");
        if (MemberSelector is { } text && !LabelSelector.TryParse(text, out _, out var fault))
            yield return new("policy.memberSelector", fault!);
        var terms = Affinity?.ClusterAffinity?.RequiredDuringSchedulingIgnoredDuringExecution?.ClusterSelectorTerms ?? [];
        if (terms.Count > MostTerms)
            yield return new("policy.affinity.clusterAffinity.requiredDuringSchedulingIgnoredDuringExecution.clusterSelectorTerms", $"has more than {MostTerms} entries");
        foreach (var violation in terms.SelectMany((term, at) => term.Violations($"policy.affinity.clusterAffinity.requiredDuringSchedulingIgnoredDuringExecution.clusterSelectorTerms[{at}]")))
            yield return violation;
        foreach (var (preferred, at) in (Affinity?.ClusterAffinity?.PreferredDuringSchedulingIgnoredDuringExecution ?? []).Select((one, at) => (one, at)))
        {
            var target = $"policy.affinity.clusterAffinity.preferredDuringSchedulingIgnoredDuringExecution[{at}]";
            if (preferred.Weight is < -100 or > 100)
                yield return new($"{target}.weight", "must be from -100 to 100");
            foreach (var violation in preferred.Preference.Violations($"{target}.preference"))
                yield return violation;
        }

        foreach (var (constraint, at) in TopologySpreadConstraints.Select((one, at) => (one, at)))
        {
            if (constraint.MaxSkew < 1)
                yield return new($"policy.topologySpreadConstraints[{at}].maxSkew", "must be at least 1");
            if (!KubernetesNames.IsLabelKey(constraint.TopologyKey))
                yield return new($"policy.topologySpreadConstraints[{at}].topologyKey", "is not a label's key");
        }
    }
}

/// <summary>Every member that is selected, so many of them, or those that are named.</summary>
public enum PlacementType { PickAll, PickN, PickFixed }

public sealed record PlacementAffinity
{
    public ClusterAffinity? ClusterAffinity { get; init; }
}

public sealed record ClusterAffinity
{
    /// <summary>A member must match one of the terms.</summary>
    public ClusterSelector? RequiredDuringSchedulingIgnoredDuringExecution { get; init; }

    /// <summary>With PickN: members that match a term come before others, by weight.</summary>
    public IReadOnlyList<PreferredClusterSelector> PreferredDuringSchedulingIgnoredDuringExecution { get; init; } = [];
}

public sealed record ClusterSelector
{
    public IReadOnlyList<ClusterSelectorTerm> ClusterSelectorTerms { get; init; } = [];
}

/// <summary>Labels and properties; everything in it must hold.</summary>
public sealed record ClusterSelectorTerm
{
    public LabelSelector? LabelSelector { get; init; }
    public PropertySelector? PropertySelector { get; init; }

    /// <summary>In a preference: members with the more, or less, of a property get the more of the weight.</summary>
    public PropertySorter? PropertySorter { get; init; }

    public IEnumerable<Violation> Violations(string target)
    {
        foreach (var violation in LabelSelector?.Violations($"{target}.labelSelector") ?? [])
            yield return violation;
        foreach (var (one, at) in (PropertySelector?.MatchExpressions ?? []).Select((one, at) => (one, at)))
        {
            var counted = one.Operator is not (PropertyOperator.In or PropertyOperator.NotIn or PropertyOperator.Exists);
            if (counted && (one.Values.Count != 1 || !Quantity.TryParse(one.Values[0], out _)))
                yield return new($"{target}.propertySelector.matchExpressions[{at}].values", "must be one quantity, such as 16, 500m or 64Gi");
            else if (one.Operator is PropertyOperator.In or PropertyOperator.NotIn && one.Values.Count == 0)
                yield return new($"{target}.propertySelector.matchExpressions[{at}].values", $"must name at least one value for the operator {one.Operator}");
        }
    }
}

public sealed record PropertySelector
{
    public IReadOnlyList<PropertyRequirement> MatchExpressions { get; init; } = [];
}

/// <summary>A condition on a property of the cluster, such as <c>kubernetes-fleet.io/node-count</c> or <c>resources.kubernetes-fleet.io/available-cpu</c>.</summary>
public sealed record PropertyRequirement
{
    public required string Name { get; init; }
    public required PropertyOperator Operator { get; init; }
    public IReadOnlyList<string> Values { get; init; } = [];

    /// <summary>Whether properties keep it; one that is not there keeps nothing but NotIn. Pure.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> properties)
    {
        if (!properties.TryGetValue(Name, out var value))
            return Operator is PropertyOperator.NotIn;
        if (Operator is PropertyOperator.Exists)
            return true;
        if (Operator is PropertyOperator.In or PropertyOperator.NotIn)
            return Values.Contains(value, StringComparer.Ordinal) == Operator is PropertyOperator.In;
        if (!Quantity.TryParse(value, out var has) || !Quantity.TryParse(Values[0], out var wanted))
            return false;
        return Operator switch
        {
            PropertyOperator.Gt => has > wanted,
            PropertyOperator.Ge => has >= wanted,
            PropertyOperator.Lt => has < wanted,
            PropertyOperator.Le => has <= wanted,
            PropertyOperator.Ne => has != wanted,
            _ => has == wanted,
        };
    }
}

public enum PropertyOperator { Eq, Ne, Gt, Ge, Lt, Le, In, NotIn, Exists }

public sealed record PropertySorter
{
    public required string Name { get; init; }
    public SortOrder SortOrder { get; init; } = SortOrder.Descending;
}

/// <summary>Descending prefers more.</summary>
public enum SortOrder { Ascending, Descending }

public sealed record PreferredClusterSelector
{
    /// <summary>From -100 to 100.</summary>
    public required int Weight { get; init; }

    public required ClusterSelectorTerm Preference { get; init; }
}

public sealed record TopologySpreadConstraint
{
    /// <summary>By how much the fullest and the emptiest value may differ.</summary>
    public int MaxSkew { get; init; } = 1;

    public required string TopologyKey { get; init; }
    public WhenUnsatisfiable WhenUnsatisfiable { get; init; }
}

public enum WhenUnsatisfiable { DoNotSchedule, ScheduleAnyway }
