namespace ControlPlane.Worker.Clusters;

/// <summary>How clusters are looked at (<c>Clusters</c>).</summary>
internal sealed class ClusterOptions
{
    /// <summary>From the last sign of life of a cluster until it is Offline. <value>15 min</value></summary>
    public TimeSpan OfflineAfter { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Between two looks at a cluster that answers. <value>60 s</value></summary>
    public TimeSpan LookEvery { get; set; } = TimeSpan.FromSeconds(60);
}
