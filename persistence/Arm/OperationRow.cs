using ControlPlane.Contracts.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Arm;

/// <summary>A long-running operation: at once the answer to polling, the worker's cursor, its lease, and the outbox entry that wakes it.</summary>
public sealed class OperationRow
{
    public required Guid Id { get; init; }
    public required string ResourceKey { get; init; }
    public required string ResourceId { get; init; }
    public required string ResourceType { get; init; }
    public required string Subscription { get; init; }
    public required string Location { get; init; }

    /// <summary>What was asked: <c>put</c>, <c>delete</c>, or the name of an action.</summary>
    public required string Request { get; init; }

    /// <summary>The parameters of an action, as JSON.</summary>
    public string? Parameters { get; init; }

    public ProvisioningState Status { get; set; } = ProvisioningState.Accepted;
    public required DateTimeOffset StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; set; }
    public required DateTimeOffset DeadlineAt { get; init; }
    public DateTimeOffset? CancelRequestedAt { get; set; }

    /// <summary>The earliest time at which a worker may take it: now, the end of a wait, or the end of a back-off.</summary>
    public DateTimeOffset DueAt { get; set; }

    /// <summary>Grows each time that somebody has news for the operation: a wait that began before the news is no wait.</summary>
    public long Wakes { get; init; }

    /// <summary>The worker process that holds it, for people to read; the epoch decides.</summary>
    public string? LeaseOwner { get; set; }

    /// <summary>Grows with every claim; each later write says <c>where lease_epoch = mine</c>.</summary>
    public long LeaseEpoch { get; set; }

    public DateTimeOffset? LeaseUntil { get; set; }
    public int NextStep { get; set; }
    public int StepCount { get; set; }
    public DateTimeOffset? StepStartedAt { get; set; }

    /// <summary>Failures of the current step so far.</summary>
    public int Attempts { get; set; }

    /// <summary>0 to 100, never falling.</summary>
    public double Percent { get; set; }

    /// <summary><see cref="StepState"/>[] as JSON.</summary>
    public string Steps { get; set; } = "[]";

    /// <summary>What steps remember for later steps of the same operation, as a JSON object.</summary>
    public string Memory { get; set; } = "{}";

    /// <summary><see cref="ErrorBody"/> as JSON.</summary>
    public string? Error { get; set; }

    /// <summary>The answer of an action, as JSON.</summary>
    public string? Result { get; set; }

    public required string Principal { get; init; }

    /// <summary>Application or User: with <see cref="Principal"/> on whose behalf it runs.</summary>
    public string PrincipalType { get; init; } = "Application";

    /// <summary>The <c>x-ms-client-request-id</c> of an action: a repetition of the request finds the operation by it.</summary>
    public string? ClientRequestId { get; init; }

    public required string CorrelationId { get; init; }

    /// <summary>W3C trace context of the request that asked for it.</summary>
    public string? TraceParent { get; init; }
}

internal sealed class OperationRowConfiguration : IEntityTypeConfiguration<OperationRow>
{
    public void Configure(EntityTypeBuilder<OperationRow> row)
    {
        row.ToTable("operations").HasKey(o => o.Id);
        row.Property(o => o.ResourceKey).UseCollation("C");
        row.Property(o => o.Status).HasConversion<string>();
        row.Property(o => o.Parameters).HasColumnType("jsonb");
        row.Property(o => o.Steps).HasColumnType("jsonb");
        row.Property(o => o.Memory).HasColumnType("jsonb");
        row.Property(o => o.Error).HasColumnType("jsonb");
        row.Property(o => o.Result).HasColumnType("jsonb");
        row.HasIndex(o => o.ResourceKey).IsUnique().HasFilter("ended_at is null").HasDatabaseName(ConstraintNames.ActiveOperation);
        row.HasIndex(o => new { o.ResourceKey, o.StartedAt });
        row.HasIndex(o => new { o.ResourceKey, o.Request, o.ClientRequestId }).IsUnique().HasFilter("client_request_id is not null").HasDatabaseName(ConstraintNames.Retry);
        row.HasIndex(o => o.DueAt).HasFilter("ended_at is null");
        row.HasIndex(o => o.EndedAt).HasFilter("ended_at is not null");
    }
}
