using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Fields;

/// <summary>A field that somebody else owns with another value.</summary>
internal sealed record FieldConflict(string Manager, string Field);

/// <summary>
/// Server-side apply: what a manager wants is merged into the object, what it no longer wants and nobody else owns is removed, and what
/// another manager holds with another value is a conflict, or is taken over by force.
/// </summary>
internal static class ServerSideApply
{
    /// <summary>The merged object, its managed fields included; or the conflicts.</summary>
    public static (JsonObject Merged, IReadOnlyList<FieldConflict> Conflicts) Apply(JsonObject live, JsonObject wanted, ResourceKind kind, string manager, string subresource, bool force, string now)
    {
        var managed = ManagedFields.Of(live);
        var fields = ObjectFields.Of(wanted, kind);
        var merged = (JsonObject)live.DeepClone();
        Merge(merged, wanted, kind, kind.Schema, isRoot: true);

        var others = managed.Entries.Where(entry => !(entry.Manager == manager && entry.Operation == "Apply" && entry.Subresource == subresource)).ToList();
        var conflicts = new List<FieldConflict>();
        foreach (var other in others)
        {
            var taken = new FieldSet();
            Contested(other.Fields, fields, live, merged, "", taken, path => conflicts.Add(new FieldConflict(Describe(other), path)));
            if (force) other.Fields.Subtract(taken);
        }

        if (conflicts.Count > 0 && !force) return (live, conflicts);

        if (managed.Find(manager, "Apply", subresource) is { } before)
        {
            var given = before.Fields.Copy().Subtract(fields);
            foreach (var other in others) given.Subtract(other.Fields);
            Remove(merged, given, others.ConvertAll(other => other.Fields));
        }

        var mine = managed.Own(manager, "Apply", subresource, kind.ApiVersion, now);
        (mine.Fields, mine.ApiVersion) = (fields, kind.ApiVersion);
        managed.Store(merged);
        if (!JsonNode.DeepEquals(merged, live)) managed.Touch(merged, mine, now);
        return (merged, []);
    }

    private static string Describe(ManagedFields.Entry entry)
    {
        var described = new StringBuilder($"\"{entry.Manager}\"");
        if (entry.Subresource.Length > 0) described.Append($" with subresource \"{entry.Subresource}\"");
        return described.Append(entry.Operation == "Apply" ? "" : $" using {entry.ApiVersion}").ToString();
    }

    private static void Merge(JsonObject target, JsonObject wanted, ResourceKind kind, JsonObject? schema, bool isRoot = false)
    {
        foreach (var (name, value) in wanted)
        {
            if (value is null || (target[name] is null && Omitted.IsOmitted(name, value, kind))) continue;
            var below = isRoot && name == "metadata" ? null : ListShapes.Below(schema, name);
            var (shape, keys) = ListShapes.Of(name, value, kind, below);
            switch (shape, value, target[name])
            {
                case (FieldShape.Granular, JsonObject inner, JsonObject present):
                    Merge(present, inner, kind, below);
                    break;
                case (FieldShape.Keyed, JsonArray items, JsonArray present):
                    MergeItems(present, items, keys, kind, ListShapes.Items(below));
                    break;
                case (FieldShape.Set, JsonArray items, JsonArray present):
                    foreach (var item in items.Where(item => !present.Any(one => JsonNode.DeepEquals(one, item)))) present.Add(item?.DeepClone());
                    break;
                default:
                    if (!JsonNode.DeepEquals(target[name], value)) target[name] = value.DeepClone();
                    break;
            }
        }
    }

    private static void MergeItems(JsonArray present, JsonArray items, string[] keys, ResourceKind kind, JsonObject? schema)
    {
        foreach (var item in items.OfType<JsonObject>())
        {
            var key = ListShapes.KeyOf(item, keys);
            if (present.FirstOrDefault(one => ListShapes.KeyOf(one, keys) == key) is JsonObject known) Merge(known, item, kind, schema);
            else present.Add(item.DeepClone());
        }
    }

    /// <summary>The fields that both own and whose value the merge changed.</summary>
    private static void Contested(FieldSet theirs, FieldSet mine, JsonNode? live, JsonNode? merged, string path, FieldSet taken, Action<string> found)
    {
        foreach (var (step, child) in theirs.Children)
        {
            if (mine[step] is not { } wanted) continue;
            var (old, now) = (ObjectFields.Step(live, step), ObjectFields.Step(merged, step));
            if (JsonNode.DeepEquals(old, now)) continue;
            var here = path + Show(step);
            if (child.IsLeaf && wanted.IsLeaf)
            {
                taken.Below(step).Add(child);
                found(here);
                continue;
            }

            Contested(child, wanted, old, now, here, taken.Below(step), found);
        }
    }

    /// <summary>Takes fields out of an object; a list's item goes with its last owner, an object that became empty goes too.</summary>
    private static void Remove(JsonNode? node, FieldSet given, IReadOnlyList<FieldSet> others)
    {
        foreach (var (step, child) in given.Children)
        {
            var theirs = others.Select(other => other[step]).OfType<FieldSet>().ToList();
            var target = ObjectFields.Step(node, step);
            if (target is null) continue;
            if (child.IsMember && theirs.Count == 0)
            {
                Detach(node, step, target);
                continue;
            }

            Remove(target, child, theirs);
            if (target is JsonObject { Count: 0 } or JsonArray { Count: 0 } && theirs.Count == 0) Detach(node, step, target);
        }
    }

    private static void Detach(JsonNode? parent, string step, JsonNode target)
    {
        if (parent is JsonObject map) map.Remove(step[2..]);
        else (parent as JsonArray)?.Remove(target);
    }

    /// <summary><c>f:spec</c> as <c>.spec</c>, <c>k:{"name":"web"}</c> as <c>[name="web"]</c>.</summary>
    private static string Show(string step) => step[0] switch
    {
        'f' => "." + step[2..],
        'k' => "[" + string.Join(",", ((JsonObject)JsonNode.Parse(step[2..])!).Select(pair => $"{pair.Key}={pair.Value?.ToJsonString(Json.Compact)}")) + "]",
        _ => $"[={step[2..]}]",
    };
}
