using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>How a cluster is known and reached.</summary>
internal sealed record ClusterIdentity
{
    public required string Name { get; init; }

    /// <summary>Base address of the API server.</summary>
    public required string Server { get; init; }

    /// <summary>Kubernetes version, such as <c>v1.32.6</c>.</summary>
    public required string Version { get; init; }

    /// <summary>May do anything.</summary>
    public required string AdminToken { get; init; }

    /// <summary>May read everything but secrets; null = there is no reader.</summary>
    public string? ReaderToken { get; init; }

    public required string CaPem { get; init; }

    /// <summary>Signs the certificates of joining nodes; null = no machine joins this cluster.</summary>
    public CertificateAuthority? NodeAuthority { get; init; }
}
