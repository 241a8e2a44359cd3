using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>
/// Cluster API's MachineDeployment: as many nodes as it wants, of the Kubernetes version and the node image that its template names.
/// When the template changes, each node is replaced by a new one, one at a time, the new one first.
/// </summary>
internal sealed class NodePools(ControllerWorld world)
{
    private static readonly TimeSpan nodeDuration = TimeSpan.FromSeconds(60);

    /// <summary>Pools that a step is under way for, so that a second write does not start a second walk.</summary>
    private readonly HashSet<string> walking = new(StringComparer.Ordinal);

    public void Reconcile(StoredObject pool)
    {
        Report(pool);
        if (walking.Add(pool.Uid)) Walk(pool);
    }

    /// <summary>One step towards what is wanted, and the next one after the time that a machine takes.</summary>
    private void Walk(StoredObject pool)
    {
        while (Next(pool) is { } step)
        {
            if (!world.Clock.IsInstant)
            {
                world.Later(nodeDuration, () =>
                {
                    step();
                    Report(pool);
                    Walk(pool);
                });
                return;
            }

            step();
        }

        walking.Remove(pool.Uid);
        Report(pool);
    }

    private Action? Next(StoredObject pool)
    {
        var nodes = Nodes(pool);
        if (world.Store.Find(pool.Shelf, pool.Namespace, pool.Name) is not { } now || now.Uid != pool.Uid)
            return nodes.Count > 0 ? () => Remove(nodes[0].Name) : null;
        var template = NodeTemplate.Of(now);
        var old = nodes.FindAll(node => !template.Matches(node.Read()));
        if (nodes.Count < template.Replicas) return () => Add(pool, template);
        if (nodes.Count > template.Replicas) return () => Remove((old.Count > 0 ? old[0] : nodes[^1]).Name);
        return old.Count > 0 ? () => Add(pool, template) : null;
    }

    private void Add(StoredObject pool, NodeTemplate template)
    {
        var number = 0;
        while (world.Store.Find("nodes", "", $"{pool.Name}-{number:000000}") is not null) number++;
        var name = $"{pool.Name}-{number:000000}";
        world.Store.Create("nodes", "", name, template.Node(name, world.Store.Now));
        NodePods.Add(world.Store, name);
    }

    private void Remove(string node)
    {
        world.Store.Remove("nodes", "", node);
        NodePods.Collect(world.Store, node);
    }

    private void Report(StoredObject pool) => world.SetStatus(pool, null, (body, status) =>
    {
        var template = NodeTemplate.Of(body);
        var nodes = Nodes(pool);
        var updated = nodes.Count(node => template.Matches(node.Read()));
        status["observedGeneration"] = body["metadata"]?["generation"]?.DeepClone();
        (status["replicas"], status["readyReplicas"], status["availableReplicas"], status["updatedReplicas"]) = (nodes.Count, nodes.Count, nodes.Count, updated);
        status["unavailableReplicas"] = Math.Max(0, template.Replicas - nodes.Count);
        var done = nodes.Count == template.Replicas && updated == nodes.Count;
        status["phase"] = done ? "Running" : nodes.Count < template.Replicas ? "ScalingUp" : nodes.Count > template.Replicas && updated == template.Replicas ? "ScalingDown" : "Updating";
        Conditions.Set(status, "Available", nodes.Count >= template.Replicas, "MinimumReplicasAvailable", "", world.Store.Now);
        Conditions.Set(status, "Ready", done, done ? "AllReplicasUpToDate" : "RollingOut", "", world.Store.Now);
    });

    private List<StoredObject> Nodes(StoredObject pool) =>
        [.. world.Store.List("nodes").Where(node => node.Read()["metadata"]?["labels"]?[NodeTemplate.PoolLabel]?.ToString() == pool.Name)];
}
