using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Clusters;

/// <summary>
/// A Kubernetes cluster: machines join it, and fleets place objects on it. The control plane reaches it at its API server (Push), or an agent in it reaches the control plane (Pull), as it must
/// behind a NAT.
/// </summary>
public sealed record ConnectedCluster : IResource<ConnectedCluster, ConnectedClusterStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.Kubernetes", "connectedClusters");

    /// <summary>Our own version first; 2021-10-01 is what @azure/arm-hybridkubernetes sends.</summary>
    public static IReadOnlyList<string> ApiVersions { get; } = [.. Arm.ApiVersions.Own, "2024-01-01", "2021-10-01"];

    /// <summary>Who reaches whom.</summary>
    public ClusterAccess Access { get; init; }

    /// <summary>Address of the API server, such as <c>https://10.0.0.10:6443</c>; with the access Push it must be given.</summary>
    /// <example>https://10.0.0.10:6443</example>
    public Uri? ApiServer { get; init; }

    /// <summary>PEM of the cluster's CA; the system's CAs when absent.</summary>
    public string? CaCertificate { get; init; }

    /// <summary>With the access Push.</summary>
    public ClusterCredentials? Credentials { get; init; }

    public static IEnumerable<Violation> Violations(ConnectedCluster wanted, ConnectedCluster? current)
    {
        if (wanted.Access is ClusterAccess.Push != wanted.ApiServer is not null)
            yield return new("apiServer", wanted.ApiServer is null ? "is required with the access Push" : "belongs to the access Push");
        else if (wanted.ApiServer is { } server && (!server.IsAbsoluteUri || server.Scheme != Uri.UriSchemeHttps))
            yield return new("apiServer", "must be an https address, such as https://10.0.0.10:6443");
        if (wanted.CaCertificate is { } pem && !pem.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal))
            yield return new("caCertificate", "must be a PEM certificate (-----BEGIN CERTIFICATE-----)");
        if (wanted.Access is ClusterAccess.Push && string.IsNullOrEmpty(wanted.Credentials?.Token) && current?.Access is not ClusterAccess.Push)
            yield return new("credentials.token", "is required when the cluster is created");
        if (wanted.Access is ClusterAccess.Pull && wanted.Credentials is not null)
            yield return new("credentials", "belongs to the access Push");
    }

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromMinutes(10);
}

/// <summary>Push: the control plane calls the cluster's API server. Pull: an agent in the cluster calls the control plane.</summary>
public enum ClusterAccess { Push, Pull }

/// <summary>A bearer token of a service account in the cluster.</summary>
public sealed record ClusterCredentials
{
    /// <example>eyJhbGciOi...</example>
    [Secret]
    public string? Token { get; init; }
}

/// <summary>What the cluster said when it was last asked.</summary>
public sealed record ConnectedClusterStatus
{
    public string? KubernetesVersion { get; init; }
    public string? ConnectivityStatus { get; init; }
    public DateTimeOffset? LastConnectivityTime { get; init; }
}
