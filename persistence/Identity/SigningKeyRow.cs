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

internal sealed class SigningKeyRowConfiguration : IEntityTypeConfiguration<SigningKeyRow>
{
    public void Configure(EntityTypeBuilder<SigningKeyRow> row) => row.ToTable("signing_keys").HasKey(k => k.Kid);
}
