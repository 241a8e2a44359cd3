using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Arm;

/// <summary>Who did what to which resource: one row per accepted write and one per end of an operation.</summary>
public sealed class ActivityRow
{
    public long Id { get; init; }
    public required DateTimeOffset At { get; init; }
    public required string Subscription { get; init; }
    public required string ResourceId { get; init; }

    /// <summary>Such as <c>ControlPlane.BareMetal/racks/write</c>.</summary>
    public required string Action { get; init; }

    public required string Status { get; init; }
    public required string Principal { get; init; }
    public required string CorrelationId { get; init; }
    public Guid? OperationId { get; init; }

    /// <summary>Of a write that was refused: the error's code.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>Of a write that was refused: the status of the answer, such as 403.</summary>
    public int? HttpStatus { get; init; }
}

/// <summary>A write-only property of a resource under envelope encryption.</summary>
public sealed class SecretRow
{
    public required string ResourceKey { get; init; }

    /// <summary>Path below <c>properties</c>, such as <c>bmc.credentials.password</c>.</summary>
    public required string Path { get; init; }

    /// <summary>Nonce, tag and ciphertext under a data key of its own (AES-256-GCM).</summary>
    public required byte[] Ciphertext { get; set; }

    /// <summary>Nonce, tag and data key under the key-encryption key.</summary>
    public required byte[] WrappedKey { get; set; }

    /// <summary>Which key-encryption key, such as <c>v1</c>.</summary>
    public required string KeyVersion { get; set; }
}

/// <summary>A fact that one resource has claimed for itself, such as a Kubernetes object of a fleet.</summary>
public sealed class ResourceClaimRow
{
    public required string Fact { get; init; }
    public required string ResourceKey { get; init; }
}

/// <summary>The limit of one SKU family in one location of one subscription, and how much of it is taken.</summary>
public sealed class QuotaRow
{
    public required string Subscription { get; init; }
    public required string Location { get; init; }
    public required string Family { get; init; }
    public required int Limit { get; set; }
    public int Used { get; set; }
}

/// <summary>Places that one resource holds; deleting the row gives them back, and a row can be deleted only once.</summary>
public sealed class QuotaReservationRow
{
    public required string ResourceKey { get; init; }
    public required string Subscription { get; init; }
    public required string Location { get; init; }
    public required string Family { get; init; }
    public required int Amount { get; set; }
}

internal sealed class SupportingRowsConfiguration :
    IEntityTypeConfiguration<ActivityRow>, IEntityTypeConfiguration<SecretRow>, IEntityTypeConfiguration<QuotaRow>,
    IEntityTypeConfiguration<QuotaReservationRow>, IEntityTypeConfiguration<ResourceClaimRow>
{
    public void Configure(EntityTypeBuilder<ActivityRow> row)
    {
        row.ToTable("activities").HasKey(a => a.Id);
        row.Property(a => a.Id).UseIdentityAlwaysColumn();
        row.HasIndex(a => new { a.Subscription, a.At });
        row.HasIndex(a => a.CorrelationId);
    }

    public void Configure(EntityTypeBuilder<SecretRow> row)
    {
        row.ToTable("secrets").HasKey(s => new { s.ResourceKey, s.Path });
        row.Property(s => s.ResourceKey).UseCollation("C");
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(s => s.ResourceKey).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<QuotaRow> row) => row.ToTable("quotas").HasKey(q => new { q.Subscription, q.Location, q.Family });

    public void Configure(EntityTypeBuilder<QuotaReservationRow> row) => row.ToTable("quota_reservations").HasKey(q => q.ResourceKey);

    public void Configure(EntityTypeBuilder<ResourceClaimRow> row)
    {
        row.ToTable("resource_claims").HasKey(c => c.Fact);
        row.Property(c => c.Fact).UseCollation("C");
        row.Property(c => c.ResourceKey).UseCollation("C");
        row.HasIndex(c => c.ResourceKey);
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(c => c.ResourceKey).OnDelete(DeleteBehavior.Cascade);
    }
}
