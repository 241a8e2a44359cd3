using System.Collections.Immutable;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Clusters;

/// <summary>
/// A Kubernetes cluster: machines join it, and fleets place objects on it. The control plane reaches it at its API server (Push), or an agent in it reaches the control plane (Pull), as it must
/// behind a NAT.
/// </summary>
public sealed record ConnectedCluster : IResource<ConnectedCluster, ConnectedClusterStatus>
{
    private const int LongestKey = 16 * 1024;
    private const int LongestName = 100;
    private readonly ClusterAccess? access;

    public static ResourceType Type { get; } = new("Microsoft.Kubernetes", "connectedClusters");

    /// <summary>Our own version first; 2021-10-01 is what @azure/arm-hybridkubernetes sends.</summary>
    public static IReadOnlyList<string> ApiVersions { get; } = [.. Arm.ApiVersions.Own, "2024-01-01", "2021-10-01"];

    /// <summary>Azure's clients must send one; here a cluster's agent has a certificate of its own.</summary>
    public static IReadOnlyList<string> IgnoredMembers { get; } = ["identity"];

    /// <summary>Who reaches whom. When absent: Pull for a cluster that Azure's clients describe (an agentPublicKeyCertificate, and neither an API server nor credentials), Push for every other.</summary>
    public ClusterAccess Access
    {
        get => access ?? (AgentPublicKeyCertificate is not null && ApiServer is null && Credentials is null ? ClusterAccess.Pull : ClusterAccess.Push);
        init => access = value;
    }

    /// <summary>Address of the API server, such as <c>https://10.0.0.10:6443</c>; with the access Push it must be given, unless there is a kubeconfig.</summary>
    /// <example>https://10.0.0.10:6443</example>
    public Uri? ApiServer { get; init; }

    /// <summary>PEM of the cluster's CA; the system's CAs when absent.</summary>
    public string? CaCertificate { get; init; }

    /// <summary>With the access Push.</summary>
    public ClusterCredentials? Credentials { get; init; }

    /// <summary>Azure's: the public key by which its agent is known. It is kept and shown.</summary>
    public string? AgentPublicKeyCertificate { get; init; }

    /// <summary>What somebody says that the cluster runs, such as k3s; what it was seen to run is in the inventory.</summary>
    public string? Distribution { get; init; }

    /// <summary>What somebody says that the cluster runs on, such as azure_stack_hci.</summary>
    public string? Infrastructure { get; init; }

    public static IEnumerable<Violation> Violations(ConnectedCluster wanted, ConnectedCluster? current)
    {
        foreach (var violation in wanted.Access is ClusterAccess.Push ? PushViolations(wanted, current) : PullViolations(wanted))
            yield return violation;
        if (wanted.AgentPublicKeyCertificate is { Length: > LongestKey })
            yield return new("agentPublicKeyCertificate", $"has more than {LongestKey} characters");
        if (wanted.Distribution is { Length: > LongestName })
            yield return new("distribution", $"has more than {LongestName} characters");
        if (wanted.Infrastructure is { Length: > LongestName })
            yield return new("infrastructure", $"has more than {LongestName} characters");
    }

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromMinutes(10);

    private static IEnumerable<Violation> PushViolations(ConnectedCluster wanted, ConnectedCluster? current)
    {
        if (wanted.Credentials?.Kubeconfig is { } kubeconfig)
        {
            if (Kubeconfig.Parse(kubeconfig, out var fault) is null)
                yield return new("credentials.kubeconfig", fault);
            (string Target, bool IsGiven)[] others = [("apiServer", wanted.ApiServer is not null), ("caCertificate", wanted.CaCertificate is not null), ("credentials.token", wanted.Credentials.Token is not null)];
            foreach (var (target, _) in others.Where(other => other.IsGiven))
                yield return new(target, "does not go with credentials.kubeconfig, which says the same");

            yield break;
        }

        // Without one in the body, a cluster that was given by its kubeconfig keeps it.
        var keepsKubeconfig = wanted.ApiServer is null && current is { Access: ClusterAccess.Push, ApiServer: null };
        if (wanted.ApiServer is null && !keepsKubeconfig)
            yield return new("apiServer", "is required with the access Push, or else credentials.kubeconfig");
        else if (wanted.ApiServer is { } server && (!server.IsAbsoluteUri || server.Scheme != Uri.UriSchemeHttps))
            yield return new("apiServer", "must be an https address, such as https://10.0.0.10:6443");
        if (wanted.CaCertificate is { } pem && !Kubeconfig.IsCertificate(pem))
            yield return new("caCertificate", "must be a PEM certificate (-----BEGIN CERTIFICATE-----)");
        if (keepsKubeconfig && wanted.Credentials?.Token is not null)
            yield return new("credentials.token", "belongs to apiServer, and the cluster was given by its kubeconfig");
        else if (!keepsKubeconfig && string.IsNullOrEmpty(wanted.Credentials?.Token) && current is not { Access: ClusterAccess.Push, ApiServer: not null })
            yield return new("credentials.token", "is required when the cluster is created");
        else if (wanted.Credentials?.Token is { Length: > 0 } token && !Kubeconfig.IsToken(token))
            yield return new("credentials.token", "must be a bearer token: letters, digits and punctuation, without spaces or line breaks");
    }

    private static IEnumerable<Violation> PullViolations(ConnectedCluster wanted)
    {
        if (wanted.ApiServer is not null)
            yield return new("apiServer", "belongs to the access Push");
        if (wanted.CaCertificate is not null)
            yield return new("caCertificate", "belongs to the access Push");
        if (wanted.Credentials is not null)
            yield return new("credentials", "belongs to the access Push");
    }
}

/// <summary>Push: the control plane calls the cluster's API server. Pull: an agent in the cluster calls the control plane.</summary>
public enum ClusterAccess { Push, Pull }

/// <summary>How the control plane is known to the cluster: a bearer token, or all that kubectl uses.</summary>
public sealed record ClusterCredentials
{
    /// <summary>A bearer token of a service account in the cluster, with apiServer.</summary>
    /// <example>eyJhbGciOi...</example>
    [Secret]
    public string? Token { get; init; }

    /// <summary>A kubeconfig as kubectl takes it, instead of apiServer, caCertificate and token: its current context, with everything embedded (<c>kubectl config view --raw --minify --flatten</c>).</summary>
    [Secret]
    public string? Kubeconfig { get; init; }
}

/// <summary>What the cluster was last seen to be.</summary>
public sealed record ConnectedClusterStatus
{
    public string? KubernetesVersion { get; init; }
    public int? TotalNodeCount { get; init; }

    /// <summary>Whole cores of all nodes.</summary>
    public int? TotalCoreCount { get; init; }

    /// <summary>With the access Pull: the version of the agent in the cluster.</summary>
    public string? AgentVersion { get; init; }

    /// <summary>Connecting until the cluster is heard of for the first time; Offline when it has not been for 15 minutes; Expired when its agent's certificate is.</summary>
    public ClusterConnectivity? ConnectivityStatus { get; init; }

    /// <summary>When the cluster was last heard of; while it is Connected, this is at most as old as it takes to be Offline.</summary>
    public DateTimeOffset? LastConnectivityTime { get; init; }

    /// <summary>With the access Pull: until when the certificate of the agent is valid.</summary>
    public DateTimeOffset? ManagedIdentityCertificateExpirationTime { get; init; }

    public ClusterInventory? Inventory { get; init; }

    /// <summary>Why the cluster cannot be reached or looked at, as of the last attempt.</summary>
    public string? ConnectivityMessage { get; init; }
}

/// <summary>What is in the cluster.</summary>
public sealed record ClusterInventory
{
    /// <summary>Such as k3s or aks; generic when nothing gives it away.</summary>
    public string? Distribution { get; init; }

    public int ReadyNodeCount { get; init; }
    public long MemoryBytes { get; init; }

    /// <summary>How many nodes run each node image.</summary>
    public IReadOnlyDictionary<string, int> NodeImages { get; init; } = ImmutableDictionary<string, int>.Empty;

    /// <summary>The version of each add-on: of what runs in kube-system.</summary>
    public IReadOnlyDictionary<string, string> AddOns { get; init; } = ImmutableDictionary<string, string>.Empty;
}
