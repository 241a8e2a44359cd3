using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters;

/// <summary>JSON merge patch (RFC 7396), and the part of Kubernetes' strategic merge that matters: keyed lists are merged by key.</summary>
internal static class MergePatch
{
    /// <summary>Lists that the Kubernetes API declares with a patchMergeKey.</summary>
    private static readonly Dictionary<string, string> mergeKeys = new(StringComparer.Ordinal)
    {
        ["conditions"] = "type", ["taints"] = "key", ["addresses"] = "type", ["containers"] = "name", ["ownerReferences"] = "uid",
    };

    public static JsonObject Apply(JsonObject target, JsonObject patch, bool strategic)
    {
        foreach (var (name, change) in patch)
        {
            if (change is null)
                target.Remove(name);
            else if (change is JsonObject inner)
                target[name] = Apply(target[name] as JsonObject is { } existing ? (JsonObject)existing.DeepClone() : [], inner, strategic);
            else if (strategic && change is JsonArray items && target[name] is JsonArray present && mergeKeys.TryGetValue(name, out var key))
                target[name] = Merge(present, items, key);
            else
                target[name] = change.DeepClone();
        }

        return target;
    }

    private static JsonArray Merge(JsonArray present, JsonArray items, string key)
    {
        var merged = (JsonArray)present.DeepClone();
        foreach (var item in items.OfType<JsonObject>())
        {
            var index = merged.ToList().FindIndex(node => JsonNode.DeepEquals(node?[key], item[key]));
            if (item["$patch"]?.GetValue<string>() is "delete")
            {
                if (index >= 0) merged.RemoveAt(index);
            }
            else if (index >= 0) merged[index] = Apply((JsonObject)merged[index]!.DeepClone(), item, strategic: true);
            else merged.Add(item.DeepClone());
        }

        return merged;
    }
}
