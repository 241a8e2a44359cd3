using System.Text.Json;

namespace ControlPlane.Kubernetes;

/// <summary>
/// What to do with a node of a cluster that breaks policies, or does so no more. A node that is cordoned for a policy says so in an annotation; one that is cordoned without it is somebody else's
/// business, before and after.
/// </summary>
internal static class NodeCordon
{
    public const string Annotation = "policy.fleet.controlplane.io/cordoned-by";

    private static readonly KubernetesKind Nodes = new("v1", "nodes", IsNamespaced: false);

    /// <summary>Cordons every node of a cluster, or uncordons it when nobody cordons it any more; false when a node has changed meanwhile, so that another look is due.</summary>
    public static async Task<bool> SettleAsync(MemberApi member, IReadOnlyList<string> owners, CancellationToken stop)
    {
        var settled = true;
        foreach (var node in (await member.ListAsync(Nodes, space: null, stop)).GetProperty("items").EnumerateArray())
        {
            if (Decide(node, string.Join(' ', owners)) is { } change)
                settled &= await member.MergeAsync(Nodes, node.GetProperty("metadata").GetProperty("name").GetString()!, change, stop);
        }

        return settled;
    }

    /// <summary>The merge patch of a node that must change, or null. Pure.</summary>
    /// <param name="owners">The assignments for which the nodes of the cluster are cordoned, as the annotation says them; empty when there are none any more.</param>
    public static object? Decide(JsonElement node, string owners)
    {
        var metadata = node.GetProperty("metadata");
        var stamp = metadata.TryGetProperty("annotations", out var annotations) && annotations.ValueKind is JsonValueKind.Object && annotations.TryGetProperty(Annotation, out var given) ? given.GetString() : null;
        var isCordoned = node.TryGetProperty("spec", out var spec) && spec.TryGetProperty("unschedulable", out var unschedulable) && unschedulable.ValueKind is JsonValueKind.True;
        if (owners.Length == 0)
            return stamp is null ? null : Patch(metadata, owners: null);
        var isSomebodyElses = isCordoned && stamp is null;
        return isSomebodyElses || (isCordoned && stamp == owners) ? null : Patch(metadata, owners);
    }

    /// <summary>With the version that was seen: a node that somebody cordons meanwhile is looked at again.</summary>
    private static object Patch(JsonElement metadata, string? owners) => new
    {
        metadata = new { resourceVersion = metadata.GetProperty("resourceVersion").GetString(), annotations = new Dictionary<string, string?>(StringComparer.Ordinal) { [Annotation] = owners } },
        spec = new { unschedulable = owners is null ? (bool?)null : true },
    };
}
