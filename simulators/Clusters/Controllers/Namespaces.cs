using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>A namespace that is deleted takes its content along, over time, and goes when the last of it has gone.</summary>
internal sealed class Namespaces(ControllerWorld world, ControllerManager controllers)
{
    private static readonly TimeSpan contentDuration = TimeSpan.FromSeconds(5);

    public void Reconcile(StoredObject item, bool isNew)
    {
        if (isNew) world.Later(TimeSpan.FromSeconds(1), () => AddDefaults(item.Name));
        else if (IsTerminating(item)) world.Later(contentDuration, () => Empty(item));
    }

    /// <summary>Something in a namespace is gone: perhaps the last thing.</summary>
    public void ContentGone(string name)
    {
        if (world.Store.Find("namespaces", "", name) is { } item && IsTerminating(item)) Finish(item);
    }

    private static bool IsTerminating(StoredObject item) => item.Read()["metadata"]?["deletionTimestamp"] is not null;

    private void AddDefaults(string name)
    {
        if (world.Store.Find("namespaces", "", name) is null) return;
        world.Store.Create("serviceaccounts", name, "default", new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ServiceAccount" });
        world.Store.Create("configmaps", name, "kube-root-ca.crt", new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ConfigMap", ["data"] = new JsonObject { ["ca.crt"] = "" } });
    }

    private void Empty(StoredObject item)
    {
        foreach (var content in world.Store.Everything(one => one.Namespace == item.Name))
        {
            var body = content.Read();
            if (body["metadata"]?["finalizers"] is JsonArray { Count: > 0 })
            {
                if (body["metadata"]!["deletionTimestamp"] is not null) continue;
                body["metadata"]!["deletionTimestamp"] = world.Store.Now;
                world.Store.Replace(content, body);
                continue;
            }

            world.Store.Remove(content.Shelf, content.Namespace, content.Name);
            if (world.Kinds.OnShelf(content.Shelf) is { } kind) controllers.Removed(kind, content);
        }

        Finish(item);
    }

    private void Finish(StoredObject item)
    {
        if (world.Store.Find("namespaces", "", item.Name)?.Uid != item.Uid) return;
        var left = world.Store.Everything(one => one.Namespace == item.Name);
        if (left.Count == 0)
        {
            world.Store.Remove("namespaces", "", item.Name);
            return;
        }

        world.SetStatus(item, null, (_, status) =>
        {
            var kinds = string.Join(", ", left.GroupBy(one => one.Shelf, StringComparer.Ordinal).Select(group => $"{group.Key} has {group.Count()} resource instances"));
            Conditions.Set(status, "NamespaceContentRemaining", true, "SomeResourcesRemain", $"Some resources are remaining: {kinds}", world.Store.Now);
            Conditions.Set(status, "NamespaceFinalizersRemaining", true, "SomeFinalizersRemain", "Some content in the namespace has finalizers remaining", world.Store.Now);
        });
    }
}
