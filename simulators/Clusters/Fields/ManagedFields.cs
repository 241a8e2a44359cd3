using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Fields;

/// <summary>Who owns what: the entries of <c>metadata.managedFields</c>.</summary>
internal sealed class ManagedFields
{
    private readonly List<Entry> entries = [];

    /// <summary>One manager's fields. The same name is another manager when it updates instead of applying.</summary>
    internal sealed class Entry
    {
        public required string Manager { get; init; }

        /// <summary><c>Apply</c> or <c>Update</c>.</summary>
        public required string Operation { get; init; }

        public required string Subresource { get; init; }
        public required string ApiVersion { get; set; }
        public required string Time { get; set; }
        public required FieldSet Fields { get; set; }
    }

    public IEnumerable<Entry> Entries => entries;

    public static ManagedFields Of(JsonObject body)
    {
        var fields = new ManagedFields();
        foreach (var entry in (body["metadata"]?["managedFields"] as JsonArray ?? []).OfType<JsonObject>())
        {
            fields.entries.Add(new Entry
            {
                Manager = entry.Text("manager") ?? "unknown", Operation = entry.Text("operation") ?? "Update", Subresource = entry.Text("subresource") ?? "",
                ApiVersion = entry.Text("apiVersion") ?? "", Time = entry.Text("time") ?? "", Fields = FieldSet.Parse(entry["fieldsV1"] as JsonObject),
            });
        }

        return fields;
    }

    public Entry? Find(string manager, string operation, string subresource) =>
        entries.Find(entry => entry.Manager == manager && entry.Operation == operation && entry.Subresource == subresource);

    /// <summary>The entry of a manager, made if need be.</summary>
    public Entry Own(string manager, string operation, string subresource, string apiVersion, string now)
    {
        if (Find(manager, operation, subresource) is { } known) return known;
        var made = new Entry { Manager = manager, Operation = operation, Subresource = subresource, ApiVersion = apiVersion, Time = now, Fields = new FieldSet() };
        entries.Add(made);
        return made;
    }

    /// <summary>Notes a create, an update or a patch: what it changed is its manager's now, and nobody else's.</summary>
    public void Update(string manager, string subresource, ResourceKind kind, FieldSet changed, FieldSet removed, string now)
    {
        if (changed.IsEmpty && removed.IsEmpty) return;
        foreach (var entry in entries) entry.Fields.Subtract(changed).Prune(removed);
        if (!changed.IsEmpty)
        {
            var mine = Own(manager, "Update", subresource, kind.ApiVersion, now);
            mine.Fields.Add(changed);
            (mine.ApiVersion, mine.Time) = (kind.ApiVersion, now);
        }
    }

    public void Store(JsonObject body)
    {
        entries.RemoveAll(entry => entry.Fields.IsEmpty);
        var metadata = (JsonObject)body["metadata"]!;
        metadata.Remove("managedFields");
        if (entries.Count > 0) metadata["managedFields"] = new JsonArray([.. entries.Select(ToJson)]);
    }

    /// <summary>Something has changed: the entry that is stored already is of now.</summary>
    public void Touch(JsonObject body, Entry entry, string now)
    {
        entry.Time = now;
        if (entries.IndexOf(entry) is >= 0 and var at) body["metadata"]!["managedFields"]![at]!["time"] = now;
    }

    private static JsonNode ToJson(Entry entry)
    {
        var json = new JsonObject
        {
            ["manager"] = entry.Manager, ["operation"] = entry.Operation, ["apiVersion"] = entry.ApiVersion, ["time"] = entry.Time,
            ["fieldsType"] = "FieldsV1", ["fieldsV1"] = entry.Fields.ToJson(),
        };
        if (entry.Subresource.Length > 0) json["subresource"] = entry.Subresource;
        return json;
    }
}
