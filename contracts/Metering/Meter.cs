namespace ControlPlane.Contracts.Metering;

/// <summary>Something that is consumed: how it is recorded, and how it is sold.</summary>
/// <param name="Name">What it is recorded and priced under.</param>
/// <param name="Id">A GUID, for clients of Azure's shapes expect one; it never changes.</param>
/// <param name="Product">What people buy.</param>
/// <param name="Category">What kind of product that is.</param>
/// <param name="UnitOfMeasure">The unit of quantities and prices, such as <c>1 Hour</c>.</param>
/// <param name="RecordedPerUnit">How much of what is recorded makes one unit: 3600 seconds make an hour.</param>
public sealed record Meter(string Name, string Id, string Product, string Category, string UnitOfMeasure, int RecordedPerUnit)
{
    public const string PhysicalNode = "bare-metal-node-seconds";

    /// <summary>Nodes of connected clusters, whoever runs them.</summary>
    public const string ClusterNode = "cluster-node-hours";

    /// <summary>Everything that can be priced: a new meter is one line here.</summary>
    public static IReadOnlyList<Meter> All { get; } =
    [
        new(PhysicalNode, "3f0c2a51-8f5e-4b0e-9d0c-6f3a5c1e7a01", "Bare metal node", "Bare Metal", "1 Hour", 3600),
        new(ClusterNode, "3f0c2a51-8f5e-4b0e-9d0c-6f3a5c1e7a02", "Node of a connected cluster", "Kubernetes", "1 Hour", 1),
    ];

    public static Meter? Find(string name) => All.FirstOrDefault(meter => meter.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
