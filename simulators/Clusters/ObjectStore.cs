using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>One version of an object, never changed: the bytes that go over the wire, and what is asked most.</summary>
internal sealed record StoredObject(string Shelf, string Namespace, string Name, string Uid, long Version, byte[] Bytes)
{
    /// <summary>A copy that may be changed.</summary>
    public JsonObject Read() => (JsonObject)JsonNode.Parse(Bytes)!;
}

/// <summary>
/// One cluster's objects by shelf, namespace and name. Versions are bytes, because ten thousand clusters live in one process; who
/// changes an object parses it, and holds <see cref="Gate"/> from reading to writing.
/// </summary>
internal sealed class ObjectStore(TimeProvider time, int historyLimit = 1000)
{
    private static readonly string[] kept = ["name", "namespace", "uid", "creationTimestamp", "resourceVersion"];

    private readonly Dictionary<string, SortedDictionary<string, StoredObject>> shelves = new(StringComparer.Ordinal);
    private long version;

    /// <summary>Held while objects are read and written; reentrant.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Whom changes are told to.</summary>
    public ChangeFeed Feed { get; } = new(historyLimit);

    public long Version
    {
        get
        {
            lock (Gate) return version;
        }
    }

    public StoredObject? Find(string shelf, string ns, string name)
    {
        lock (Gate) return shelves.TryGetValue(shelf, out var objects) && objects.TryGetValue(Key(ns, name), out var found) ? found : null;
    }

    public JsonObject? Get(string shelf, string ns, string name) => Find(shelf, ns, name)?.Read();

    /// <summary>All objects of a shelf, of one namespace if given, by namespace and name.</summary>
    public IReadOnlyList<StoredObject> List(string shelf, string? ns = null)
    {
        lock (Gate)
        {
            if (!shelves.TryGetValue(shelf, out var objects)) return [];
            return ns is null ? [.. objects.Values] : [.. objects.Values.Where(item => item.Namespace == ns)];
        }
    }

    /// <summary>Everything that is in a namespace, or that mentions a text such as an owner's uid.</summary>
    public IReadOnlyList<StoredObject> Everything(Func<StoredObject, bool> which)
    {
        lock (Gate) return [.. shelves.Values.SelectMany(shelf => shelf.Values).Where(which)];
    }

    /// <summary>The stored object, or null if one of that name exists.</summary>
    public StoredObject? Create(string shelf, string ns, string name, JsonObject body)
    {
        lock (Gate)
        {
            if (!shelves.TryGetValue(shelf, out var objects)) shelves[shelf] = objects = new(StringComparer.Ordinal);
            if (objects.ContainsKey(Key(ns, name))) return null;
            Introduce(body, ns, name);
            var stored = Seal(shelf, ns, name, body, ++version);
            objects[Key(ns, name)] = stored;
            Feed.Publish(new Change(version, ChangeType.Added, stored, null));
            return stored;
        }
    }

    /// <summary>Name, uid and time of birth.</summary>
    public void Introduce(JsonObject body, string ns, string name)
    {
        if (body["metadata"] is not JsonObject metadata) body["metadata"] = metadata = [];
        metadata["name"] = name;
        if (ns.Length > 0) metadata["namespace"] = ns;
        metadata["uid"] = Guid.CreateVersion7(time.GetUtcNow()).ToString();
        metadata["creationTimestamp"] = Now;
    }

    /// <summary>The time as Kubernetes writes it.</summary>
    public string Now => time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ");

    /// <summary>Stores a new version. What identifies the object stays as it was.</summary>
    public StoredObject Replace(StoredObject old, JsonObject next)
    {
        lock (Gate)
        {
            var stored = Seal(old.Shelf, old.Namespace, old.Name, next, ++version);
            shelves[old.Shelf][Key(old.Namespace, old.Name)] = stored;
            Feed.Publish(new Change(version, ChangeType.Modified, stored, old));
            return stored;
        }
    }

    /// <summary>Changes an object; what is stored then and whether anything changed, or null if there is none.</summary>
    public (StoredObject Object, bool Changed)? Change(string shelf, string ns, string name, Func<JsonObject, JsonObject> change)
    {
        lock (Gate)
        {
            if (Find(shelf, ns, name) is not { } old) return null;
            var next = change(old.Read());
            var before = old.Read();
            var metadata = next["metadata"] as JsonObject ?? [];
            foreach (var field in kept) metadata[field] = before["metadata"]?[field]?.DeepClone();
            next["metadata"] = metadata;
            return JsonNode.DeepEquals(next, before) ? (old, false) : (Replace(old, next), true);
        }
    }

    public StoredObject? Remove(string shelf, string ns, string name)
    {
        lock (Gate)
        {
            if (!shelves.TryGetValue(shelf, out var objects) || !objects.Remove(Key(ns, name), out var gone)) return null;
            version++;
            if (Feed.IsHeard) Feed.Publish(new Change(version, ChangeType.Deleted, Seal(shelf, ns, name, gone.Read(), version), gone));
            return gone;
        }
    }

    private static string Key(string ns, string name) => $"{ns}/{name}";

    private static StoredObject Seal(string shelf, string ns, string name, JsonObject body, long version)
    {
        var metadata = (JsonObject)body["metadata"]!;
        metadata["resourceVersion"] = $"{version}";
        return new StoredObject(string.Intern(shelf), string.Intern(ns), name, metadata.Text("uid") ?? "", version, Json.Bytes(body));
    }
}
