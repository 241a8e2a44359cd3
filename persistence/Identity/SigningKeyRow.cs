using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Identity;

/// <summary>A key that signs access tokens. It is published from the moment it exists and signs from <see cref="SignsFrom"/> until a later key does.</summary>
public sealed class SigningKeyRow
{
    /// <summary>The thumbprint of the public part (RFC 7638), which is also the <c>kid</c>.</summary>
    public required string Kid { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset SignsFrom { get; init; }

    /// <summary>The PKCS#8 private key in base64, sealed for <see cref="Place"/>.</summary>
    public required byte[] Ciphertext { get; init; }

    public required byte[] WrappedKey { get; init; }
    public required string KeyVersion { get; init; }

    /// <summary>What <see cref="SecretBox"/> binds the private key to.</summary>
    public static string Place(string kid) => $"identity/signing-keys/{kid}";
}

/// <summary>An identity of this tenant that can be given roles; an application signs in as its service principal.</summary>
public sealed class ServicePrincipalRow
{
    /// <summary>A GUID in lower case.</summary>
    public required string ObjectId { get; init; }

    /// <summary>The client id of the application.</summary>
    public required string AppId { get; init; }

    public required string DisplayName { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }
}

internal sealed class IdentityRowsConfiguration : IEntityTypeConfiguration<SigningKeyRow>, IEntityTypeConfiguration<ServicePrincipalRow>
{
    public void Configure(EntityTypeBuilder<SigningKeyRow> row) => row.ToTable("signing_keys").HasKey(k => k.Kid);

    public void Configure(EntityTypeBuilder<ServicePrincipalRow> row)
    {
        row.ToTable("service_principals").HasKey(p => p.ObjectId);
        row.HasIndex(p => p.AppId).IsUnique();
    }
}
