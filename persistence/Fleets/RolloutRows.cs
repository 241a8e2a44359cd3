using ControlPlane.Contracts.Fleets;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Fleets;

/// <summary>A revision on its way to the members of a placement; at most one run of a placement is active.</summary>
public sealed class RolloutRunRow
{
    public long Id { get; init; }
    public required int PlacementId { get; init; }

    /// <summary>Counts the runs of the placement: 1 and up.</summary>
    public required int Number { get; init; }

    public required RolloutKind Kind { get; init; }
    public required RolloutState State { get; set; }
    public required int Revision { get; init; }

    /// <summary>What a rollback goes back to; null for the first run.</summary>
    public int? PreviousRevision { get; init; }

    /// <summary>The strategy as it was when the run began.</summary>
    public required string Strategy { get; init; }

    /// <summary>The stage that is under way, from 0.</summary>
    public int Stage { get; set; }

    public StagePhase Phase { get; set; }

    /// <summary>When that phase of the stage began.</summary>
    public DateTimeOffset PhaseSince { get; set; }

    /// <summary>How many members were healthy when somebody last resumed the run.</summary>
    public int ResumedAtHealthy { get; set; }

    /// <summary>The approvals that were given, such as <c>0/Before</c>.</summary>
    public required string[] Approvals { get; set; }

    /// <summary>Why it waits, in a word; null when the state says it.</summary>
    public string? Reason { get; set; }

    public string? Message { get; set; }
    public required DateTimeOffset StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; set; }
}

/// <summary>The tasks before a stage, its members, and the tasks after it.</summary>
public enum StagePhase : short { Before = 0, Members = 1, After = 2 }

/// <summary>One member in a run.</summary>
public sealed class RolloutMemberRow
{
    public required long RunId { get; init; }
    public required int MemberId { get; init; }
    public required int Stage { get; init; }

    /// <summary>Its place in the stage.</summary>
    public required int Ordinal { get; init; }

    public RolloutMemberState State { get; set; }

    /// <summary>The binding's generation that carried the revision: only what was seen of it, or of a later one, counts.</summary>
    public long Generation { get; set; }

    public DateTimeOffset? StartedAt { get; set; }
    public DateTimeOffset? EndedAt { get; set; }
    public string? Message { get; set; }
}

internal sealed class RolloutRowsConfiguration : IEntityTypeConfiguration<RolloutRunRow>, IEntityTypeConfiguration<RolloutMemberRow>
{
    public void Configure(EntityTypeBuilder<RolloutRunRow> row)
    {
        row.ToTable("rollout_runs").HasKey(r => r.Id);
        row.Property(r => r.Id).UseIdentityAlwaysColumn();
        row.Property(r => r.Kind).HasConversion<string>();
        row.Property(r => r.State).HasConversion<string>();
        row.Property(r => r.Phase).HasConversion<short>();
        row.Property(r => r.Strategy).HasColumnType("jsonb");
        row.HasIndex(r => new { r.PlacementId, r.Number }).IsUnique();
        row.HasIndex(r => r.PlacementId).IsUnique().HasFilter("ended_at is null").HasDatabaseName("ux_rollout_runs_active");
        row.HasOne<PlacementRow>().WithMany().HasForeignKey(r => r.PlacementId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<RolloutMemberRow> row)
    {
        row.ToTable("rollout_members").HasKey(m => new { m.RunId, m.MemberId });
        row.Property(m => m.State).HasConversion<short>();
        row.HasIndex(m => new { m.RunId, m.Stage, m.Ordinal }).HasFilter("state = 0").HasDatabaseName("ix_rollout_members_pending");
        row.HasOne<RolloutRunRow>().WithMany().HasForeignKey(m => m.RunId).OnDelete(DeleteBehavior.Cascade);
        row.HasOne<FleetMemberRow>().WithMany().HasForeignKey(m => m.MemberId).OnDelete(DeleteBehavior.Cascade);
    }
}
