using System.Text.Json;

namespace ControlPlane.Contracts.Arm;

/// <summary>Where a resource or an operation stands. No non-terminal name contains "fail" or "succeeded": JavaScript clients match by substring.</summary>
public enum ProvisioningState { Accepted, Running, Updating, Deleting, Succeeded, Failed, Canceled }

public static class ProvisioningStates
{
    public static bool IsTerminal(this ProvisioningState state) =>
        state is ProvisioningState.Succeeded or ProvisioningState.Failed or ProvisioningState.Canceled;
}

/// <summary>A resource as a client reads it; <c>properties</c> are those of the type followed by its status and <c>provisioningState</c>.</summary>
public sealed record ResourceRead
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string Type { get; init; }
    public string? Location { get; init; }
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
    public string? Etag { get; init; }
    public SystemData? SystemData { get; init; }
    public JsonElement Properties { get; init; }
}

/// <summary>Who made and who last changed a resource (ARM common type <c>systemData</c>).</summary>
public sealed record SystemData(
    string CreatedBy, string CreatedByType, DateTimeOffset CreatedAt, string LastModifiedBy, string LastModifiedByType, DateTimeOffset LastModifiedAt);

/// <summary>The body behind an <c>Azure-AsyncOperation</c> URL (ARM RPC, asynchronous operations).</summary>
public sealed record OperationStatus
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string Status { get; init; }
    public string? ResourceId { get; init; }
    public required DateTimeOffset StartTime { get; init; }
    public DateTimeOffset? EndTime { get; init; }

    /// <summary>0 to 100, never falling.</summary>
    public required double PercentComplete { get; init; }

    /// <summary>Every step so far, in order.</summary>
    public IReadOnlyList<StepState> Steps { get; init; } = [];

    /// <summary>Only when Succeeded.</summary>
    public JsonElement? Properties { get; init; }

    /// <summary>Always when Failed or Canceled.</summary>
    public ErrorBody? Error { get; init; }
}

/// <summary>One step of an operation as shown to people (the shape of Azure Operator Nexus' <c>stepStates[]</c>).</summary>
public sealed record StepState
{
    public required string StepName { get; init; }
    public required string Status { get; init; }
    public required DateTimeOffset StartTime { get; init; }
    public DateTimeOffset? EndTime { get; init; }
    public string? Message { get; init; }
}

/// <summary>ARM's error: a code to branch on, a message to read, the JSON path at fault, and every fault when there are several.</summary>
public sealed record ErrorBody(string Code, string Message, string? Target = null, IReadOnlyList<ErrorBody>? Details = null, IReadOnlyList<ErrorInfo>? AdditionalInfo = null);

/// <summary>Evidence that belongs to an error, such as what a machine said last.</summary>
public sealed record ErrorInfo(string Type, JsonElement Info);

public sealed record ErrorResponse(ErrorBody Error);

/// <summary>"Something is due": a hint and nothing more. Losing, repeating or reordering it changes nothing, for the operations' rows are the truth.</summary>
/// <param name="Interrupted">An operation that was canceled or superseded, for the worker that has it in hand.</param>
public sealed record OperationDue(Guid? Interrupted);
