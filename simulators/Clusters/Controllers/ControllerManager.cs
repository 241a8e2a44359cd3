using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>What the controllers of one cluster share.</summary>
internal sealed record ControllerWorld(ObjectStore Store, KindCatalog Kinds, VirtualClock Clock, ClusterConduct Conduct, CancellationToken Stop)
{
    /// <summary>Does something after a realistic duration, at once when the clock is instant; holds the store while it does it.</summary>
    public void Later(TimeSpan realistic, Action act) => After(Clock.Scale(realistic), act);

    /// <summary>Does something after a duration of the wall clock.</summary>
    public void After(TimeSpan duration, Action act)
    {
        if (duration < TimeSpan.FromMilliseconds(1))
        {
            lock (Store.Gate) act();
            return;
        }

        _ = DelayedAsync(duration, act);
    }

    /// <summary>Changes a status; nothing happens if the object is gone or of another generation by now.</summary>
    public void SetStatus(StoredObject item, long? generation, Action<JsonObject, JsonObject> set) => Store.Change(item.Shelf, item.Namespace, item.Name, body =>
    {
        if ((body["metadata"] as JsonObject).Text("uid") != item.Uid || (generation is not null && body["metadata"]?["generation"]?.GetValue<long>() != generation)) return body;
        if (body["status"] is not JsonObject status) body["status"] = status = [];
        set(body, status);
        return body;
    });

    private async Task DelayedAsync(TimeSpan duration, Action act)
    {
        try
        {
            await Clock.WallDelayAsync(duration, Stop);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        lock (Store.Gate) act();
    }
}

/// <summary>The controllers of one cluster: each hears of writes and makes the world follow.</summary>
internal sealed class ControllerManager
{
    private readonly ControllerWorld world;
    private readonly Workloads workloads;
    private readonly Namespaces namespaces;
    private readonly CustomResources customResources;
    private readonly NodePools nodePools;
    private bool flipping;

    public ControllerManager(ControllerWorld world)
    {
        this.world = world;
        workloads = new Workloads(world);
        namespaces = new Namespaces(world, this);
        customResources = new CustomResources(world, this);
        nodePools = new NodePools(world);
    }

    /// <summary>An object was created or changed by a client.</summary>
    public void Written(ResourceKind kind, StoredObject item, StoredObject? before)
    {
        switch (kind.Shelf)
        {
            case "deployments.apps" or "statefulsets.apps" or "daemonsets.apps" or "replicasets.apps" or "jobs.batch" or "pods":
                workloads.Reconcile(item);
                break;
            case "namespaces":
                namespaces.Reconcile(item, before is null);
                break;
            case "customresourcedefinitions.apiextensions.k8s.io":
                customResources.Reconcile(item);
                break;
            case "machinedeployments.cluster.x-k8s.io":
                nodePools.Reconcile(item);
                break;
            case ControlPlanes.Shelf:
                ControlPlanes.Reconcile(world, item);
                break;
            case "nodes" when before is null:
                NodePods.Add(world.Store, item.Name);
                break;
            default:
                Simple.Reconcile(world, item);
                break;
        }

        if (kind.Namespaced) Simple.Recount(world, kind, item.Namespace);
    }

    /// <summary>An object is gone.</summary>
    public void Removed(ResourceKind kind, StoredObject item)
    {
        if (kind.Shelf == "nodes") NodePods.Collect(world.Store, item.Name);
        if (kind.Shelf == "machinedeployments.cluster.x-k8s.io") nodePools.Reconcile(item);
        if (kind.IsCustom) customResources.InstanceGone(kind);
        if (!kind.Namespaced) return;
        namespaces.ContentGone(item.Namespace);
        Simple.Recount(world, kind, item.Namespace);
    }

    /// <summary>The cluster behaves differently from now on: whatever depends on it is looked at again.</summary>
    public void Reconsider()
    {
        lock (world.Store.Gate)
        {
            foreach (var shelf in Workloads.Shelves)
            {
                foreach (var item in world.Store.List(shelf)) workloads.Reconcile(item);
            }

            foreach (var definition in world.Store.List("customresourcedefinitions.apiextensions.k8s.io")) customResources.Reconcile(definition);
            if (!flipping && world.Conduct.FlipFlop > TimeSpan.Zero) FlipLater();
        }
    }

    private void FlipLater()
    {
        flipping = world.Conduct.FlipFlop > TimeSpan.Zero;
        if (!flipping)
        {
            foreach (var item in world.Store.List("deployments.apps")) workloads.Reconcile(item);
            return;
        }

        world.After(world.Conduct.FlipFlop, () =>
        {
            if (world.Conduct.FlipFlop > TimeSpan.Zero) workloads.Flip();
            FlipLater();
        });
    }
}
