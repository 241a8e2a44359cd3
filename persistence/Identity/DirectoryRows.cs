using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Identity;

/// <summary>What can be given roles and be a member of groups. All kinds are one table, so that an id names one thing and its memberships end with it.</summary>
public abstract class DirectoryObjectRow
{
    /// <summary>A GUID in lower case.</summary>
    public required string ObjectId { get; init; }

    public required string DisplayName { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>An identity of this tenant that can be given roles; an application signs in as its service principal.</summary>
public sealed class ServicePrincipalRow : DirectoryObjectRow
{
    /// <summary>The client id of the application.</summary>
    public required string AppId { get; init; }

    /// <summary>False: no token is issued to it.</summary>
    public bool IsEnabled { get; set; } = true;
}

/// <summary>A person who signs in with a password.</summary>
public sealed class UserRow : DirectoryObjectRow
{
    /// <summary>The name to sign in with, in lower case.</summary>
    public required string UserPrincipalName { get; set; }

    /// <summary>As ASP.NET Core's password hasher writes it; null for a user who cannot sign in here.</summary>
    public string? PasswordHash { get; set; }

    /// <summary>False: neither signing in nor refreshing a token works.</summary>
    public bool IsEnabled { get; set; } = true;
}

/// <summary>A group of principals; a member of it has what is given to it.</summary>
public sealed class GroupRow : DirectoryObjectRow
{
    public string? Description { get; set; }
}

/// <summary>That a principal is a direct member of a group.</summary>
public sealed class GroupMemberRow
{
    public required string GroupId { get; init; }
    public required string MemberId { get; init; }
}

internal sealed class DirectoryRowsConfiguration :
    IEntityTypeConfiguration<DirectoryObjectRow>, IEntityTypeConfiguration<ServicePrincipalRow>, IEntityTypeConfiguration<UserRow>, IEntityTypeConfiguration<GroupRow>, IEntityTypeConfiguration<GroupMemberRow>
{
    public void Configure(EntityTypeBuilder<DirectoryObjectRow> row)
    {
        row.ToTable("directory_objects").HasKey(o => o.ObjectId);
        row.HasDiscriminator<string>("kind").HasValue<ServicePrincipalRow>("servicePrincipal").HasValue<UserRow>("user").HasValue<GroupRow>("group");
        row.HasIndex("kind", nameof(DirectoryObjectRow.DisplayName));
    }

    public void Configure(EntityTypeBuilder<ServicePrincipalRow> row)
    {
        row.HasIndex(p => p.AppId).IsUnique();
        row.Property(p => p.IsEnabled).HasColumnName("is_enabled");
    }

    public void Configure(EntityTypeBuilder<UserRow> row)
    {
        row.HasIndex(u => u.UserPrincipalName).IsUnique();
        row.Property(u => u.IsEnabled).HasColumnName("is_enabled");
    }

    public void Configure(EntityTypeBuilder<GroupRow> row) => row.Property(g => g.Description);

    public void Configure(EntityTypeBuilder<GroupMemberRow> row)
    {
        row.ToTable("group_members").HasKey(m => new { m.GroupId, m.MemberId });
        // The way up, which every authorization asks for.
        row.HasIndex(m => new { m.MemberId, m.GroupId });
        row.HasOne<GroupRow>().WithMany().HasForeignKey(m => m.GroupId).OnDelete(DeleteBehavior.Cascade);
        row.HasOne<DirectoryObjectRow>().WithMany().HasForeignKey(m => m.MemberId).OnDelete(DeleteBehavior.Cascade);
    }
}
