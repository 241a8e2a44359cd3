using ControlPlane.Contracts.Arm;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence.Clusters;

namespace ControlPlane.Worker.Clusters;

/// <summary>What was seen of clusters, as it is stored.</summary>
internal static class ObservedClusters
{
    /// <summary>The parameters of <see cref="InventorySql.Seen"/>.</summary>
    /// <param name="again">When a worker looks again; null when an agent reports.</param>
    public static object?[] Columns(TimeSpan? again, IReadOnlyList<(string Key, ObservedCluster Cluster)> seen) =>
    [
        seen.Select(one => one.Key).ToArray(), seen.Select(_ => again?.TotalSeconds).ToArray(), seen.Select(one => one.Cluster.KubernetesVersion).ToArray(), seen.Select(one => one.Cluster.Distribution).ToArray(),
        seen.Select(one => one.Cluster.Nodes).ToArray(), seen.Select(one => one.Cluster.ReadyNodes).ToArray(), seen.Select(one => one.Cluster.Cores).ToArray(), seen.Select(one => one.Cluster.MemoryBytes).ToArray(),
        seen.Select(one => one.Cluster.AllocatableMilliCpu).ToArray(), seen.Select(one => one.Cluster.AllocatableMemoryBytes).ToArray(),
        seen.Select(one => Json.Write(one.Cluster.NodeImages)).ToArray(), seen.Select(one => Json.Write(one.Cluster.AddOns)).ToArray(),
    ];
}
