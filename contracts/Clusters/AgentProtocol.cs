namespace ControlPlane.Contracts.Clusters;

/// <summary>How an agent in a cluster and the front door speak (docs/agent.md).</summary>
public static class AgentProtocol
{
    /// <summary>Below which all of it is.</summary>
    public const string Path = "/agent/v1";

    /// <summary>Authorization: Onboarding {token}.</summary>
    public const string OnboardingScheme = "Onboarding";

    /// <summary>Authorization: AgentJwt {token}, signed with the key of the agent's certificate, which is in its header (RFC 7515, x5c).</summary>
    public const string AgentScheme = "AgentJwt";

    /// <summary>For whom an agent's tokens are.</summary>
    public const string Audience = "controlplane-agents";

    /// <summary>The longest that such a token may live.</summary>
    public static readonly TimeSpan LongestToken = TimeSpan.FromMinutes(5);

    /// <summary>The longest that a request for work may wait.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(55);
}

/// <summary>What an agent sends to register or to renew; the first time with an onboarding token, afterwards with its present certificate.</summary>
public sealed record AgentRegistration
{
    /// <summary>PKCS #10 in PEM, of a P-256 key. Only the key counts; who the agent is the front door knows.</summary>
    public required string CertificateSigningRequest { get; init; }

    public string? AgentVersion { get; init; }
}

/// <summary>By what an agent is known from now on.</summary>
public sealed record AgentCredentials
{
    /// <summary>The key of the cluster: its id in lower case.</summary>
    public required string Cluster { get; init; }

    /// <summary>PEM; the certificate before it is refused as soon as this one was used.</summary>
    public required string Certificate { get; init; }

    /// <summary>Counts the registrations of the cluster's agent: one with a smaller number is refused.</summary>
    public required int Epoch { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>PEM of the authorities of the front door's own certificate, where it does not have one that everybody trusts.</summary>
    public string? EndpointCertificateAuthority { get; init; }
}

/// <summary>What an agent saw of its cluster.</summary>
public sealed record AgentInventory
{
    /// <summary>Such as v1.32.6.</summary>
    public required string KubernetesVersion { get; init; }

    /// <summary>Such as k3s or aks; absent when nothing says it.</summary>
    public string? Distribution { get; init; }

    public required int NodeCount { get; init; }
    public required int ReadyNodeCount { get; init; }
    public required int CoreCount { get; init; }
    public required long MemoryBytes { get; init; }

    /// <summary>What pods may use of all nodes, in thousandths of a core.</summary>
    public required long AllocatableMilliCpu { get; init; }

    public required long AllocatableMemoryBytes { get; init; }

    /// <summary>How many nodes run each node image.</summary>
    public required IReadOnlyDictionary<string, int> NodeImages { get; init; }

    /// <summary>The version of each add-on.</summary>
    public required IReadOnlyDictionary<string, string> AddOns { get; init; }
}
