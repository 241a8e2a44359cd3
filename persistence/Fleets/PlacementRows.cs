using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Fleets;

/// <summary>A member of a fleet as placements see it: small, for a scheduler reads all of a fleet's at once.</summary>
public sealed class FleetMemberRow
{
    public int Id { get; init; }

    /// <summary>The key of the member resource.</summary>
    public required string ResourceKey { get; init; }

    public required string FleetKey { get; init; }

    /// <summary>The key of its connected cluster.</summary>
    public required string ClusterKey { get; init; }

    public required string Name { get; init; }

    /// <summary>Its own labels and those that every member has, as JSON.</summary>
    public required string Labels { get; set; }

    /// <summary>Properties of the cluster, such as <c>kubernetes-fleet.io/node-count</c>, as JSON.</summary>
    public required string Properties { get; set; }

    /// <summary>What somebody wrote, as JSON.</summary>
    public required string Taints { get; set; }

    /// <summary>Taints of policies that the cluster breaks, as JSON; each says which assignment owns it. Nobody else writes them.</summary>
    public string PolicyTaints { get; set; } = "[]";

    /// <summary>Since when nodes of the cluster may be cordoned for it; null when none of them is.</summary>
    public DateTimeOffset? CordonedAt { get; set; }

    /// <summary>When to look at the nodes next; null when there is nothing to do.</summary>
    public DateTimeOffset? CordonDueAt { get; set; }

    /// <summary>An agent in the cluster fetches the work; nobody calls the cluster.</summary>
    public bool IsPull { get; set; }

    /// <summary>It leaves: nothing is placed on it any more.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>Why it cannot be reached, such as Offline; null when it can as far as is known.</summary>
    public string? Unreachable { get; set; }
}

/// <summary>A placement's own counters; what is wanted is in its resource.</summary>
public sealed class PlacementRow
{
    public int Id { get; init; }
    public required string ResourceKey { get; init; }
    public required string FleetKey { get; init; }

    /// <summary>Counts the writes.</summary>
    public long Generation { get; set; }

    public int LatestRevision { get; set; }

    /// <summary>The last revision that was rolled out whole.</summary>
    public int? CompletedRevision { get; set; }

    /// <summary>How many members shall have it: what its budget is a share of.</summary>
    public int Expected { get; set; }

    /// <summary>Members or labels changed since it was last decided where the placement goes.</summary>
    public bool ScheduleDue { get; set; }

    /// <summary>Its status in the resource may be behind.</summary>
    public bool StatusDue { get; set; }
}

/// <summary>A placement stays away from a member: an eviction that was executed and is still there. By the member's name, so that one that leaves and joins again is kept off too.</summary>
public sealed class PlacementEvictionRow
{
    /// <summary>The key of the eviction resource.</summary>
    public required string ResourceKey { get; init; }

    public required int PlacementId { get; init; }

    /// <summary>Lower case.</summary>
    public required string Member { get; init; }
}

/// <summary>A manifest by its content, stored once however many revisions and placements have it.</summary>
public sealed class ManifestBlobRow
{
    public required byte[] Sha256 { get; init; }
    public required string Manifest { get; init; }
}

/// <summary>What a placement was at one time; it never changes.</summary>
public sealed class PlacementRevisionRow
{
    public required int PlacementId { get; init; }

    /// <summary>1 and up.</summary>
    public required int Revision { get; init; }

    /// <summary>SHA-256 over manifests, overrides and the way they are applied.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>SHA-256 of each manifest, in their order.</summary>
    public required byte[][] Manifests { get; init; }

    public required string Overrides { get; init; }
    public required string ApplyStrategy { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The principal who wrote it.</summary>
    public required string CreatedBy { get; init; }
}

/// <summary>
/// One placement on one member. Each column has one writer: the scheduler creates and unschedules, a rollout run sets what is desired, whoever applies sets what is observed; every write of
/// the last carries the generation that it is about.
/// </summary>
public sealed class PlacementBindingRow
{
    public required int PlacementId { get; init; }
    public required int MemberId { get; init; }

    /// <summary>The placement is to be removed from the member.</summary>
    public bool IsUnscheduled { get; set; }

    /// <summary>0 until a run or a late joiner's rule has set it.</summary>
    public int DesiredRevision { get; set; }

    /// <summary>Counts the changes of what is desired.</summary>
    public long Generation { get; set; }

    /// <summary>The generation that <see cref="Health"/> is about.</summary>
    public long ObservedGeneration { get; set; }

    public BindingHealth Health { get; set; }

    /// <summary>Nobody can say of some of its objects whether they are available.</summary>
    public bool IsUntracked { get; set; }

    /// <summary>When <see cref="ObservedGeneration"/> was first seen.</summary>
    public DateTimeOffset? ObservedAt { get; set; }

    /// <summary>The revision whose objects are on the member.</summary>
    public int AppliedRevision { get; set; }

    /// <summary>Every revision of which objects may be on the member.</summary>
    public required int[] TouchedRevisions { get; set; }

    /// <summary>When to look at it next; null when nothing is to be done.</summary>
    public DateTimeOffset? DueAt { get; set; }

    /// <summary>0 before all else: rollback. 5: rollout. 9: a look whether it is still so.</summary>
    public short Priority { get; set; }

    /// <summary>Somebody is at it, until then; null when nobody is.</summary>
    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>Counts how often it was claimed: an outcome is stored for the last claim only.</summary>
    public long Claims { get; set; }

    public int Attempts { get; set; }
    public string? ErrorCode { get; set; }
    public string? Error { get; set; }
    public DateTimeOffset TransitionAt { get; set; }

    /// <summary>When to look whether it still is as it was applied; null for a member with an agent, which looks by itself.</summary>
    public DateTimeOffset? LookDueAt { get; set; }

    /// <summary>How often something had drifted and was brought back, when that was last, and what it was.</summary>
    public int Repairs { get; set; }

    public DateTimeOffset? RepairedAt { get; set; }
    public string? Repaired { get; set; }
}

/// <summary>A field of an object on a member that is not as the placement has it. Exceptions only: a healthy fleet has none.</summary>
public sealed class BindingIssueRow
{
    public required int PlacementId { get; init; }
    public required int MemberId { get; init; }
    public required DifferenceKind Kind { get; init; }

    /// <summary>Group, kind, namespace and name.</summary>
    public required string Object { get; init; }

    /// <summary>A JSON pointer.</summary>
    public required string Path { get; init; }

    public string? ValueInMember { get; set; }
    public string? ValueInHub { get; set; }
    public DateTimeOffset FirstObservedAt { get; set; }
    public DateTimeOffset LastObservedAt { get; set; }
}

internal sealed class PlacementRowsConfiguration :
    IEntityTypeConfiguration<FleetMemberRow>, IEntityTypeConfiguration<PlacementRow>, IEntityTypeConfiguration<PlacementEvictionRow>, IEntityTypeConfiguration<ManifestBlobRow>, IEntityTypeConfiguration<PlacementRevisionRow>,
    IEntityTypeConfiguration<PlacementBindingRow>, IEntityTypeConfiguration<BindingIssueRow>
{
    public void Configure(EntityTypeBuilder<FleetMemberRow> row)
    {
        row.ToTable("fleet_members").HasKey(m => m.Id);
        row.Property(m => m.Id).UseIdentityAlwaysColumn();
        row.Property(m => m.ResourceKey).UseCollation("C");
        row.Property(m => m.FleetKey).UseCollation("C");
        row.Property(m => m.ClusterKey).UseCollation("C");
        row.Property(m => m.Labels).HasColumnType("jsonb");
        row.Property(m => m.Properties).HasColumnType("jsonb");
        row.Property(m => m.Taints).HasColumnType("jsonb");
        row.Property(m => m.PolicyTaints).HasColumnType("jsonb").HasDefaultValueSql("'[]'");
        row.HasIndex(m => m.ResourceKey).IsUnique();
        row.HasIndex(m => new { m.FleetKey, m.Name });
        row.HasIndex(m => m.ClusterKey);
        row.HasIndex(m => m.CordonDueAt).HasFilter("cordon_due_at is not null");
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(m => m.ResourceKey).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<PlacementRow> row)
    {
        row.ToTable("placements").HasKey(p => p.Id);
        row.Property(p => p.Id).UseIdentityAlwaysColumn();
        row.Property(p => p.ResourceKey).UseCollation("C");
        row.Property(p => p.FleetKey).UseCollation("C");
        row.HasIndex(p => p.ResourceKey).IsUnique();
        row.HasIndex(p => p.FleetKey);
        row.HasIndex(p => p.Id).HasFilter("schedule_due or status_due").HasDatabaseName("ix_placements_due");
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(p => p.ResourceKey).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<PlacementEvictionRow> row)
    {
        row.ToTable("placement_evictions").HasKey(e => e.ResourceKey);
        row.Property(e => e.ResourceKey).UseCollation("C");
        row.HasIndex(e => e.PlacementId);
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(e => e.ResourceKey).OnDelete(DeleteBehavior.Cascade);
        row.HasOne<PlacementRow>().WithMany().HasForeignKey(e => e.PlacementId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<ManifestBlobRow> row) => row.ToTable("manifest_blobs").HasKey(b => b.Sha256);

    public void Configure(EntityTypeBuilder<PlacementRevisionRow> row)
    {
        row.ToTable("placement_revisions").HasKey(r => new { r.PlacementId, r.Revision });
        row.Property(r => r.Overrides).HasColumnType("jsonb");
        row.Property(r => r.ApplyStrategy).HasColumnType("jsonb");
        row.HasOne<PlacementRow>().WithMany().HasForeignKey(r => r.PlacementId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<PlacementBindingRow> row)
    {
        row.ToTable("placement_bindings").HasKey(b => new { b.PlacementId, b.MemberId });
        row.Property(b => b.Health).HasConversion<short>();
        row.HasIndex(b => b.MemberId);
        row.HasIndex(b => new { b.Priority, b.DueAt }).HasFilter("due_at is not null").HasDatabaseName("ix_placement_bindings_due");
        row.HasIndex(b => b.LookDueAt).HasFilter("look_due_at is not null and due_at is null").HasDatabaseName("ix_placement_bindings_look");
        row.Property(b => b.Repairs).HasDefaultValue(0);
        row.HasOne<PlacementRow>().WithMany().HasForeignKey(b => b.PlacementId).OnDelete(DeleteBehavior.Cascade);
        row.HasOne<FleetMemberRow>().WithMany().HasForeignKey(b => b.MemberId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<BindingIssueRow> row)
    {
        row.ToTable("binding_issues").HasKey(i => new { i.PlacementId, i.MemberId, i.Kind, i.Object, i.Path });
        row.Property(i => i.Kind).HasConversion<string>();
        row.Property(i => i.Object).UseCollation("C");
        row.Property(i => i.Path).UseCollation("C");
        row.HasOne<PlacementBindingRow>().WithMany().HasForeignKey(i => new { i.PlacementId, i.MemberId }).OnDelete(DeleteBehavior.Cascade);
    }
}
