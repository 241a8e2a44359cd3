using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Clusters;

/// <summary>What a connected cluster was last seen to be: by the worker that looked, or by the agent that said so.</summary>
public sealed class ClusterInventoryRow
{
    public required string ClusterKey { get; init; }

    /// <summary>When the cluster was last heard of, in whatever way; null before the first time.</summary>
    public DateTimeOffset? LastSeen { get; set; }

    /// <summary>When the rest was last found out; null before the first time.</summary>
    public DateTimeOffset? InventoryAt { get; set; }

    /// <summary>Such as v1.32.6.</summary>
    public string? KubernetesVersion { get; set; }

    /// <summary>Such as k3s or aks.</summary>
    public string? Distribution { get; set; }

    public int NodeCount { get; set; }
    public int ReadyNodeCount { get; set; }

    /// <summary>Whole cores of all nodes.</summary>
    public int CoreCount { get; set; }

    public long MemoryBytes { get; set; }

    /// <summary>How many nodes run each node image, as a JSON object of numbers.</summary>
    public required string NodeImages { get; set; }

    /// <summary>The version of each add-on, as a JSON object of texts.</summary>
    public required string AddOns { get; set; }

    public string? AgentVersion { get; set; }

    /// <summary>Counts the registrations of the cluster's agent: only the newest one is listened to.</summary>
    public int AgentEpoch { get; set; }

    /// <summary>SHA-256 of the agent's present certificate.</summary>
    public byte[]? AgentCertificate { get; set; }

    public DateTimeOffset? AgentCertificateExpiresAt { get; set; }

    /// <summary>SHA-256 of a certificate that the agent was given and has not used yet: the one before it is good until then, for the answer may have been lost.</summary>
    public byte[]? AgentNextCertificate { get; set; }

    public DateTimeOffset? AgentNextCertificateExpiresAt { get; set; }
}

internal sealed class ClusterInventoryConfiguration : IEntityTypeConfiguration<ClusterInventoryRow>
{
    public void Configure(EntityTypeBuilder<ClusterInventoryRow> row)
    {
        row.ToTable("cluster_inventories").HasKey(i => i.ClusterKey);
        row.Property(i => i.ClusterKey).UseCollation("C");
        row.Property(i => i.NodeImages).HasColumnType("jsonb");
        row.Property(i => i.AddOns).HasColumnType("jsonb");
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(i => i.ClusterKey).OnDelete(DeleteBehavior.Cascade);
    }
}
