using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>A table of Azure Resource Graph: which types of stored resources it shows.</summary>
internal sealed record KqlTable(string Name, Func<RegisteredType, bool> Shows)
{
    private static readonly string[] Roles = ["roleAssignments", "roleDefinitions"];
    private static readonly string[] Policies = ["policyAssignments", "policyDefinitions"];

    public static IReadOnlyList<KqlTable> All { get; } =
    [
        new("resources", type => type.IsTracked && type.Type != ResourceType.ResourceGroup),
        new("resourcecontainers", type => type.Type == ResourceType.Subscription || type.Type == ResourceType.ResourceGroup),
        new("authorizationresources", type => type.Type.Provider == "Microsoft.Authorization" && Roles.Contains(type.Type.Name, StringComparer.Ordinal)),
        new("policyresources", type => type.Type.Provider == "Microsoft.Authorization" && Policies.Contains(type.Type.Name, StringComparer.Ordinal)),
    ];

    /// <summary>The columns of every table, as Azure names them. What this control plane does not have is empty.</summary>
    public static IReadOnlyList<KqlSql> Columns { get; } =
    [
        new("id", KqlKind.Text, "id"),
        new("name", KqlKind.Text, "name"),
        new("case type when 'Microsoft.Resources/resourceGroups' then 'microsoft.resources/subscriptions/resourcegroups' else lower(type) end", KqlKind.Text, "type"),
        new("''", KqlKind.Text, "tenantId"),
        new("''", KqlKind.Text, "kind"),
        new("coalesce(location, '')", KqlKind.Text, "location"),
        new("coalesce(resource_group, '')", KqlKind.Text, "resourceGroup"),
        new("subscription", KqlKind.Text, "subscriptionId"),
        new("coalesce(managed_by, '')", KqlKind.Text, "managedBy"),
        new("null::jsonb", KqlKind.Dynamic, "sku"),
        new("null::jsonb", KqlKind.Dynamic, "plan"),
        new("(properties || status || jsonb_build_object('provisioningState', state))", KqlKind.Dynamic, "properties"),
        new("tags", KqlKind.Dynamic, "tags"),
        new("null::jsonb", KqlKind.Dynamic, "identity"),
        new("null::jsonb", KqlKind.Dynamic, "zones"),
        new("null::jsonb", KqlKind.Dynamic, "extendedLocation"),
        new("jsonb_build_object('createdBy', created_by, 'createdByType', created_by_type, 'createdAt', created_at, 'lastModifiedBy', modified_by, 'lastModifiedByType', modified_by_type, 'lastModifiedAt', modified_at)", KqlKind.Dynamic, "systemData"),
    ];
}
