using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>Kubernetes objects by resource, namespace and name, with uid, creation time and resource version. Returns copies.</summary>
internal sealed class ObjectStore(TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, SortedDictionary<string, JsonObject>> objects = new(StringComparer.Ordinal);
    private long version;

    public long Version
    {
        get
        {
            lock (gate) return version;
        }
    }

    public JsonObject? Get(string resource, string ns, string name)
    {
        lock (gate) return Shelf(resource).TryGetValue(Key(ns, name), out var found) ? (JsonObject)found.DeepClone() : null;
    }

    /// <summary>All objects of a resource, of one namespace if given.</summary>
    public IReadOnlyList<JsonObject> List(string resource, string? ns = null)
    {
        lock (gate)
        {
            return [.. Shelf(resource).Where(pair => ns is null || pair.Key.StartsWith(ns + "/", StringComparison.Ordinal)).Select(pair => (JsonObject)pair.Value.DeepClone())];
        }
    }

    /// <summary>Facts about all objects of a resource in a namespace, without copying them.</summary>
    public IReadOnlyList<T> Select<T>(string resource, string ns, Func<JsonObject, T> fact)
    {
        lock (gate) return [.. Shelf(resource).Where(pair => pair.Key.StartsWith(ns + "/", StringComparison.Ordinal)).Select(pair => fact(pair.Value))];
    }

    /// <summary>The stored object, or null if one of that name exists.</summary>
    public JsonObject? Create(string resource, string ns, string name, JsonObject body)
    {
        lock (gate)
        {
            var fresh = (JsonObject)body.DeepClone();
            if (fresh["metadata"] is not JsonObject metadata) fresh["metadata"] = metadata = [];
            metadata["name"] = name;
            if (ns.Length > 0) metadata["namespace"] = ns;
            metadata["uid"] = Guid.CreateVersion7(time.GetUtcNow()).ToString();
            metadata["creationTimestamp"] = time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ");
            metadata["resourceVersion"] = $"{version + 1}";
            MoveStringData(fresh);
            if (!Shelf(resource).TryAdd(Key(ns, name), fresh)) return null;
            version++;
            return (JsonObject)fresh.DeepClone();
        }
    }

    /// <summary>Changes an object in place; the result and whether anything changed, or null if there is none.</summary>
    public (JsonObject Object, bool Changed)? Change(string resource, string ns, string name, Func<JsonObject, JsonObject> change)
    {
        lock (gate)
        {
            if (!Shelf(resource).TryGetValue(Key(ns, name), out var current)) return null;
            var next = change((JsonObject)current.DeepClone());
            MoveStringData(next);
            var metadata = next["metadata"] as JsonObject ?? [];
            foreach (var kept in new[] { "name", "namespace", "uid", "creationTimestamp", "resourceVersion" })
                metadata[kept] = current["metadata"]?[kept]?.DeepClone();
            next["metadata"] = metadata;
            if (JsonNode.DeepEquals(next, current)) return (next, false);
            metadata["resourceVersion"] = $"{++version}";
            Shelf(resource)[Key(ns, name)] = next;
            return ((JsonObject)next.DeepClone(), true);
        }
    }

    public JsonObject? Delete(string resource, string ns, string name)
    {
        lock (gate)
        {
            if (!Shelf(resource).Remove(Key(ns, name), out var gone)) return null;
            version++;
            return gone;
        }
    }

    private static string Key(string ns, string name) => $"{ns}/{name}";

    private SortedDictionary<string, JsonObject> Shelf(string resource)
    {
        if (!objects.TryGetValue(resource, out var shelf)) objects[resource] = shelf = new(StringComparer.Ordinal);
        return shelf;
    }

    /// <summary>A Secret's <c>stringData</c> is write-only: it ends up in <c>data</c>, base64-encoded.</summary>
    private static void MoveStringData(JsonObject body)
    {
        if (body["stringData"] is not JsonObject plain) return;
        if (body["data"] is not JsonObject data) body["data"] = data = [];
        foreach (var (key, _) in plain) data[key] = Convert.ToBase64String(Encoding.UTF8.GetBytes(plain.Text(key) ?? ""));
        body.Remove("stringData");
    }
}
