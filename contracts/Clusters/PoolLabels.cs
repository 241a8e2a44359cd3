namespace ControlPlane.Contracts.Clusters;

/// <summary>By which the nodes of a pool are known.</summary>
public static class PoolLabels
{
    /// <summary>On machines and their nodes: the name of the pool that has taken them.</summary>
    public const string Pool = "kubernetes.controlplane.io/node-pool";

    /// <summary>As AKS and those who follow it write it.</summary>
    public const string AgentPool = "agentpool";

    /// <summary>Which Cluster API brings from the machine to its node.</summary>
    public const string ClusterApiPool = "node.cluster.x-k8s.io/pool";
}
