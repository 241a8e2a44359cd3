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

    /// <summary>What pods may use of all nodes, in thousandths of a core.</summary>
    public long AllocatableMilliCpu { get; set; }

    public long AllocatableMemoryBytes { get; set; }

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

    /// <summary>When a worker looks at the cluster next; null for one that an agent speaks for.</summary>
    public DateTimeOffset? DueAt { get; set; }

    /// <summary>How many looks have failed since the last one that did not.</summary>
    public int Attempts { get; set; }

    /// <summary>Why the last look failed.</summary>
    public string? Error { get; set; }

    /// <summary>When what readers see of the cluster is to be computed anew: it was seen to have changed, or time will have changed it.</summary>
    public DateTimeOffset? ShowAt { get; set; }

    /// <summary>How the cluster is connected, as readers last saw it: a ClusterConnectivity, or null before the first time.</summary>
    public string? Connectivity { get; set; }

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
        row.HasIndex(i => i.DueAt).HasFilter("due_at is not null").HasDatabaseName("ix_cluster_inventories_due");
        row.HasIndex(i => i.ShowAt).HasFilter("show_at is not null").HasDatabaseName("ix_cluster_inventories_show");
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(i => i.ClusterKey).OnDelete(DeleteBehavior.Cascade);
    }
}
