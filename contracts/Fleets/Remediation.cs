using System.Text.Json;

namespace ControlPlane.Contracts.Fleets;

/// <summary>Which clusters of a fleet to remedy, and how: those that are exposed to a CVE, those that a filter selects, or those of both.</summary>
public sealed record RemediateParameters
{
    /// <example>CVE-2026-12345</example>
    public string? Cve { get; init; }

    /// <summary>As of the fleet's insights: <c>{name} eq|ne '{value}'</c>, joined by and.</summary>
    /// <example>region eq 'southeastasia'</example>
    public string? Filter { get; init; }

    /// <summary>What the clusters shall run. Without it: what the catalogue says the CVE is fixed in.</summary>
    public RemediationTarget? Target { get; init; }

    /// <summary>Stages, as of an update run; without it and without an updateStrategyId there is one stage.</summary>
    public JsonElement? Strategy { get; init; }

    /// <summary>The id of an update strategy of the fleet.</summary>
    public string? UpdateStrategyId { get; init; }

    /// <summary>Without a strategy, how many clusters are updated at once: a number, or a percentage, rounded down but at least 1. Absent: one.</summary>
    /// <example>10%</example>
    public string? MaxConcurrency { get; init; }

    /// <summary>The name of the update run that is made; one is made up when absent.</summary>
    public string? UpdateRunName { get; init; }
}

/// <summary>Either a node image, or an add-on and its version.</summary>
public sealed record RemediationTarget
{
    /// <example>AKSUbuntu-2204gen2containerd-202602.1.0</example>
    public string? NodeImage { get; init; }

    /// <example>secrets-store-csi-driver</example>
    public string? AddOn { get; init; }

    /// <summary>Of the add-on.</summary>
    /// <example>1.4.8</example>
    public string? Version { get; init; }
}
