using System.Text.Json.Serialization;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Authorization;

/// <summary>A role: which actions it allows, and at which scopes it may be assigned (Microsoft.Authorization/roleDefinitions).</summary>
public sealed record RoleDefinition : IResource<RoleDefinition, NoStatus>
{
    public const string BuiltInRole = "BuiltInRole";
    public const string CustomRole = "CustomRole";

    public static ResourceType Type { get; } = new("Microsoft.Authorization", "roleDefinitions");
    public static IReadOnlyList<string> ApiVersions { get; } = ["2022-04-01", "2022-05-01-preview", "2018-01-01-preview", "2018-07-01", "2015-07-01"];
    public static ResourceScopes Scopes => ResourceScopes.Tenant | ResourceScopes.Subscription | ResourceScopes.ResourceGroup | ResourceScopes.Resource;
    public static bool IsTracked => false;
    public static bool CompletesOnWrite => true;
    public static bool AlwaysAnswersCreated => true;
    public static IReadOnlyDictionary<string, RoleDefinition> BuiltIns => BuiltInRoles.ByName;

    /// <summary>What people call it; 1 to 512 characters.</summary>
    /// <example>Image Reader</example>
    public required string RoleName { get; init; }

    public string? Description { get; init; }

    /// <summary><see cref="CustomRole"/>; <see cref="BuiltInRole"/> for those that every tenant has.</summary>
    [JsonPropertyName("type")]
    public string Kind { get; init; } = CustomRole;

    public required IReadOnlyList<RolePermissions> Permissions { get; init; }

    /// <summary>Subscriptions, resource groups or resources; <c>/</c> is everywhere. A caller must be allowed to write roles at each.</summary>
    public required IReadOnlyList<string> AssignableScopes { get; init; }

    public static string? WrongName(string name) => Guid.TryParseExact(name, "D", out _) ? null : "must be a GUID, such as 7f2d3c1e-0b7a-4f53-9d55-2a1c6f6f0c11";

    public static IEnumerable<Violation> Violations(RoleDefinition wanted, RoleDefinition? current)
    {
        if (wanted.RoleName.Length is 0 or > 512)
            yield return new("roleName", "must have 1 to 512 characters");
        if (wanted.Kind is not CustomRole)
            yield return new("type", $"must be {CustomRole}; built-in roles come with the control plane");
        if (wanted.Permissions.Count is 0 or > 16)
            yield return new("permissions", "must have 1 to 16 entries");
        foreach (var (pattern, target) in wanted.Permissions.SelectMany((permission, at) => permission.All.Select(entry => (entry.Pattern, Target: $"permissions[{at}].{entry.Member}"))))
        {
            if (pattern != "*" && (pattern.Length > 512 || !pattern.Contains('/', StringComparison.Ordinal) || pattern.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('/' or '*' or '.' or '-' or '_' or '$'))))
                yield return new(target, $"holds '{pattern}'; an action reads like ControlPlane.BareMetal/racks/write and may have * in place of any part");
        }

        if (wanted.Permissions.Sum(permission => permission.All.Count()) > 2048)
            yield return new("permissions", "must have at most 2048 actions in all");
        if (wanted.AssignableScopes.Count is 0 or > 100)
            yield return new("assignableScopes", "must have 1 to 100 entries");
        foreach (var scope in wanted.AssignableScopes.Where(scope => scope != "/" && !ResourceId.TryParse(scope, out _)))
            yield return new("assignableScopes", $"holds '{scope}'; a scope is / or the id of a subscription, resource group or resource");
    }

    /// <summary>Whoever defines a role could otherwise reach further than they may.</summary>
    public static IEnumerable<RequiredAction> AlsoRequires(ResourceId id, RoleDefinition wanted) => wanted.AssignableScopes.Select(scope => new RequiredAction($"{Type}/write", scope));
}

/// <summary>What a role allows: actions less notActions on resources, dataActions less notDataActions on what is in them; <c>*</c> stands for any text.</summary>
public sealed record RolePermissions
{
    public IReadOnlyList<string> Actions { get; init; } = [];
    public IReadOnlyList<string> NotActions { get; init; } = [];
    public IReadOnlyList<string> DataActions { get; init; } = [];
    public IReadOnlyList<string> NotDataActions { get; init; } = [];

    /// <summary>Every pattern with the member that it stands in.</summary>
    [JsonIgnore]
    public IEnumerable<(string Pattern, string Member)> All =>
        Actions.Select(pattern => (pattern, "actions")).Concat(NotActions.Select(pattern => (pattern, "notActions")))
            .Concat(DataActions.Select(pattern => (pattern, "dataActions"))).Concat(NotDataActions.Select(pattern => (pattern, "notDataActions")));
}
