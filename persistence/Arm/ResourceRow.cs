using System.Text.Json;
using ControlPlane.Contracts.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Arm;

/// <summary>
/// One resource of any type: the envelope in columns, what the client wants and what the world is in two jsonb documents. Subscriptions and resource groups are
/// rows too; <see cref="ParentKey"/> is a foreign key, so nothing can be created below what is gone.
/// </summary>
public sealed class ResourceRow
{
    /// <summary>The lower-case id.</summary>
    public required string Key { get; init; }

    /// <summary>The id in the case of its last PUT.</summary>
    public required string Id { get; set; }

    /// <summary>What must not go before this does; null for an extension resource.</summary>
    public string? ParentKey { get; init; }

    /// <summary>What an extension resource extends: it goes with it. Null for one of the tenant.</summary>
    public string? ExtendsKey { get; init; }

    public required string Type { get; init; }
    public required string Name { get; set; }

    /// <summary>Lower case.</summary>
    public required string Subscription { get; init; }

    /// <summary>Lower case; null directly below a subscription.</summary>
    public string? ResourceGroup { get; init; }

    public string? Location { get; set; }
    public required string Tags { get; set; }
    public required string Properties { get; set; }
    public required string Status { get; set; }
    public ProvisioningState State { get; set; }

    /// <summary>The ETag: grows by one with every change of the row.</summary>
    public long Version { get; set; }

    /// <summary>A fact about the outside world that only one resource may claim.</summary>
    public string? UniqueKey { get; set; }

    /// <summary>Keys of the resources that the properties name.</summary>
    public IReadOnlyList<string> References { get; set; } = [];

    /// <summary>The key of the resource that made this one, such as the rack of a machine.</summary>
    public string? ManagedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
    public required string CreatedBy { get; init; }
    public required string CreatedByType { get; init; }
    public DateTimeOffset ModifiedAt { get; set; }
    public required string ModifiedBy { get; set; }
    public required string ModifiedByType { get; set; }

    public ResourceId ResourceId => ResourceId.Parse(Id);

    public T Read<T>() => Json.Read<T>(Properties);

    public TStatus ReadStatus<TStatus>() => Json.Read<TStatus>(Status);

    public IReadOnlyDictionary<string, string> ReadTags() => Json.Read<Dictionary<string, string>>(Tags);
}

internal sealed class ResourceRowConfiguration : IEntityTypeConfiguration<ResourceRow>
{
    public void Configure(EntityTypeBuilder<ResourceRow> row)
    {
        row.ToTable("resources").HasKey(r => r.Key);
        row.Ignore(r => r.ResourceId);
        row.Property(r => r.Key).UseCollation("C");
        row.Property(r => r.ParentKey).UseCollation("C");
        row.Property(r => r.ExtendsKey).UseCollation("C");
        row.Property(r => r.UniqueKey).UseCollation("C");
        row.Property(r => r.State).HasConversion<string>();
        row.Property(r => r.Tags).HasColumnType("jsonb");
        row.Property(r => r.Properties).HasColumnType("jsonb");
        row.Property(r => r.Status).HasColumnType("jsonb");
        row.Property(r => r.Version).IsConcurrencyToken();
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(r => r.ParentKey).OnDelete(DeleteBehavior.Restrict);
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(r => r.ExtendsKey).OnDelete(DeleteBehavior.Cascade);
        row.HasIndex(r => r.ExtendsKey).HasFilter("extends_key is not null");
        row.HasIndex(r => new { r.Subscription, r.Type, r.Key });
        row.HasIndex(r => new { r.Subscription, r.ResourceGroup, r.Type, r.Key });
        row.HasIndex(r => r.UniqueKey).IsUnique().HasFilter("unique_key is not null").HasDatabaseName(ConstraintNames.UniqueKey);
        row.HasIndex(r => r.ManagedBy).HasFilter("managed_by is not null");
        row.Property(r => r.References).HasColumnName("refs").HasColumnType("text[]");
        row.HasIndex(r => r.References).HasMethod("gin").HasFilter("refs <> '{}'");
        row.HasIndex(r => r.Tags).HasMethod("gin").HasOperators("jsonb_path_ops");
    }
}

/// <summary>Constraints whose violation means something to a caller.</summary>
internal static class ConstraintNames
{
    public const string UniqueKey = "ux_resources_unique_key";
    public const string ActiveOperation = "ux_operations_active";
    public const string Retry = "ux_operations_client_request_id";
}
