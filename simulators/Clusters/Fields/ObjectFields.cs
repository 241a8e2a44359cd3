using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters.Fields;

/// <summary>The fields that an object has, and those in which two objects differ.</summary>
internal static class ObjectFields
{
    /// <summary>Nobody owns what the API server writes itself or what names the object.</summary>
    private static readonly HashSet<string> unowned = new(
        ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"],
        StringComparer.Ordinal);

    public static FieldSet Of(JsonObject body, ResourceKind kind)
    {
        var set = new FieldSet();
        foreach (var (name, value) in body)
        {
            if (name is "apiVersion" or "kind") continue;
            if (name == "metadata") AddMetadata(value as JsonObject, kind, set);
            else AddField(name, value, kind, kind.Schema, set);
        }

        return set;
    }

    /// <summary>What was added or changed, and what was removed.</summary>
    public static (FieldSet Changed, FieldSet Removed) Differences(JsonObject before, JsonObject after, ResourceKind kind)
    {
        var (old, now) = (Of(before, kind), Of(after, kind));
        var changed = new FieldSet();
        Compare(now, before, after, changed);
        return (changed, old.Subtract(now));
    }

    /// <summary>What a step of a field set leads to.</summary>
    public static JsonNode? Step(JsonNode? node, string step)
    {
        if (step.StartsWith("f:", StringComparison.Ordinal)) return (node as JsonObject)?[step[2..]];
        if (node is not JsonArray items) return null;
        if (step.StartsWith("v:", StringComparison.Ordinal)) return items.FirstOrDefault(item => ListShapes.ValueOf(item) == step);
        var keys = KeysOf(step);
        return items.FirstOrDefault(item => ListShapes.KeyOf(item, keys) == step);
    }

    /// <summary>The names of the keys in <c>k:{…}</c>.</summary>
    public static string[] KeysOf(string step) => [.. ((JsonObject)JsonNode.Parse(step[2..])!).Select(pair => pair.Key)];

    private static void AddMetadata(JsonObject? metadata, ResourceKind kind, FieldSet set)
    {
        foreach (var (name, value) in metadata ?? [])
        {
            if (!unowned.Contains(name)) AddField(name, value, kind, null, set.Below("f:metadata"));
        }
    }

    private static void AddField(string name, JsonNode? value, ResourceKind kind, JsonObject? parent, FieldSet set)
    {
        if (value is null) return;
        var field = set.Below("f:" + name);
        var schema = ListShapes.Below(parent, name);
        var (shape, keys) = ListShapes.Of(name, value, kind, schema);
        switch (shape, value)
        {
            case (FieldShape.Granular, JsonObject { Count: > 0 } map):
                foreach (var (inner, below) in map) AddField(inner, below, kind, schema, field);
                break;
            case (FieldShape.Keyed, JsonArray { Count: > 0 } items):
                foreach (var item in items.OfType<JsonObject>())
                {
                    var element = field.Below(ListShapes.KeyOf(item, keys));
                    element.IsMember = true;
                    foreach (var (inner, below) in item) AddField(inner, below, kind, ListShapes.Items(schema), element);
                }

                break;
            case (FieldShape.Set, JsonArray { Count: > 0 } values):
                foreach (var item in values) field.Below(ListShapes.ValueOf(item)).IsMember = true;
                break;
            default:
                field.IsMember = true;
                break;
        }
    }

    private static void Compare(FieldSet fields, JsonNode? before, JsonNode? after, FieldSet changed)
    {
        foreach (var (step, child) in fields.Children)
        {
            var (old, now) = (Step(before, step), Step(after, step));
            if (child.IsLeaf)
            {
                if (!JsonNode.DeepEquals(old, now)) changed.Below(step).IsMember = true;
                continue;
            }

            if (old is not null && JsonNode.DeepEquals(old, now)) continue;
            var below = new FieldSet { IsMember = child.IsMember && old is null };
            Compare(child, old, now, below);
            if (!below.IsEmpty) changed.Below(step).Add(below);
        }
    }
}
