namespace ControlPlane.Contracts.Fleets;

/// <summary>How a set of clusters stands: what they are and run, whether what is placed on them is available, what they cost, whether they keep the policies, and to what they are exposed.</summary>
public sealed record FleetScorecard
{
    public required ClusterNumbers Clusters { get; init; }

    /// <summary>The most frequent first, as in all lists here.</summary>
    public required IReadOnlyList<VersionCount> KubernetesVersions { get; init; }

    public required IReadOnlyList<NodeImageCount> NodeImages { get; init; }
    public required IReadOnlyList<AddOnCount> AddOns { get; init; }
    public required PlacementNumbers Placements { get; init; }

    /// <summary>Of the last 30 days.</summary>
    public required IReadOnlyList<CostLine> Cost { get; init; }

    public required ComplianceNumbers Compliance { get; init; }

    /// <summary>Clusters that are exposed to any vulnerability.</summary>
    public int ExposedClusters { get; init; }

    public required IReadOnlyList<ExposureCount> Vulnerabilities { get; init; }
}

/// <summary>How many clusters there are, and what they have together.</summary>
public sealed record ClusterNumbers
{
    public int Total { get; init; }
    public int Connected { get; init; }
    public int Connecting { get; init; }
    public int Offline { get; init; }
    public int Expired { get; init; }
    public long Nodes { get; init; }
    public long Cores { get; init; }
    public long MemoryBytes { get; init; }
}

/// <summary>Clusters of a Kubernetes version; the version is absent where it was never seen.</summary>
public sealed record VersionCount(string? Version, int Clusters, long Nodes);

/// <summary>Clusters with nodes of an image, and those nodes.</summary>
public sealed record NodeImageCount(string Image, int Clusters, long Nodes);

/// <summary>Clusters with a version of an add-on.</summary>
public sealed record AddOnCount(string Name, string Version, int Clusters);

/// <summary>Placements on clusters, one for each cluster that a placement is on.</summary>
public sealed record PlacementNumbers
{
    public int Available { get; init; }
    public int Progressing { get; init; }
    public int Failed { get; init; }
    public int Offline { get; init; }
    public int Pending { get; init; }
    public int Removing { get; init; }
}

/// <summary>What was metered, and what it costs by the price sheets; the cost is absent when no price fits, for not priced is not free.</summary>
public sealed record CostLine(string Meter, string Product, decimal Quantity, string UnitOfMeasure, string? Currency, decimal? Cost, string? Note);

/// <summary>Whether the clusters keep the policies that are assigned to them.</summary>
public sealed record ComplianceNumbers
{
    public int Compliant { get; init; }
    public int NonCompliant { get; init; }

    /// <summary>No policy has anything to say of them, or they were not judged yet.</summary>
    public int NotJudged { get; init; }

    /// <summary>Have a taint of a policy that they break.</summary>
    public int Cordoned { get; init; }
}

/// <summary>How many clusters are exposed to a vulnerability, by the image that carries it and by region; and how many nodes run such an image, all of a cluster's where an add-on carries it.</summary>
public sealed record ExposureCount(string Cve, VulnerabilitySeverity Severity, int Clusters, long Nodes, IReadOnlyList<ValueCount> ByImage, IReadOnlyList<ValueCount> ByRegion);

/// <summary>How many clusters have a value.</summary>
public sealed record ValueCount(string Value, int Clusters);
