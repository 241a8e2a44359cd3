using System.Collections.Immutable;
using System.Text.Json;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Kubernetes;

/// <summary>What a look at a cluster has found.</summary>
internal sealed record ObservedCluster
{
    public required string KubernetesVersion { get; init; }
    public required string Distribution { get; init; }
    public int Nodes { get; init; }
    public int ReadyNodes { get; init; }
    public int Cores { get; init; }
    public long MemoryBytes { get; init; }
    public long AllocatableMilliCpu { get; init; }
    public long AllocatableMemoryBytes { get; init; }
    public IReadOnlyDictionary<string, int> NodeImages { get; init; } = ImmutableSortedDictionary<string, int>.Empty;
    public IReadOnlyDictionary<string, string> AddOns { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>As readers see it.</summary>
    public ClusterInventory Inventory => new() { Distribution = Distribution, ReadyNodeCount = ReadyNodes, MemoryBytes = MemoryBytes, NodeImages = NodeImages, AddOns = AddOns };

    /// <summary>Made of what the cluster answered; pure. What it did not show is as if there were none.</summary>
    public static ObservedCluster Of(string version, IReadOnlyList<JsonElement> nodes, IReadOnlyList<JsonElement> addOns)
    {
        var kubernetes = ObservedNode.Clean(version) ?? "unknown";
        var seen = nodes.Select(ObservedNode.Of).ToList();
        return new()
        {
            KubernetesVersion = kubernetes,
            Distribution = DistributionOf(kubernetes, seen),
            Nodes = seen.Count,
            ReadyNodes = seen.Count(node => node.IsReady),
            Cores = (int)Math.Min(int.MaxValue, seen.Sum(node => node.Capacity.Cpu)),
            MemoryBytes = Whole(seen.Sum(node => node.Capacity.Memory)),
            AllocatableMilliCpu = Whole(seen.Sum(node => node.Allocatable.Cpu) * 1000),
            AllocatableMemoryBytes = Whole(seen.Sum(node => node.Allocatable.Memory)),
            NodeImages = seen.Where(node => node.Image is not null).GroupBy(node => node.Image!, StringComparer.Ordinal).ToImmutableSortedDictionary(image => image.Key, image => image.Count(), StringComparer.Ordinal),
            AddOns = addOns.Select(AddOn).OfType<(string Name, string Version)>().DistinctBy(addOn => addOn.Name, StringComparer.Ordinal).ToImmutableSortedDictionary(addOn => addOn.Name, addOn => addOn.Version, StringComparer.Ordinal),
        };
    }

    /// <summary>By what distributors write into the version, or else into their nodes.</summary>
    private static string DistributionOf(string version, IReadOnlyList<ObservedNode> nodes) =>
        version.Contains("+k3s", StringComparison.Ordinal) ? "k3s"
        : version.Contains("+rke2", StringComparison.Ordinal) ? "rke2"
        : version.Contains("-eks-", StringComparison.Ordinal) ? "eks"
        : version.Contains("-gke.", StringComparison.Ordinal) ? "gke"
        : nodes.Any(node => node.HasLabel("node.openshift.io/os_id")) ? "openshift"
        : nodes.Any(node => node.HasLabel("microk8s.io/cluster")) ? "microk8s"
        : nodes.Any(node => node.HasLabel(ObservedNode.ImageLabel)) ? "aks"
        : "generic";

    /// <summary>A workload of kube-system and its version: what its label says, or else the tag of its first image.</summary>
    private static (string Name, string Version)? AddOn(JsonElement workload)
    {
        var metadata = workload.GetProperty("metadata");
        var name = ObservedNode.Clean(metadata.GetProperty("name").GetString());
        var version = metadata.TryGetProperty("labels", out var labels) && labels.ValueKind is JsonValueKind.Object && labels.TryGetProperty("app.kubernetes.io/version", out var label) ? label.GetString() : ImageTag(workload);
        version = ObservedNode.Clean(version);
        // 1.4.8 and v1.4.8 are the same version.
        if (version is ['v', >= '0' and <= '9', ..])
            version = version[1..];
        return name is null || version is null ? null : (name, version);
    }

    private static string? ImageTag(JsonElement workload)
    {
        if (!workload.TryGetProperty("spec", out var spec) || !spec.TryGetProperty("template", out var template) || !template.TryGetProperty("spec", out var pod)
            || !pod.TryGetProperty("containers", out var containers) || containers.GetArrayLength() == 0 || !containers[0].TryGetProperty("image", out var image))
            return null;
        var reference = image.GetString()!.Split('@')[0];
        var colon = reference.LastIndexOf(':');
        return colon > reference.LastIndexOf('/') ? reference[(colon + 1)..] : null;
    }

    private static long Whole(decimal number) => (long)Math.Clamp(number, 0, long.MaxValue / 2);
}

/// <summary>A node, as the inventory and pools want it.</summary>
internal sealed record ObservedNode
{
    public const string ImageLabel = "kubernetes.azure.com/node-image-version";
    private const int LongestText = 256;

    public required string Name { get; init; }
    public required bool IsReady { get; init; }
    public required bool IsCordoned { get; init; }
    public required string? Image { get; init; }
    public required string? ProviderId { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }
    public required IReadOnlyList<NodeTaint> Taints { get; init; }

    /// <summary>What Cluster API made it for, such as the MachineSet of a MachineDeployment (annotation cluster.x-k8s.io/owner-name).</summary>
    public required string? Owner { get; init; }

    public required (decimal Cpu, decimal Memory) Capacity { get; init; }
    public required (decimal Cpu, decimal Memory) Allocatable { get; init; }

    public bool HasLabel(string key) => Labels.ContainsKey(key);

    public static ObservedNode Of(JsonElement node)
    {
        var metadata = node.GetProperty("metadata");
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        if (metadata.TryGetProperty("labels", out var given) && given.ValueKind is JsonValueKind.Object)
        {
            foreach (var label in given.EnumerateObject())
                labels[label.Name] = label.Value.GetString() ?? "";
        }

        var spec = node.TryGetProperty("spec", out var wanted) ? wanted : default;
        var status = node.TryGetProperty("status", out var seen) ? seen : default;
        return new()
        {
            Name = Clean(metadata.GetProperty("name").GetString()) ?? "",
            IsReady = Member(status, "conditions") is { ValueKind: JsonValueKind.Array } conditions
                && conditions.EnumerateArray().Any(condition => condition.GetProperty("type").GetString() == "Ready" && condition.GetProperty("status").GetString() == "True"),
            IsCordoned = Member(spec, "unschedulable") is { ValueKind: JsonValueKind.True },
            Image = Clean(labels.GetValueOrDefault(ImageLabel) is { Length: > 0 } image ? image : Member(Member(status, "nodeInfo") ?? default, "osImage")?.GetString()),
            ProviderId = Clean(Member(spec, "providerID")?.GetString()),
            Labels = labels,
            Taints = Member(spec, "taints") is { ValueKind: JsonValueKind.Array } taints ? [.. taints.EnumerateArray().Select(Taint)] : [],
            Owner = metadata.TryGetProperty("annotations", out var annotations) ? Member(annotations, "cluster.x-k8s.io/owner-name")?.GetString() : null,
            Capacity = Resources(status, "capacity"),
            Allocatable = Resources(status, "allocatable"),
        };
    }

    /// <summary>Text of somebody else's, fit to be kept: bounded, without control characters; null when nothing is left.</summary>
    public static string? Clean(string? text)
    {
        if (text is null)
            return null;
        var clean = text.Any(char.IsControl) ? string.Concat(text.Where(c => !char.IsControl(c))) : text;
        return clean.Length is 0 ? null : clean.Length > LongestText ? clean[..LongestText] : clean;
    }

    private static (decimal Cpu, decimal Memory) Resources(JsonElement status, string name)
    {
        var resources = Member(status, name) ?? default;
        return (Amount(resources, "cpu"), Amount(resources, "memory"));
    }

    private static decimal Amount(JsonElement resources, string name) =>
        Member(resources, name)?.ToString() is { } text && Quantity.TryParse(text, out var amount) && amount is >= 0 and < 1e18m ? amount : 0;

    private static NodeTaint Taint(JsonElement taint) => new(Member(taint, "key")?.GetString() ?? "", Member(taint, "value")?.GetString() ?? "", Member(taint, "effect")?.GetString() ?? "");

    private static JsonElement? Member(JsonElement from, string name) => from.ValueKind is JsonValueKind.Object && from.TryGetProperty(name, out var member) ? member : null;
}
