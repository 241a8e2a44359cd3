using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using OpenIddict.EntityFrameworkCore.Models;

namespace ControlPlane.Persistence.Identity;

/// <summary>One of the secrets with which an application proves who it is.</summary>
public sealed class ApplicationSecretRow
{
    public required string KeyId { get; init; }
    public required string ApplicationId { get; init; }
    public string? DisplayName { get; init; }

    /// <summary>The first characters, by which people tell secrets apart.</summary>
    public required string Hint { get; init; }

    /// <summary>SHA-256: the secret is made here from 256 random bits, so a slow hash would protect nothing.</summary>
    public required byte[] Hash { get; init; }

    public required DateTimeOffset StartsAt { get; init; }
    public required DateTimeOffset EndsAt { get; init; }
}

/// <summary>A certificate whose private key an application signs its assertions with (RFC 7523).</summary>
public sealed class ApplicationCertificateRow
{
    public required string KeyId { get; init; }
    public required string ApplicationId { get; init; }
    public string? DisplayName { get; init; }

    /// <summary>DER.</summary>
    public required byte[] Certificate { get; init; }

    public required DateTimeOffset StartsAt { get; init; }
    public required DateTimeOffset EndsAt { get; init; }
}

/// <summary>A workload elsewhere that may act as the application: whoever presents a token of this issuer about this subject for this audience.</summary>
public sealed class FederatedCredentialRow
{
    public required string Id { get; init; }
    public required string ApplicationId { get; init; }

    /// <summary>Unique within the application.</summary>
    public required string Name { get; init; }

    public required string Issuer { get; set; }
    public required string Subject { get; set; }
    public required string[] Audiences { get; set; }
    public string? Description { get; set; }
}

/// <summary>An assertion that was used and must not be used again; the row may go when the assertion has expired.</summary>
public sealed class UsedAssertionRow
{
    /// <summary>SHA-256 of the application and the assertion's <c>jti</c>.</summary>
    public required byte[] Id { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}

internal sealed class ApplicationCredentialRowsConfiguration :
    IEntityTypeConfiguration<ApplicationSecretRow>, IEntityTypeConfiguration<ApplicationCertificateRow>, IEntityTypeConfiguration<FederatedCredentialRow>, IEntityTypeConfiguration<UsedAssertionRow>
{
    public void Configure(EntityTypeBuilder<ApplicationSecretRow> row)
    {
        row.ToTable("application_secrets").HasKey(s => s.KeyId);
        row.HasOne<OpenIddictEntityFrameworkCoreApplication>().WithMany().HasForeignKey(s => s.ApplicationId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<ApplicationCertificateRow> row)
    {
        row.ToTable("application_certificates").HasKey(c => c.KeyId);
        row.HasOne<OpenIddictEntityFrameworkCoreApplication>().WithMany().HasForeignKey(c => c.ApplicationId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<FederatedCredentialRow> row)
    {
        row.ToTable("federated_credentials").HasKey(c => c.Id);
        row.HasIndex(c => new { c.ApplicationId, c.Name }).IsUnique();
        row.HasIndex(c => new { c.ApplicationId, c.Issuer, c.Subject }).IsUnique();
        row.HasIndex(c => c.Issuer);
        row.HasOne<OpenIddictEntityFrameworkCoreApplication>().WithMany().HasForeignKey(c => c.ApplicationId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<UsedAssertionRow> row)
    {
        row.ToTable("used_assertions").HasKey(a => a.Id);
        row.HasIndex(a => a.ExpiresAt);
    }
}
