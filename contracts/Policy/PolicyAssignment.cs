using System.Collections.Immutable;
using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Policy;

/// <summary>Puts a definition into force for a subscription, a resource group or a resource, and everything below it.</summary>
public sealed record PolicyAssignment : IResource<PolicyAssignment, PolicyAssignmentStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.Authorization", "policyAssignments");
    public static IReadOnlyList<string> ApiVersions => PolicyApi.Versions;
    public static ResourceScopes Scopes => ResourceScopes.Subscription | ResourceScopes.ResourceGroup | ResourceScopes.Resource;
    public static bool IsTracked => false;
    public static bool CompletesOnWrite => true;
    public static bool AlwaysAnswersCreated => true;

    public string? DisplayName { get; init; }
    public string? Description { get; init; }

    /// <summary>The id of a definition: of the same subscription, or a built-in one, <c>/providers/Microsoft.Authorization/policyDefinitions/{guid}</c>.</summary>
    public required string PolicyDefinitionId { get; init; }

    /// <summary>Ids below the scope to which the assignment does not apply.</summary>
    public IReadOnlyList<string> NotScopes { get; init; } = [];

    /// <summary><c>DoNotEnforce</c> reports who breaks the rule and refuses and changes nothing.</summary>
    public EnforcementMode EnforcementMode { get; init; }

    public IReadOnlyDictionary<string, PolicyParameterValue> Parameters { get; init; } = ImmutableDictionary<string, PolicyParameterValue>.Empty;

    /// <summary>What a refused caller is told; the first one counts.</summary>
    public IReadOnlyList<NonComplianceMessage> NonComplianceMessages { get; init; } = [];

    public JsonElement? Metadata { get; init; }

    public static IEnumerable<Violation> Violations(PolicyAssignment wanted, PolicyAssignment? current)
    {
        if (!ResourceId.TryParse(wanted.PolicyDefinitionId, out var definition) || definition.Type != PolicyDefinition.Type)
            yield return new("policyDefinitionId", "must be the id of a policy definition, such as /subscriptions/{id}/providers/Microsoft.Authorization/policyDefinitions/{name}");
        if (wanted.NotScopes.Count > 400)
            yield return new("notScopes", "has more than 400 entries");
        foreach (var (scope, at) in wanted.NotScopes.Select((one, at) => (one, at)))
        {
            if (!ResourceId.TryParse(scope, out _))
                yield return new($"notScopes[{at}]", "must be the id of a resource group or a resource");
        }
    }

    public static IEnumerable<Reference> References(PolicyAssignment wanted) => [new("policyDefinitionId", wanted.PolicyDefinitionId, PolicyDefinition.Type)];

    public static PolicyAssignmentStatus OnStored(ResourceId id, PolicyAssignment wanted, PolicyAssignmentStatus status) => new() { Scope = id.Scope?.Text };
}

/// <summary>Where an assignment holds; az lists by it.</summary>
public sealed record PolicyAssignmentStatus
{
    public string? Scope { get; init; }
}

/// <summary>Whether an assignment has any effect besides reporting.</summary>
public enum EnforcementMode { Default, DoNotEnforce }

/// <summary>The value of a parameter.</summary>
public sealed record PolicyParameterValue(JsonElement Value);

/// <summary>What a refused caller is told.</summary>
public sealed record NonComplianceMessage
{
    public required string Message { get; init; }
    public string? PolicyDefinitionReferenceId { get; init; }
}
