using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Fleets;

/// <summary>An update run; what is wanted of it is in its resource.</summary>
public sealed class UpdateRunRow
{
    public long Id { get; init; }
    public required string ResourceKey { get; init; }
    public required string FleetKey { get; init; }

    /// <summary>The strategy as it was when the run was written: an <see cref="UpdateRunStrategy"/>; null when all members are updated one by one.</summary>
    public string? Strategy { get; init; }

    /// <summary>How it goes on; Paused stands for stopping, and for stopped once it has ended.</summary>
    public required RolloutState State { get; set; }

    /// <summary>The stage that is under way, from 0.</summary>
    public int Stage { get; set; }

    public StagePhase Phase { get; set; }
    public DateTimeOffset PhaseSince { get; set; }

    /// <summary>Node images that were chosen when the run started.</summary>
    public required string[] NodeImages { get; set; }

    /// <summary>What was skipped, such as <c>Stage/canary</c>.</summary>
    public required string[] Skips { get; set; }

    public string? ErrorCode { get; set; }
    public string? Error { get; set; }

    /// <summary>Null until somebody starts it.</summary>
    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Its status in the resource may be behind.</summary>
    public bool StatusDue { get; set; }
}

/// <summary>A stage that has begun.</summary>
public sealed class UpdateRunStageRow
{
    public required long RunId { get; init; }
    public required int Stage { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When the last of its members was done, and the wait began.</summary>
    public DateTimeOffset? WaitingSince { get; set; }

    public DateTimeOffset? EndedAt { get; set; }
}

/// <summary>One member in an update run. It is claimed for one look at a time; every write of the claimant says which claim it is of.</summary>
public sealed class UpdateRunMemberRow
{
    public required long RunId { get; init; }
    public required int MemberId { get; init; }
    public required int Stage { get; init; }

    /// <summary>The place of its group in the stage, from 0.</summary>
    public required int GroupIndex { get; init; }

    /// <summary>Its place in the run.</summary>
    public required int Ordinal { get; init; }

    /// <summary>Name and cluster are kept, for a member may leave the fleet.</summary>
    public required string Name { get; init; }

    public required string ClusterId { get; init; }

    public RolloutMemberState State { get; set; }

    /// <summary>Names the update of this member; the same for every look.</summary>
    public required Guid OperationId { get; init; }

    /// <summary>When to look at it next; null when nothing is to be done.</summary>
    public DateTimeOffset? DueAt { get; set; }

    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>Counts the claims.</summary>
    public int Epoch { get; set; }

    /// <summary>Looks in a row that did not reach it.</summary>
    public int Attempts { get; set; }

    public DateTimeOffset? StartedAt { get; set; }
    public DateTimeOffset? EndedAt { get; set; }
    public string? Message { get; set; }
}

/// <summary>A gate at which a run waits: of an update run, or of the rollout run of a placement.</summary>
public sealed class FleetGateRow
{
    public required Guid Id { get; init; }
    public required string FleetKey { get; init; }
    public long? UpdateRunId { get; init; }
    public long? RolloutRunId { get; init; }
    public required int Stage { get; init; }
    public required string StageName { get; init; }

    /// <summary>Empty for a gate of the stage itself.</summary>
    public required string GroupName { get; init; }

    public required GateTiming Timing { get; init; }
    public string? DisplayName { get; init; }
    public GateState State { get; set; }

    /// <summary>Counts the changes: the ETag.</summary>
    public long Version { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? ChangedAt { get; set; }

    /// <summary>The principal who completed it.</summary>
    public string? ChangedBy { get; set; }
}

internal sealed class UpdateRunRowsConfiguration :
    IEntityTypeConfiguration<UpdateRunRow>, IEntityTypeConfiguration<UpdateRunStageRow>, IEntityTypeConfiguration<UpdateRunMemberRow>, IEntityTypeConfiguration<FleetGateRow>
{
    public void Configure(EntityTypeBuilder<UpdateRunRow> row)
    {
        row.ToTable("update_runs").HasKey(r => r.Id);
        row.Property(r => r.Id).UseIdentityAlwaysColumn();
        row.Property(r => r.ResourceKey).UseCollation("C");
        row.Property(r => r.FleetKey).UseCollation("C");
        row.Property(r => r.Strategy).HasColumnType("jsonb");
        row.Property(r => r.State).HasConversion<string>();
        row.Property(r => r.Phase).HasConversion<short>();
        row.HasIndex(r => r.ResourceKey).IsUnique();
        row.HasIndex(r => r.Id).HasFilter("status_due or (started_at is not null and ended_at is null)").HasDatabaseName("ix_update_runs_due");
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(r => r.ResourceKey).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<UpdateRunStageRow> row)
    {
        row.ToTable("update_run_stages").HasKey(s => new { s.RunId, s.Stage });
        row.HasOne<UpdateRunRow>().WithMany().HasForeignKey(s => s.RunId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<UpdateRunMemberRow> row)
    {
        row.ToTable("update_run_members").HasKey(m => new { m.RunId, m.MemberId });
        row.Property(m => m.State).HasConversion<short>();
        row.HasIndex(m => m.DueAt).HasFilter("due_at is not null").HasDatabaseName("ix_update_run_members_due");
        row.HasIndex(m => m.MemberId).IsUnique().HasFilter("state = 1").HasDatabaseName("ux_update_run_members_updating");
        row.HasOne<UpdateRunRow>().WithMany().HasForeignKey(m => m.RunId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<FleetGateRow> row)
    {
        row.ToTable("fleet_gates").HasKey(g => g.Id);
        row.Property(g => g.FleetKey).UseCollation("C");
        row.Property(g => g.Timing).HasConversion<string>();
        row.Property(g => g.State).HasConversion<string>();
        row.HasIndex(g => g.FleetKey);
        row.HasIndex(g => new { g.UpdateRunId, g.Stage, g.GroupName, g.Timing }).IsUnique().HasFilter("update_run_id is not null").HasDatabaseName("ux_fleet_gates_update_run");
        row.HasIndex(g => new { g.RolloutRunId, g.Stage, g.Timing }).IsUnique().HasFilter("rollout_run_id is not null").HasDatabaseName("ux_fleet_gates_rollout_run");
        row.HasOne<UpdateRunRow>().WithMany().HasForeignKey(g => g.UpdateRunId).OnDelete(DeleteBehavior.Cascade);
        row.HasOne<RolloutRunRow>().WithMany().HasForeignKey(g => g.RolloutRunId).OnDelete(DeleteBehavior.Cascade);
    }
}
