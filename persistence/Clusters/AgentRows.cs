using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Clusters;

/// <summary>An authority that signs the certificates of agents; the newest one signs, all that have not expired are believed.</summary>
public sealed class AgentAuthorityRow
{
    /// <summary>SHA-256 of the certificate, in hexadecimal digits.</summary>
    public required string Thumbprint { get; init; }

    public required byte[] Certificate { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The PKCS#8 private key in base64, sealed for <see cref="Place"/>.</summary>
    public required byte[] Ciphertext { get; init; }

    public required byte[] WrappedKey { get; init; }
    public required string KeyVersion { get; init; }

    /// <summary>What <see cref="SecretBox"/> binds the private key to.</summary>
    public static string Place(string thumbprint) => $"clusters/agent-authorities/{thumbprint}";
}

/// <summary>The token with which the agent of a cluster may register once; a cluster has one at a time.</summary>
public sealed class OnboardingTokenRow
{
    public required string ClusterKey { get; init; }
    public required byte[] TokenHash { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>SHA-256 of the public key that registered with it; null while nobody has.</summary>
    public byte[]? UsedBy { get; init; }

    /// <summary>When the certificate that was given for it was first used; until then the same key may ask again, should the answer have been lost.</summary>
    public DateTimeOffset? ConsumedAt { get; init; }
}

internal sealed class AgentRowsConfiguration : IEntityTypeConfiguration<AgentAuthorityRow>, IEntityTypeConfiguration<OnboardingTokenRow>
{
    public void Configure(EntityTypeBuilder<AgentAuthorityRow> row) => row.ToTable("agent_authorities").HasKey(a => a.Thumbprint);

    public void Configure(EntityTypeBuilder<OnboardingTokenRow> row)
    {
        row.ToTable("onboarding_tokens").HasKey(t => t.ClusterKey);
        row.Property(t => t.ClusterKey).UseCollation("C");
        row.HasIndex(t => t.TokenHash).IsUnique();
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(t => t.ClusterKey).OnDelete(DeleteBehavior.Cascade);
    }
}
