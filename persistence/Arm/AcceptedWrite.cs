using ControlPlane.Contracts.Arm;

namespace ControlPlane.Persistence.Arm;

/// <summary>A write to one resource that has passed every check which needs no lock: what is to be stored, and the operation that will carry it out.</summary>
public sealed record AcceptedWrite
{
    public required ResourceId Id { get; init; }

    /// <summary>The version that the decision was made on; null when the resource must not exist yet.</summary>
    public required long? ExpectedVersion { get; init; }

    public string? Location { get; init; }
    public string Tags { get; init; } = "{}";
    public string Properties { get; init; } = "{}";

    /// <summary>What is known of it as soon as it is stored; null leaves the status as it is.</summary>
    public string? Status { get; init; }

    /// <summary>An extension resource: it goes with what it stands below.</summary>
    public bool Extends { get; init; }
    public required ProvisioningState State { get; init; }
    public string? UniqueKey { get; init; }
    public string? ManagedBy { get; init; }

    /// <summary>Facts that no other resource may claim; null leaves those that the resource has.</summary>
    public IReadOnlyList<string>? Claims { get; init; }

    /// <summary>Write-only properties by path, to be sealed.</summary>
    public IReadOnlyDictionary<string, string> Secrets { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Keys of the resources that the properties name.</summary>
    public IReadOnlyList<string> References { get; init; } = [];

    public QuotaDemand? Quota { get; init; }
    public NewOperation? Operation { get; init; }

    /// <summary>End the resource's running operation as Canceled first: what DELETE does.</summary>
    public bool Supersede { get; init; }

    /// <summary>With <see cref="ProvisioningState.Deleting"/>: delete it here and now, without an operation.</summary>
    public bool Gone { get; init; }

    /// <summary>Such as <c>ControlPlane.BareMetal/racks/write</c>.</summary>
    public required string Action { get; init; }

    public required Caller Caller { get; init; }
}

/// <summary>The operation that a write starts.</summary>
/// <param name="ClientRequestId">The <c>x-ms-client-request-id</c> of an action: asking again with the same one is a retry and starts nothing.</param>
public sealed record NewOperation(Guid Id, string Request, string Location, TimeSpan TimeLimit, string? Parameters = null, string? TraceParent = null, string? ClientRequestId = null);

/// <summary>Who asks: the principal's object id, User or Application, and the correlation id of the request.</summary>
public sealed record Caller(string Principal, string PrincipalType, string CorrelationId);

/// <summary>What became of an attempt to store a write.</summary>
public abstract record AcceptOutcome
{
    public sealed record Accepted(long Version, DateTimeOffset CreatedAt, string CreatedBy, string CreatedByType, DateTimeOffset ModifiedAt, Guid? Superseded) : AcceptOutcome;

    /// <summary>Somebody else wrote first: read again and decide again.</summary>
    public sealed record Changed : AcceptOutcome;

    /// <summary>Another operation of the resource is active.</summary>
    public sealed record Busy(Guid Operation) : AcceptOutcome;

    /// <summary>The parent is gone.</summary>
    public sealed record ParentGone : AcceptOutcome;

    /// <summary>A resource that the properties name is gone or going.</summary>
    public sealed record ReferenceGone : AcceptOutcome;

    /// <summary>It cannot be deleted: another resource names it.</summary>
    public sealed record Referenced(string ResourceId) : AcceptOutcome;

    /// <summary>Another resource claims the same fact about the outside world.</summary>
    public sealed record Taken(string ResourceId) : AcceptOutcome;

    public sealed record QuotaExceeded(string Family, int Limit, int Used, int Wanted) : AcceptOutcome;
}
