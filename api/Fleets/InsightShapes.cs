using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Api.Fleets;

/// <summary>The scorecard of a fleet.</summary>
internal sealed record InsightsShown(string Id, string Name, string Type, InsightsProperties Properties);

internal sealed record InsightsProperties
{
    public required DateTimeOffset At { get; init; }

    /// <summary>Costs are of the days from here until now.</summary>
    public required DateTimeOffset CostsSince { get; init; }

    /// <summary>All clusters that the filter selects, each once.</summary>
    public required FleetScorecard Total { get; init; }

    public string? GroupBy { get; init; }

    /// <summary>The largest first; a cluster with several node images is in the group of each.</summary>
    public IReadOnlyList<InsightGroup>? Groups { get; init; }

    /// <summary>Smaller groups that are left out.</summary>
    public int? RemainingGroups { get; init; }
}

/// <summary>Clusters with the same value of what they are grouped by; those without one have an empty value.</summary>
internal sealed record InsightGroup(string Value, FleetScorecard Scorecard);

/// <summary>A cluster of a fleet with all that is known of it.</summary>
internal sealed record InsightCluster(string Id, string Name, string Type, InsightClusterProperties Properties);

internal sealed record InsightClusterProperties
{
    public required string MemberId { get; init; }
    public required string ClusterId { get; init; }
    public required string? Region { get; init; }
    public required string ConnectivityStatus { get; init; }
    public string? KubernetesVersion { get; init; }
    public required int NodeCount { get; init; }

    /// <summary>How many nodes run each image.</summary>
    public required IReadOnlyDictionary<string, int> NodeImages { get; init; }

    /// <summary>The version of each add-on.</summary>
    public required IReadOnlyDictionary<string, string> AddOns { get; init; }

    public required IReadOnlyDictionary<string, string> Labels { get; init; }

    /// <summary>Compliant, NonCompliant or NotJudged.</summary>
    public required string ComplianceState { get; init; }

    /// <summary>The vulnerabilities that it is exposed to.</summary>
    public required IReadOnlyList<string> Cves { get; init; }

    /// <summary>Taints of policies that it breaks.</summary>
    public required IReadOnlyList<PolicyTaint> PolicyTaints { get; init; }

    /// <summary>Since when its nodes are cordoned for that.</summary>
    public DateTimeOffset? CordonedAt { get; init; }
}

/// <summary>One number of the scorecard over the last 30 days, oldest first.</summary>
internal sealed record InsightHistory(string Metric, IReadOnlyList<InsightPoint> Points);

/// <summary>What the number last was in the hour or day that begins at the time.</summary>
internal sealed record InsightPoint(DateTimeOffset At, decimal Value, string? Currency);
