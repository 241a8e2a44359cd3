namespace ControlPlane.Contracts.Fleets;

/// <summary>Properties that every member has once its cluster was looked at; the first ones under KubeFleet's names.</summary>
public static class MemberProperties
{
    public const string NodeCount = "kubernetes-fleet.io/node-count";
    public const string TotalCpu = "resources.kubernetes-fleet.io/total-cpu";
    public const string TotalMemory = "resources.kubernetes-fleet.io/total-memory";
    public const string AllocatableCpu = "resources.kubernetes-fleet.io/allocatable-cpu";
    public const string AllocatableMemory = "resources.kubernetes-fleet.io/allocatable-memory";

    /// <summary>Such as v1.32.6.</summary>
    public const string Version = "kubernetes.controlplane.io/version";

    /// <summary>Such as k3s.</summary>
    public const string Distribution = "kubernetes.controlplane.io/distribution";

    /// <summary>The image that most of its nodes run.</summary>
    public const string NodeImage = "kubernetes.controlplane.io/node-image";
}
