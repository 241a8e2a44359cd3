using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Deployments;

/// <summary>What a deployment did to one resource (Azure's DeploymentOperation).</summary>
public sealed record DeploymentOperation(string Id, string OperationId, DeploymentOperationProperties Properties);

/// <summary>How far it is.</summary>
public sealed record DeploymentOperationProperties
{
    /// <summary>Create, Delete, or EvaluateDeploymentOutput.</summary>
    public required string ProvisioningOperation { get; init; }

    public required string ProvisioningState { get; init; }
    public required DateTimeOffset Timestamp { get; init; }
    public required string Duration { get; init; }
    public required string StatusCode { get; init; }
    public JsonElement? StatusMessage { get; init; }
    public DeploymentTarget? TargetResource { get; init; }
}

/// <summary>The resource of a deployment operation.</summary>
public sealed record DeploymentTarget(string Id, string ResourceType, string ResourceName);
