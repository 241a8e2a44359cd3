using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Admission.Fleets;

/// <summary>The numbers of a scorecard that are kept over time.</summary>
internal static class InsightMetrics
{
    /// <summary>In the currencies in which there are any.</summary>
    public const string Cost = "cost";

    private static readonly Dictionary<string, Func<FleetScorecard, decimal>> Numbers = new(StringComparer.OrdinalIgnoreCase)
    {
        ["clusters"] = card => card.Clusters.Total,
        ["connectedClusters"] = card => card.Clusters.Connected,
        ["offlineClusters"] = card => card.Clusters.Offline,
        ["nodes"] = card => card.Clusters.Nodes,
        ["cores"] = card => card.Clusters.Cores,
        ["availablePlacements"] = card => card.Placements.Available,
        ["progressingPlacements"] = card => card.Placements.Progressing,
        ["failedPlacements"] = card => card.Placements.Failed,
        ["compliantClusters"] = card => card.Compliance.Compliant,
        ["nonCompliantClusters"] = card => card.Compliance.NonCompliant,
        ["cordonedClusters"] = card => card.Compliance.Cordoned,
        ["exposedClusters"] = card => card.ExposedClusters,
        ["nodeHours"] = card => card.Cost.Sum(line => line.Quantity),
    };

    public static IReadOnlyList<string> Names { get; } = [.. Numbers.Keys, Cost];

    /// <summary>Each metric of a scorecard. Pure.</summary>
    public static IEnumerable<(string Metric, string Currency, decimal Value)> Of(FleetScorecard card) =>
        Numbers.Select(number => (number.Key, "", number.Value(card))).Concat(card.Cost.Where(line => line.Currency is not null).Select(line => (Cost, line.Currency!, line.Cost ?? 0)));
}
