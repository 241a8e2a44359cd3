using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Authorization;

/// <summary>That a principal has a role at a scope and everything below it (Microsoft.Authorization/roleAssignments).</summary>
public sealed record RoleAssignment : IResource<RoleAssignment, RoleAssignmentStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.Authorization", "roleAssignments");
    public static IReadOnlyList<string> ApiVersions { get; } = ["2022-04-01", "2020-10-01-preview", "2020-08-01-preview", "2020-04-01-preview", "2018-09-01-preview", "2018-07-01", "2018-01-01-preview", "2015-07-01"];
    public static ResourceScopes Scopes => ResourceScopes.Tenant | ResourceScopes.Subscription | ResourceScopes.ResourceGroup | ResourceScopes.Resource;
    public static bool IsTracked => false;
    public static bool CompletesOnWrite => true;

    /// <summary>Id of the role: of a built-in one at any scope, or of a custom one as it was created.</summary>
    public required string RoleDefinitionId { get; init; }

    /// <summary>Object id of a user, group or service principal.</summary>
    public required string PrincipalId { get; init; }

    /// <summary>User, Group, ServicePrincipal, ForeignGroup or Device; for people to read.</summary>
    public string? PrincipalType { get; init; }

    public string? Description { get; init; }

    public static string? WrongName(string name) => Guid.TryParseExact(name, "D", out _) ? null : "must be a GUID, such as 7f2d3c1e-0b7a-4f53-9d55-2a1c6f6f0c11";

    public static IEnumerable<Violation> Violations(RoleAssignment wanted, RoleAssignment? current)
    {
        if (wanted.PrincipalId.Length is 0 or > 128 || wanted.PrincipalId.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.')))
            yield return new("principalId", "must be the object id of a principal: 1 to 128 letters, digits, dashes, dots or underscores");
        if (wanted.PrincipalType is not (null or "User" or "Group" or "ServicePrincipal" or "ForeignGroup" or "Device"))
            yield return new("principalType", "must be User, Group, ServicePrincipal, ForeignGroup or Device");
        if (current is not null && (RoleOf(wanted) != RoleOf(current) || !wanted.PrincipalId.Equals(current.PrincipalId, StringComparison.OrdinalIgnoreCase)))
            yield return Violation.Immutable("roleDefinitionId", "an assignment never changes whom it gives what; delete it and create another");
    }

    public static IEnumerable<Reference> References(RoleAssignment wanted) => [new("roleDefinitionId", wanted.RoleDefinitionId, RoleDefinition.Type)];

    /// <summary>At one scope a principal has a role once; the key begins with the principal, which is how its assignments are found.</summary>
    public static string? UniqueKey(ResourceId id, RoleAssignment wanted) => $"{UniquePrefix(wanted.PrincipalId)}{RoleOf(wanted)}|{id.Scope?.Key ?? "/"}";

    /// <summary>What the unique keys of all assignments of a principal begin with.</summary>
    public static string UniquePrefix(string principalId) => $"role:{principalId.ToLowerInvariant()}|";

    public static ErrorBody Taken(string other) => new("RoleAssignmentExists", $"The role assignment already exists: '{other}'.");

    public static RoleAssignmentStatus OnStored(ResourceId id, RoleAssignment wanted, RoleAssignmentStatus status) => new() { Scope = id.Scope?.Text ?? "/" };

    private static string RoleOf(RoleAssignment assignment) => assignment.RoleDefinitionId[(assignment.RoleDefinitionId.LastIndexOf('/') + 1)..].ToLowerInvariant();
}

/// <summary>Where an assignment holds.</summary>
public sealed record RoleAssignmentStatus
{
    public string? Scope { get; init; }
}
