using System.Collections.Immutable;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence.Clusters;

namespace ControlPlane.Worker.Fleets;

/// <summary>What a cluster's inventory says to those who choose among members.</summary>
internal static class MemberFacts
{
    /// <summary>As KubeFleet's property provider names them, and ours. Pure.</summary>
    public static IReadOnlyDictionary<string, string> Of(ClusterInventoryRow row) => row.InventoryAt is null ? ImmutableDictionary<string, string>.Empty : new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [MemberProperties.NodeCount] = $"{row.NodeCount}",
        [MemberProperties.TotalCpu] = $"{row.CoreCount}",
        [MemberProperties.TotalMemory] = $"{row.MemoryBytes}",
        [MemberProperties.AllocatableCpu] = $"{row.AllocatableMilliCpu}m",
        [MemberProperties.AllocatableMemory] = $"{row.AllocatableMemoryBytes}",
        [MemberProperties.Version] = row.KubernetesVersion ?? "",
        [MemberProperties.Distribution] = row.Distribution ?? "",
        // Of several, the one that most nodes run.
        [MemberProperties.NodeImage] = Json.Read<Dictionary<string, int>>(row.NodeImages).OrderByDescending(image => image.Value).Select(image => image.Key).FirstOrDefault() ?? "",
    };
}
