using System.Collections.Immutable;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.Fleets;

/// <summary>A cluster that belongs to a fleet (<c>fleets/members</c>); a cluster belongs to one fleet at most.</summary>
public sealed record FleetMember : IResource<FleetMember, FleetMemberStatus>
{
    private const int MostLabels = 100;

    public static ResourceType Type { get; } = new("Microsoft.ContainerService", "fleets/members");

    public static IReadOnlyList<string> ApiVersions { get; } = FleetApi.Versions;

    public static bool IsTracked => false;

    /// <summary>The id of a <c>Microsoft.Kubernetes/connectedClusters</c>.</summary>
    public required string ClusterResourceId { get; init; }

    /// <summary>The update group that the member is in, by which stages name their members.</summary>
    public string? Group { get; init; }

    /// <summary>What placements and stages select members by.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>What keeps placements away that do not tolerate it (KubeFleet, MemberCluster taints).</summary>
    public IReadOnlyList<Taint> Taints { get; init; } = [];

    public static string? WrongName(string name) => FleetApi.WrongName(name);

    public static IEnumerable<Violation> Violations(FleetMember wanted, FleetMember? current)
    {
        if (wanted.Group is { } group && FleetApi.WrongName(group) is { } wrong)
            yield return new("group", wrong);
        if (wanted.Labels.Count > MostLabels)
            yield return new("labels", $"has more than {MostLabels} entries");
        foreach (var (key, value) in wanted.Labels)
        {
            if (!KubernetesNames.IsLabelKey(key))
                yield return new($"labels.{key}", "is not a label's key: [prefix/]name, where the name has at most 63 letters, digits, '-', '_' and '.'");
            if (!KubernetesNames.IsLabelValue(value))
                yield return new($"labels.{key}", "must be empty or at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit");
            if (MemberLabels.IsReserved(key))
                yield return new($"labels.{key}", $"is set by the fleet itself; names below {MemberLabels.Prefix} are reserved");
        }

        foreach (var (taint, at) in wanted.Taints.Select((taint, at) => (taint, at)))
        {
            if (!KubernetesNames.IsLabelKey(taint.Key))
                yield return new($"taints[{at}].key", "is not a label's key");
            if (!KubernetesNames.IsLabelValue(taint.Value))
                yield return new($"taints[{at}].value", "is not a label's value");
            if (wanted.Taints.Take(at).Any(other => other.Key == taint.Key && other.Effect == taint.Effect))
                yield return new($"taints[{at}]", "repeats the key and the effect of another taint");
        }

        if (current is not null && !wanted.ClusterResourceId.Equals(current.ClusterResourceId, StringComparison.OrdinalIgnoreCase))
            yield return Violation.Immutable("clusterResourceId", "delete the member and create one for the other cluster");
    }

    public static IEnumerable<Reference> References(FleetMember wanted) => [new("clusterResourceId", wanted.ClusterResourceId, ConnectedCluster.Type)];

    public static string? UniqueKey(ResourceId id, FleetMember wanted) => $"member:{wanted.ClusterResourceId.ToLowerInvariant()}";

    public static ErrorBody Taken(string other) => new("ClusterAlreadyJoined", $"The cluster belongs to a fleet already, as '{other}'; delete that member first.");

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromMinutes(15);
}

/// <summary>What the fleet knows of a member.</summary>
public sealed record FleetMemberStatus
{
    /// <summary>Connecting, Connected, Offline or Expired: as its cluster's.</summary>
    public string? ConnectivityStatus { get; init; }
}

/// <summary>Labels that every member has, besides those that somebody gave it.</summary>
public static class MemberLabels
{
    public const string Prefix = "fleet.azure.com/";

    /// <summary>The name of the member.</summary>
    public const string Name = Prefix + "member-name";

    /// <summary>The location of the cluster.</summary>
    public const string Location = Prefix + "location";

    /// <summary>The resource group of the cluster.</summary>
    public const string ResourceGroup = Prefix + "resource-group";

    /// <summary>The update group of the member; absent when it is in none.</summary>
    public const string Group = Prefix + "group";

    public static bool IsReserved(string key) => key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase);
}

/// <summary>Keeps placements away that do not tolerate it.</summary>
public sealed record Taint
{
    public required string Key { get; init; }
    public string Value { get; init; } = "";

    public TaintEffect Effect { get; init; }
}

/// <summary>A taint that a policy has put on a member, for its cluster does not comply; it goes when the cluster does. Its owner is the id of the policy assignment.</summary>
public sealed record PolicyTaint(string Key, string Value, TaintEffect Effect, string Owner)
{
    public const string NonCompliant = "policy.fleet.controlplane.io/noncompliant";
}

/// <summary><see cref="NoSchedule"/> keeps new placements away; <see cref="NoExecute"/> also takes those away that are there.</summary>
public enum TaintEffect { NoSchedule, NoExecute }

/// <summary>Lets a placement on members in spite of a taint (Kubernetes, tolerations).</summary>
public sealed record Toleration
{
    /// <summary>Absent, with the operator Exists, tolerates every taint.</summary>
    public string? Key { get; init; }

    public TolerationOperator Operator { get; init; } = TolerationOperator.Equal;
    public string Value { get; init; } = "";

    /// <summary>Absent tolerates both effects.</summary>
    public TaintEffect? Effect { get; init; }

    /// <summary>Whether this tolerates a taint. Pure.</summary>
    public bool Tolerates(Taint taint) =>
        (Effect is null || Effect == taint.Effect)
        && (Operator is TolerationOperator.Exists ? Key is null || Key == taint.Key : Key == taint.Key && Value == taint.Value);
}

public enum TolerationOperator { Equal, Exists }
