using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Deployments;

/// <summary>Incremental leaves alone what the template does not name; Complete deletes it.</summary>
public enum DeploymentMode { Incremental, Complete }

/// <summary>
/// A deployment of a template (Microsoft.Resources/deployments). What is stored in clear is what Azure shows of it; the template and every value go into one sealed
/// document, since any of them may hold a secret.
/// </summary>
public sealed record Deployment : IResource<Deployment, DeploymentStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.Resources", "deployments");
    public static IReadOnlyList<string> ApiVersions => Arm.ApiVersions.Azure;
    public static ResourceScopes Scopes => ResourceScopes.Subscription | ResourceScopes.ResourceGroup;
    public static bool IsTracked => false;
    public static bool HasOwnDoor => true;

    public DeploymentMode Mode { get; init; }

    /// <summary>As given or by default; a secure one without its value.</summary>
    public IReadOnlyDictionary<string, DeploymentValue> Parameters { get; init; } = new Dictionary<string, DeploymentValue>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The same for templates that differ in white space and comments only.</summary>
    public required string TemplateHash { get; init; }

    public required string CorrelationId { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset Timestamp { get; init; }

    /// <summary>The namespaces and types that the template uses.</summary>
    public IReadOnlyList<DeploymentProvider> Providers { get; init; } = [];

    /// <summary>Which of its resources wait for which.</summary>
    public IReadOnlyList<DeploymentDependency> Dependencies { get; init; } = [];

    /// <summary>Template, values and surroundings, as the worker needs them.</summary>
    [Secret]
    public string? Content { get; init; }

    public static IEnumerable<Violation> Violations(Deployment wanted, Deployment? current) => [];

    /// <summary>A new run knows nothing of the one before it.</summary>
    public static DeploymentStatus OnStored(ResourceId id, Deployment wanted, DeploymentStatus status) => new();

    public static string? WrongName(string name) => name.Length > 64 ? "has more than 64 characters" : null;

    public static ErrorBody? Refuse(ResourceRequest<Deployment, DeploymentStatus> request) => request is { Name: "delete", State: ProvisioningState.Accepted or ProvisioningState.Running or ProvisioningState.Updating }
        ? new("DeploymentActive", "The deployment is running; cancel it (POST …/cancel) or wait until it has ended, then delete it.")
        : null;

    public static TimeSpan TimeLimit(string request) => request == "delete" ? TimeSpan.FromMinutes(10) : TimeSpan.FromHours(12);
}

/// <summary>A value with the name of its type: String, SecureString, Int, Bool, Object, SecureObject or Array. A secure one has no value to show.</summary>
public sealed record DeploymentValue(string Type, JsonElement? Value = null);

/// <summary>A namespace that a deployment uses, with its types.</summary>
public sealed record DeploymentProvider(string Namespace, IReadOnlyList<DeploymentResourceType> ResourceTypes);

/// <summary>A type that a deployment uses, and where.</summary>
public sealed record DeploymentResourceType(string ResourceType, IReadOnlyList<string?> Locations);

/// <summary>A resource of a deployment, and those that it waits for.</summary>
public sealed record DeploymentDependency(IReadOnlyList<DeploymentDependency>? DependsOn, string Id, string ResourceType, string ResourceName);

/// <summary>The id of a resource that a deployment wrote.</summary>
public sealed record DeployedResource(string Id);

/// <summary>What has become of a deployment.</summary>
public sealed record DeploymentStatus
{
    /// <summary>How long it took, as ISO 8601 writes it.</summary>
    public string Duration { get; init; } = "PT0S";

    /// <summary>What its outputs were, by name; a secure one without its value.</summary>
    public IReadOnlyDictionary<string, DeploymentValue>? Outputs { get; init; }

    public IReadOnlyList<DeployedResource>? OutputResources { get; init; }

    /// <summary>What would be deployed: only in the answer to validate.</summary>
    public IReadOnlyList<DeployedResource>? ValidatedResources { get; init; }

    public ErrorBody? Error { get; init; }
}
