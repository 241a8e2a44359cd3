using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>CustomResourceDefinitions: their names are accepted, then they are established and their kinds are served; deleting one deletes what it defined.</summary>
internal sealed class CustomResources(ControllerWorld world, ControllerManager controllers)
{
    private static readonly TimeSpan establishing = TimeSpan.FromSeconds(2);

    public void Reconcile(StoredObject item)
    {
        var definition = item.Read();
        if (definition["metadata"]?["deletionTimestamp"] is not null)
        {
            Withdraw(item, definition);
            return;
        }

        if (Conditions.IsTrue(definition["status"] as JsonObject, "Established"))
        {
            world.Kinds.Establish(definition);
            return;
        }

        world.SetStatus(item, null, (body, status) =>
        {
            status["acceptedNames"] = body["spec"]?["names"]?.DeepClone();
            Conditions.Set(status, "NamesAccepted", true, "NoConflicts", "no conflicts found", world.Store.Now);
            Conditions.Set(status, "Established", false, "Installing", "the initial names have been accepted", world.Store.Now);
        });
        world.After(world.Clock.Scale(establishing) + world.Conduct.LateCustomResources, () => Establish(item));
    }

    /// <summary>An object of a custom kind is gone: its definition may be waiting for that.</summary>
    public void InstanceGone(ResourceKind kind)
    {
        if (world.Store.Find("customresourcedefinitions.apiextensions.k8s.io", "", kind.Shelf) is { } item && item.Read() is var definition && definition["metadata"]?["deletionTimestamp"] is not null)
            Withdraw(item, definition);
    }

    private void Establish(StoredObject item)
    {
        world.SetStatus(item, null, (body, status) =>
        {
            Conditions.Set(status, "Established", true, "InitialNamesAccepted", "the initial names have been accepted", world.Store.Now);
            status["storedVersions"] = new JsonArray([.. (body["spec"]?["versions"] as JsonArray ?? []).OfType<JsonObject>()
                .Where(version => version["storage"]?.GetValue<bool>() is true).Select(version => (JsonNode?)version.Text("name"))]);
        });
        if (world.Store.Find(item.Shelf, "", item.Name) is { } now && now.Uid == item.Uid) world.Kinds.Establish(now.Read());
    }

    private void Withdraw(StoredObject item, JsonObject definition)
    {
        foreach (var instance in world.Store.List(item.Name))
        {
            if (instance.Read()["metadata"]?["finalizers"] is JsonArray { Count: > 0 }) continue;
            world.Store.Remove(instance.Shelf, instance.Namespace, instance.Name);
            if (world.Kinds.OnShelf(instance.Shelf) is { } kind) controllers.Removed(kind, instance);
        }

        if (world.Store.List(item.Name).Count > 0 || world.Store.Find(item.Shelf, "", item.Name) is null) return;
        world.Kinds.Withdraw(definition);
        world.Store.Remove(item.Shelf, "", item.Name);
    }
}
