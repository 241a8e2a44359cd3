using System.Globalization;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>What an object meets before it is created: its namespace, and the quotas of that.</summary>
internal static class Admission
{
    /// <summary>Object counts that have a name of their own in a quota, besides <c>count/…</c>.</summary>
    private static readonly HashSet<string> counted = new(["pods", "services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas"], StringComparer.Ordinal);

    /// <summary>The refusal, or null if the object may be created.</summary>
    public static KubernetesAnswer? Refuse(ObjectStore store, ResourceKind kind, string ns, string name)
    {
        if (!kind.Namespaced) return null;
        if (store.Find("namespaces", "", ns) is not { } found)
            return KubernetesAnswer.NotFound(ResourceKinds.ByShelf["namespaces"], ns);
        if ((found.Read()["status"] as JsonObject).Text("phase") == "Terminating")
        {
            var details = KubernetesAnswer.Details(kind, name);
            details["causes"] = new JsonArray(new JsonObject
            {
                ["reason"] = "NamespaceTerminating", ["message"] = $"namespace {ns} is being terminated", ["field"] = "metadata.namespace",
            });
            return KubernetesAnswer.Failure(403, "Forbidden",
                $"{KubernetesAnswer.Qualified(kind)} \"{name}\" is forbidden: unable to create new content in namespace {ns} because it is being terminated", details);
        }

        return store.List("resourcequotas", ns) is { Count: > 0 } quotas ? Exceeds(store, kind, ns, name, quotas) : null;
    }

    /// <summary>How many objects a quota's entry counts, or null if it counts something else.</summary>
    public static int? Used(ObjectStore store, string entry, string ns)
    {
        var shelf = entry.StartsWith("count/", StringComparison.Ordinal) ? entry["count/".Length..] : counted.Contains(entry) ? entry : null;
        return shelf is null ? null : store.List(shelf, ns).Count;
    }

    private static KubernetesAnswer? Exceeds(ObjectStore store, ResourceKind kind, string ns, string name, IReadOnlyList<StoredObject> quotas)
    {
        string[] entries = counted.Contains(kind.Shelf) ? [kind.Shelf, "count/" + kind.Shelf] : ["count/" + kind.Shelf];
        foreach (var quota in quotas)
        {
            var hard = quota.Read()["spec"]?["hard"] as JsonObject;
            foreach (var entry in entries)
            {
                if (hard?[entry]?.ToString() is not { } limit || !int.TryParse(limit, NumberStyles.Integer, CultureInfo.InvariantCulture, out var most)) continue;
                var used = Used(store, entry, ns) ?? 0;
                if (used < most) continue;
                return KubernetesAnswer.Failure(403, "Forbidden",
                    $"{KubernetesAnswer.Qualified(kind)} \"{name}\" is forbidden: exceeded quota: {quota.Name}, requested: {entry}=1, used: {entry}={used}, limited: {entry}={most}",
                    KubernetesAnswer.Details(kind, name));
            }
        }

        return null;
    }
}
