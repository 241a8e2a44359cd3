namespace ControlPlane.Contracts.Clusters;

/// <summary>How a cluster is connected (Azure Arc, connectivityStatus).</summary>
public enum ClusterConnectivity
{
    /// <summary>Never heard of.</summary>
    Connecting,

    Connected,

    /// <summary>Not heard of for some time.</summary>
    Offline,

    /// <summary>The certificate of its agent has expired: it cannot speak any more.</summary>
    Expired,
}

/// <summary>How a cluster is connected at one time, and until when if nothing is heard of it; null: until something is.</summary>
public sealed record Connectivity(ClusterConnectivity Status, DateTimeOffset? Until)
{
    /// <summary>Pure. A cluster without an agent has no certificate that expires.</summary>
    public static Connectivity Of(DateTimeOffset? lastSeen, DateTimeOffset? agentCertificateExpiresAt, DateTimeOffset now, TimeSpan offlineAfter)
    {
        if (agentCertificateExpiresAt <= now)
            return new(ClusterConnectivity.Expired, Until: null);
        if (lastSeen is not { } seen)
            return new(ClusterConnectivity.Connecting, agentCertificateExpiresAt);
        var offlineAt = seen + offlineAfter;
        return offlineAt <= now ? new(ClusterConnectivity.Offline, agentCertificateExpiresAt)
            : new(ClusterConnectivity.Connected, agentCertificateExpiresAt < offlineAt ? agentCertificateExpiresAt : offlineAt);
    }

    /// <summary>Why nothing new is placed on the cluster, in a word; null when it may be.</summary>
    public string? Unreachable => Status is ClusterConnectivity.Offline or ClusterConnectivity.Expired ? Status.ToString() : null;
}
