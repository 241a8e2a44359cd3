using ControlPlane.Contracts.BareMetal;
using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.BareMetal;

/// <summary>
/// One try to bring a machine up from a network boot: its one-time token, what the machine may do, and what it reported. It lives as long as its operation; a row whose
/// <see cref="EndedAt"/> is set, or whose operation has ended, opens no door any more.
/// </summary>
public sealed class AttemptRow
{
    public required Guid Id { get; init; }
    public required string ResourceKey { get; init; }
    public required string ResourceId { get; init; }
    public required Guid OperationId { get; init; }
    public required BootMethod BootMethod { get; init; }

    /// <summary>SHA-256 of the token in the machine's boot address.</summary>
    public required byte[] TokenHash { get; init; }

    /// <summary>The token itself, sealed, for a worker that sets the boot address again.</summary>
    public required byte[] TokenCiphertext { get; init; }

    public required byte[] TokenWrappedKey { get; init; }
    public required string TokenKeyVersion { get; init; }

    /// <summary>What inspection saw: the machine that knocks must be this one. Lower case.</summary>
    public required string Mac { get; init; }

    public required string Serial { get; init; }
    public string? Uuid { get; init; }

    /// <summary><see cref="DiskPlan"/> as JSON: what to wipe and write, decided before the boot but for the disk names.</summary>
    public required string Plan { get; init; }

    /// <summary>The document handed to the machine, as JSON; made when its disks are known.</summary>
    public string? Instructions { get; set; }

    /// <summary>The permit for the destructive part; consumed exactly once.</summary>
    public required Guid Permit { get; init; }

    public DateTimeOffset? PermitConsumedAt { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? HelloAt { get; set; }
    public DateTimeOffset? HeartbeatAt { get; set; }

    /// <summary>The last time that <see cref="Percent"/> or <see cref="Phase"/> changed.</summary>
    public DateTimeOffset? ProgressAt { get; set; }

    public long Seq { get; set; }
    public string? Phase { get; set; }
    public double Percent { get; set; }
    public string? Message { get; set; }
    public string? WipedDisks { get; set; }
    public DateTimeOffset? WipedAt { get; set; }
    public DateTimeOffset? WrittenAt { get; set; }

    /// <summary>Join credentials, sealed; made by the worker once the image is written.</summary>
    public byte[]? JoinCiphertext { get; set; }

    public byte[]? JoinWrappedKey { get; set; }
    public string? JoinKeyVersion { get; set; }
    public DateTimeOffset? JoinConsumedAt { get; set; }
    public DateTimeOffset? DoneAt { get; set; }

    /// <summary>What the machine said when it gave up, as an ARM error in JSON.</summary>
    public string? Failure { get; set; }

    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Where the token is sealed for.</summary>
    public static string TokenPlace(Guid attempt) => $"attempt/{attempt}#token";

    /// <summary>Where the join credentials are sealed for.</summary>
    public static string JoinPlace(Guid attempt) => $"attempt/{attempt}#join";
}

/// <summary>A physical machine, by what its BMC says of itself; at most one resource may own it.</summary>
public sealed class HardwareIdentityRow
{
    /// <summary>Such as <c>uuid:4c4c4544-…</c> or <c>serial:dell inc./cz3d0001</c>.</summary>
    public required string Identity { get; init; }

    public required string ResourceKey { get; init; }
}

internal sealed class BareMetalRowsConfiguration : IEntityTypeConfiguration<AttemptRow>, IEntityTypeConfiguration<HardwareIdentityRow>
{
    public void Configure(EntityTypeBuilder<AttemptRow> row)
    {
        row.ToTable("provisioning_attempts").HasKey(a => a.Id);
        row.Property(a => a.ResourceKey).UseCollation("C");
        row.Property(a => a.BootMethod).HasConversion<string>();
        row.Property(a => a.Plan).HasColumnType("jsonb");
        row.Property(a => a.Instructions).HasColumnType("jsonb");
        row.Property(a => a.WipedDisks).HasColumnType("jsonb");
        row.Property(a => a.Failure).HasColumnType("jsonb");
        row.HasIndex(a => a.TokenHash).IsUnique();
        row.HasIndex(a => a.Mac).HasFilter("ended_at is null");
        row.HasIndex(a => a.ResourceKey);
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(a => a.ResourceKey).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<HardwareIdentityRow> row)
    {
        row.ToTable("hardware_identities").HasKey(h => h.Identity);
        row.Property(h => h.ResourceKey).UseCollation("C");
        row.HasIndex(h => h.ResourceKey);
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(h => h.ResourceKey).OnDelete(DeleteBehavior.Cascade);
    }
}
