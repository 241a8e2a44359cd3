namespace ControlPlane.Contracts.Authorization;

/// <summary>The roles that every tenant has. The first four are Azure's own, under Azure's names; the others are for the people and programs this control plane is made for.</summary>
public static class BuiltInRoles
{
    public const string Owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
    public const string Contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c";
    public const string Reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
    public const string UserAccessAdministrator = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9";
    public const string BareMetalOperator = "5b7d2d0e-61a1-4c6f-9c38-3b5e0f1a7c01";
    public const string FleetOperator = "5b7d2d0e-61a1-4c6f-9c38-3b5e0f1a7c02";
    public const string RayJobSubmitter = "5b7d2d0e-61a1-4c6f-9c38-3b5e0f1a7c03";
    public const string ModelOwner = "5b7d2d0e-61a1-4c6f-9c38-3b5e0f1a7c04";
    public const string ModelInvoker = "5b7d2d0e-61a1-4c6f-9c38-3b5e0f1a7c05";

    /// <summary>What everybody who works with resources needs besides the resources themselves.</summary>
    private static readonly string[] Surroundings =
    [
        "Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Resources/deployments/*", "Microsoft.Insights/eventtypes/*/read", "Microsoft.Authorization/*/read",
        "Microsoft.Quota/*/read", "Microsoft.ResourceGraph/*/read",
    ];

    public static IReadOnlyDictionary<string, RoleDefinition> ByName { get; } = new Dictionary<string, RoleDefinition>(StringComparer.OrdinalIgnoreCase)
    {
        [Owner] = Role("Owner", "Everything, and who else may.", new() { Actions = ["*"], DataActions = ["*"] }),
        [Contributor] = Role("Contributor", "Everything but deciding who else may.", new()
        {
            Actions = ["*"],
            NotActions =
            [
                "Microsoft.Authorization/*/write", "Microsoft.Authorization/*/delete", "Microsoft.Authorization/*/action",
                "ControlPlane.Identity/*/write", "ControlPlane.Identity/*/delete", "ControlPlane.Identity/*/action", "Microsoft.Resources/subscriptions/write",
            ],
        }),
        [Reader] = Role("Reader", "Sees everything, changes nothing.", new() { Actions = ["*/read"] }),
        [UserAccessAdministrator] = Role("User Access Administrator", "Sees everything and decides who may do what.", new() { Actions = ["*/read", "Microsoft.Authorization/*"] }),
        [BareMetalOperator] = Role("Bare Metal Operator", "Provisions machines and racks and joins them to clusters.",
            new() { Actions = ["ControlPlane.BareMetal/*", "Microsoft.Kubernetes/connectedClusters/read", .. Surroundings] }),
        [FleetOperator] = Role("Fleet Operator", "Connects clusters, places workloads on them and rolls them out.",
            new() { Actions = ["Microsoft.ContainerService/fleets/*", "Microsoft.Kubernetes/*", "Microsoft.PolicyInsights/*", .. Surroundings] }),
        [RayJobSubmitter] = Role("Ray Job Submitter", "Submits Ray jobs to a workspace and follows them.",
            new() { Actions = ["ControlPlane.Ray/workspaces/read", "ControlPlane.Ray/workspaces/jobs/*"], DataActions = ["ControlPlane.Ray/workspaces/jobs/*"] }),
        [ModelOwner] = Role("Model Owner", "Puts models into service, rolls them out and calls them.",
            new() { Actions = ["ControlPlane.Serving/*", .. Surroundings], DataActions = ["ControlPlane.Serving/*"] }),
        [ModelInvoker] = Role("Model Invoker", "Calls models that are in service.",
            new() { Actions = ["ControlPlane.Serving/modelServingRuntimes/read"], DataActions = ["ControlPlane.Serving/modelServingRuntimes/invoke/action"] }),
    };

    private static RoleDefinition Role(string name, string description, RolePermissions permissions) =>
        new() { RoleName = name, Description = description, Kind = RoleDefinition.BuiltInRole, Permissions = [permissions], AssignableScopes = ["/"] };
}
