using System.Text.Json;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Deployments;

namespace ControlPlane.Api.Deployments;

/// <summary>What the routes of deployments are that the generic verbs do not have. <paramref name="suffix"/> tells the scopes apart in the OpenAPI document.</summary>
internal sealed class DeploymentRoutes(string suffix)
{
    private const string Permissions = "Microsoft.Resources/deployments";
    private static readonly Type Shape = typeof(ResourceOf<Deployment, DeploymentStatus>);

    public ArmRoute Put => new($"Deployments_CreateOrUpdate{suffix}", $"{Permissions}/write", "Deploy a template, which may also be YAML.")
    {
        Body = typeof(JsonElement),
        Answers = [new(200, "Deploying again.", Shape), new(201, "Deploying.", Shape)],
        FinalStateVia = "azure-async-operation",
    };

    public ArmRoute Validate => new($"Deployments_Validate{suffix}", $"{Permissions}/validate/action", "Everything that is wrong with a deployment, without deploying.") { Body = typeof(JsonElement), Answers = [new(200, "Nothing is.", Shape)] };

    public ArmRoute WhatIf => new($"Deployments_WhatIf{suffix}", $"{Permissions}/whatIf/action", "What a deployment would change, resource by resource.") { Body = typeof(JsonElement), Answers = [new(200, "The changes.", typeof(WhatIfResult))] };

    public ArmRoute Cancel => new($"Deployments_Cancel{suffix}", $"{Permissions}/cancel/action", "Start nothing more; what has been started goes on.") { Answers = [new(204, "It ends as Canceled.")] };

    public ArmRoute Export => new($"Deployments_ExportTemplate{suffix}", $"{Permissions}/exportTemplate/action", "The template that was deployed.") { Answers = [new(200, "The template.", typeof(ExportedTemplate))] };

    public ArmRoute Operations => new($"DeploymentOperations_List{suffix}", $"{Permissions}/operations/read", "What the latest run has done, resource by resource.")
    {
        Query = [new("$top", "At most so many.")],
        Answers = [new(200, "The operations.", typeof(Page<DeploymentOperation>))],
    };

    public ArmRoute Operation => new($"DeploymentOperations_Get{suffix}", $"{Permissions}/operations/read", "What the latest run has done to one resource.") { Answers = [new(200, "The operation.", typeof(DeploymentOperation))] };

    public static ArmRoute Hash => new("Deployments_CalculateTemplateHash", Action: null, "The hash of a template.") { Body = typeof(JsonElement), Answers = [new(200, "The hash.", typeof(TemplateHashResult))] };
}
