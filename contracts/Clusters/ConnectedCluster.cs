using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Clusters;

/// <summary>A Kubernetes cluster that machines join, known by its API server and a credential that may create bootstrap tokens and read nodes.</summary>
public sealed record ConnectedCluster : IResource<ConnectedCluster, ConnectedClusterStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.Kubernetes", "connectedClusters");

    /// <summary>Our own version first; 2021-10-01 is what @azure/arm-hybridkubernetes sends.</summary>
    public static IReadOnlyList<string> ApiVersions { get; } = [.. Arm.ApiVersions.Own, "2024-01-01", "2021-10-01"];

    /// <summary>Address of the API server, such as <c>https://10.0.0.10:6443</c>.</summary>
    /// <example>https://10.0.0.10:6443</example>
    public required Uri ApiServer { get; init; }

    /// <summary>PEM of the cluster's CA; the system's CAs when absent.</summary>
    public string? CaCertificate { get; init; }

    public required ClusterCredentials Credentials { get; init; }

    public static IEnumerable<Violation> Violations(ConnectedCluster wanted, ConnectedCluster? current)
    {
        if (!wanted.ApiServer.IsAbsoluteUri || wanted.ApiServer.Scheme != Uri.UriSchemeHttps)
            yield return new("apiServer", "must be an https address, such as https://10.0.0.10:6443");
        if (wanted.CaCertificate is { } pem && !pem.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal))
            yield return new("caCertificate", "must be a PEM certificate (-----BEGIN CERTIFICATE-----)");
        if (string.IsNullOrEmpty(wanted.Credentials.Token) && current is null)
            yield return new("credentials.token", "is required when the cluster is created");
    }

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromMinutes(10);
}

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
