using System.Collections.Immutable;
using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.NodePools;

/// <summary>
/// Nodes of a cluster that are alike (<c>connectedClusters/nodePools</c>): virtual ones, which Cluster API makes in the cluster, or physical ones, machines of the same resource group. A cluster may
/// have pools of both kinds.
/// </summary>
public sealed record NodePool : IResource<NodePool, NodePoolStatus>
{
    private const int Most = 1000;
    private const int LongestName = 63;

    public static ResourceType Type { get; } = new("Microsoft.Kubernetes", "connectedClusters/nodePools");

    public static bool IsTracked => false;

    public required NodePoolKind Kind { get; init; }

    /// <summary>How many nodes.</summary>
    public required int Count { get; init; }

    /// <summary>Fewer are refused.</summary>
    public int MinCount { get; init; }

    /// <summary>More are refused.</summary>
    public int MaxCount { get; init; } = Most;

    public IReadOnlyDictionary<string, string> NodeLabels { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>As Azure writes them: <c>key=value:NoSchedule</c>.</summary>
    public IReadOnlyList<string> NodeTaints { get; init; } = [];

    /// <summary>With the kind Virtual.</summary>
    public MachineDeploymentReference? MachineDeployment { get; init; }

    /// <summary>With the kind Physical.</summary>
    public PoolMachines? Machines { get; init; }

    public static IReadOnlyList<ResourceAction> Actions { get; } =
    [
        new("cordon", "Take every node of the pool out of scheduling."),
        new("uncordon", "Put every node of the pool back into scheduling."),
        new("drain", "Cordon every node of the pool and evict its pods, honouring disruption budgets."),
        new("scale", "Change the number of nodes, between minCount and maxCount.", typeof(ScaleParameters)),
    ];

    public static string? WrongName(string name) => name.Length <= LongestName && KubernetesNames.IsLabel(name)
        ? null
        : $"must have at most {LongestName} lower-case letters, digits and hyphens, and begin and end with a letter or digit";

    public static IEnumerable<Violation> Violations(NodePool wanted, NodePool? current)
    {
        if (wanted.MinCount < 0)
            yield return new("minCount", "must not be negative");
        if (wanted.MaxCount < wanted.MinCount || wanted.MaxCount > Most)
            yield return new("maxCount", $"must be at least minCount and at most {Most}");
        if (wanted.Count < wanted.MinCount || wanted.Count > wanted.MaxCount)
            yield return new("count", $"must be between minCount ({wanted.MinCount}) and maxCount ({wanted.MaxCount})");
        foreach (var (key, value) in wanted.NodeLabels)
        {
            if (!KubernetesNames.IsLabelKey(key) || key == PoolLabels.Pool)
                yield return new($"nodeLabels.{key}", key == PoolLabels.Pool ? "is set by the pool itself" : "is not a label's key");
            if (!KubernetesNames.IsLabelValue(value))
                yield return new($"nodeLabels.{key}", "is not a label's value");
        }

        foreach (var (taint, at) in wanted.NodeTaints.Select((taint, at) => (taint, at)))
        {
            if (NodeTaint.Parse(taint) is null)
                yield return new($"nodeTaints[{at}]", "must be key=value:effect with the effect NoSchedule, PreferNoSchedule or NoExecute, such as gpu=true:NoSchedule");
        }

        if (wanted.Kind is NodePoolKind.Virtual && wanted.Machines is not null)
            yield return new("machines", "belongs to the kind Physical");
        if (wanted.Kind is NodePoolKind.Physical && wanted.MachineDeployment is not null)
            yield return new("machineDeployment", "belongs to the kind Virtual");
        if (wanted.Kind is NodePoolKind.Physical && wanted.Machines is null)
            yield return new("machines", "is required with the kind Physical");
        if (wanted.Machines is { MachineIds.Count: 0, Tags.Count: 0 })
            yield return new("machines", "must name machines, by machineIds or by tags");
        if (wanted.Machines is { MachineIds.Count: > Most })
            yield return new("machines.machineIds", $"has more than {Most} entries");
        foreach (var violation in wanted.MachineDeployment?.Violations() ?? [])
            yield return violation;
        if (current is not null && current.Kind != wanted.Kind)
            yield return Violation.Immutable("kind", "create another pool");
    }

    public static IEnumerable<Reference> References(NodePool wanted)
    {
        if (wanted.Machines is not { } machines)
            yield break;
        yield return new("machines.osImageId", machines.OsImageId, OsImage.Type);
        foreach (var (id, at) in machines.MachineIds.Select((id, at) => (id, at)))
            yield return new($"machines.machineIds[{at}]", id, BareMetalMachine.Type);
    }

    /// <summary>Whoever scales a pool of machines provisions machines.</summary>
    public static IEnumerable<RequiredAction> AlsoRequires(ResourceId id, NodePool wanted) =>
        wanted.Kind is NodePoolKind.Physical && id.GroupId is { } group ? [new($"{BareMetalMachine.Type}/write", group.Text)] : [];

    public static ErrorBody? Refuse(ResourceRequest<NodePool, NodePoolStatus> request) =>
        request.Name is "scale" && request.Parameters.TryGetProperty("count", out var given) && given.ValueKind is JsonValueKind.Number && given.TryGetInt32(out var count)
            && (count < request.Current.MinCount || count > request.Current.MaxCount)
            ? new("CountOutOfRange", $"The pool has between {request.Current.MinCount} and {request.Current.MaxCount} nodes; PUT it with another minCount or maxCount first.", "count")
            : null;

    public static TimeSpan TimeLimit(string request) => request is "cordon" or "uncordon" ? TimeSpan.FromMinutes(10) : TimeSpan.FromHours(4);
}

/// <summary>Virtual: Cluster API makes the nodes. Physical: they are machines of this control plane.</summary>
public enum NodePoolKind { Virtual, Physical }

/// <summary>The MachineDeployment (<c>cluster.x-k8s.io/v1beta1</c>) that makes the nodes.</summary>
public sealed record MachineDeploymentReference
{
    private const int LongestLabel = 63;

    /// <summary>Its name; the pool's when absent.</summary>
    public string? Name { get; init; }

    public string Namespace { get; init; } = "default";

    /// <summary>The Kubernetes version of the nodes, such as v1.32.6; as it is when absent.</summary>
    public string? KubernetesVersion { get; init; }

    /// <summary>The node image, as the label kubernetes.azure.com/node-image-version names it; as it is when absent.</summary>
    public string? NodeImageVersion { get; init; }

    /// <summary>The <c>spec</c> of a MachineDeployment, to create one that is not there; a pool that created its MachineDeployment deletes it.</summary>
    public JsonElement? Spec { get; init; }

    public IEnumerable<Violation> Violations()
    {
        if (Name is not null && !KubernetesNames.IsSubdomain(Name))
            yield return new("machineDeployment.name", "must be a DNS-1123 subdomain");
        if (!KubernetesNames.IsLabel(Namespace) || Namespace.Length > LongestLabel)
            yield return new("machineDeployment.namespace", "must be the name of a namespace");
        if (KubernetesVersion is { } version && (version.Length > LongestLabel || version is not ['v', >= '0' and <= '9', ..]))
            yield return new("machineDeployment.kubernetesVersion", "must be a version such as v1.32.6");
        if (NodeImageVersion is { } image && !KubernetesNames.IsLabelValue(image))
            yield return new("machineDeployment.nodeImageVersion", "must be a label's value");
        if (Spec is { ValueKind: not JsonValueKind.Object })
            yield return new("machineDeployment.spec", "must be an object: the spec of a MachineDeployment");
    }
}

/// <summary>The machines that a pool may take, and what it makes of them.</summary>
public sealed record PoolMachines
{
    /// <summary>Machines by their id.</summary>
    public IReadOnlyList<string> MachineIds { get; init; } = [];

    /// <summary>Machines of the cluster's resource group that have all these tags.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The <c>osImages</c> resource to install.</summary>
    public required string OsImageId { get; init; }
}

public sealed record ScaleParameters
{
    public required int Count { get; init; }
}

/// <summary>What the nodes of a pool were last seen to be.</summary>
public sealed record NodePoolStatus
{
    public int? ReadyCount { get; init; }

    /// <summary>With the kind Virtual: the phase of the MachineDeployment, such as Running or ScalingUp.</summary>
    public string? Phase { get; init; }

    public IReadOnlyList<PoolNode>? Nodes { get; init; }

    /// <summary>The taints that the pool has put on its nodes.</summary>
    public IReadOnlyList<string>? AppliedTaints { get; init; }
}

public sealed record PoolNode
{
    public required string Name { get; init; }
    public required bool Ready { get; init; }

    /// <summary>Nothing new is scheduled on it.</summary>
    public bool Cordoned { get; init; }

    /// <summary>Its node image, or else its operating system.</summary>
    public string? Image { get; init; }

    /// <summary>The machine that it is, with the kind Physical.</summary>
    public string? MachineId { get; init; }
}
