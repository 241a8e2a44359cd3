using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.Fleets;

/// <summary>A set of connected clusters that are configured and updated together (Azure Kubernetes Fleet Manager, <c>Microsoft.ContainerService/fleets</c>). It costs nothing by itself and has no hub cluster.</summary>
public sealed record Fleet : IResource<Fleet, NoStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.ContainerService", "fleets");

    public static IReadOnlyList<string> ApiVersions { get; } = FleetApi.Versions;

    public static IReadOnlyList<ResourceAction> Actions { get; } =
        [new("remediate", "Start a staged update run of exactly the clusters that are exposed to a CVE or that a filter selects.", typeof(RemediateParameters))];

    public static IEnumerable<Violation> Violations(Fleet wanted, Fleet? current) => [];

    public static ErrorBody? Refuse(ResourceRequest<Fleet, NoStatus> request)
    {
        if (request.Name != "remediate" || request.Parameters.ValueKind is not JsonValueKind.Object)
            return null;
        var parameters = request.Parameters.Deserialize<RemediateParameters>(Json.Options)!;
        if (string.IsNullOrEmpty(parameters.Cve) && string.IsNullOrEmpty(parameters.Filter))
            return new("NothingToRemediate", "Say which clusters are meant, by 'cve', by 'filter' or by both.", "cve");
        if (parameters.MaxConcurrency is { } share && (!Share.IsValid(share, least: 1) || parameters.Strategy is not null || parameters.UpdateStrategyId is not null))
            return new("WrongMaxConcurrency", "'maxConcurrency' must be a number from 1, such as 3, or a percentage from 1% to 100%, and belongs to a remediation without a strategy.", "maxConcurrency");
        if (parameters.Target is { } target && string.IsNullOrEmpty(target.NodeImage) == (string.IsNullOrEmpty(target.AddOn) || string.IsNullOrEmpty(target.Version)))
            return new("WrongRemediationTarget", "'target' must have either nodeImage, or addOn and version.", "target");
        return parameters.Target is null && string.IsNullOrEmpty(parameters.Cve) ? new("WrongRemediationTarget", "'target' is required without a CVE, whose fixed version it is otherwise.", "target") : null;
    }

    public static string? WrongName(string name) => FleetApi.WrongName(name);

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromHours(3);
}

/// <summary>What all types of a fleet have in common.</summary>
internal static class FleetApi
{
    private const int LongestName = 50;

    /// <summary>Our own version first; the others are what @azure/arm-containerservicefleet and az send.</summary>
    public static IReadOnlyList<string> Versions { get; } = [.. ApiVersions.Own, "2025-03-01", "2024-04-01", "2023-10-15"];

    /// <summary>Azure's own rule for fleets and what is below them: <c>^[a-z0-9]([-a-z0-9]*[a-z0-9])?$</c>, at most 50 characters.</summary>
    public static string? WrongName(string name) => name.Length <= LongestName && KubernetesNames.IsLabel(name)
        ? null
        : $"must have at most {LongestName} lower-case letters, digits and hyphens, and begin and end with a letter or digit";
}
