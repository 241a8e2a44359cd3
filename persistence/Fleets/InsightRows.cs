using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Fleets;

/// <summary>What the nodes of a cluster cost in the last 30 days; one row per currency, summed up again and again so that a scorecard adds thousands of rows and not millions.</summary>
public sealed class ClusterCostRow
{
    public required string ClusterKey { get; init; }

    /// <summary>Empty for what no price fits.</summary>
    public required string Currency { get; init; }

    public required decimal NodeHours { get; set; }
    public required decimal Cost { get; set; }
    public required DateTimeOffset ComputedAt { get; set; }
}

/// <summary>What one number of a fleet's scorecard was in an hour.</summary>
public sealed class FleetInsightPointRow
{
    public required string FleetKey { get; init; }
    public required string Metric { get; init; }

    /// <summary>Of costs; empty otherwise.</summary>
    public required string Currency { get; init; }

    /// <summary>The begin of the hour.</summary>
    public required DateTimeOffset At { get; init; }

    public required decimal Value { get; set; }
}

internal sealed class InsightRowsConfiguration : IEntityTypeConfiguration<ClusterCostRow>, IEntityTypeConfiguration<FleetInsightPointRow>
{
    public void Configure(EntityTypeBuilder<ClusterCostRow> row)
    {
        row.ToTable("cluster_costs").HasKey(c => new { c.ClusterKey, c.Currency });
        row.Property(c => c.ClusterKey).UseCollation("C");
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(c => c.ClusterKey).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<FleetInsightPointRow> row)
    {
        row.ToTable("fleet_insight_points").HasKey(p => new { p.FleetKey, p.Metric, p.Currency, p.At });
        row.Property(p => p.FleetKey).UseCollation("C");
        row.HasIndex(p => p.At);
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(p => p.FleetKey).OnDelete(DeleteBehavior.Cascade);
    }
}
