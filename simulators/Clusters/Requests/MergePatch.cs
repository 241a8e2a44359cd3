using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>
/// JSON merge patch (RFC 7396), and Kubernetes' strategic merge patch: lists that the API declares with a patchMergeKey are merged by
/// it, and <c>$patch</c>, <c>$retainKeys</c> and <c>$deleteFromPrimitiveList</c> are obeyed.
/// </summary>
internal static class MergePatch
{
    private static readonly Dictionary<string, string> mergeKeys = new(StringComparer.Ordinal)
    {
        ["conditions"] = "type", ["addresses"] = "type", ["containers"] = "name", ["initContainers"] = "name", ["env"] = "name", ["volumes"] = "name",
        ["volumeMounts"] = "mountPath", ["imagePullSecrets"] = "name", ["hostAliases"] = "ip", ["ownerReferences"] = "uid", ["webhooks"] = "name",
    };

    public static JsonObject Apply(JsonObject target, JsonObject patch, bool strategic)
    {
        if (strategic && patch["$retainKeys"] is JsonArray retained)
        {
            foreach (var name in target.Select(pair => pair.Key).Where(name => !retained.Any(one => one?.ToString() == name)).ToList()) target.Remove(name);
        }

        foreach (var (name, change) in patch)
        {
            if (strategic && name.StartsWith('$'))
                Direct(target, name, change);
            else if (change is null || (strategic && change is JsonObject removal && removal.Text("$patch") == "delete"))
                target.Remove(name);
            else if (change is JsonObject inner)
                target[name] = Apply(Start(target[name] as JsonObject, inner, strategic), inner, strategic);
            else if (strategic && change is JsonArray items && target[name] is JsonArray present && KeyOf(name, items) is { } key)
                target[name] = Merge(present, items, key);
            else if (strategic && name == "finalizers" && change is JsonArray added && target[name] is JsonArray finalizers)
                AddMissing(finalizers, added);
            else
                target[name] = change.DeepClone();
        }

        return target;
    }

    private static JsonObject Start(JsonObject? existing, JsonObject patch, bool strategic) =>
        existing is null || (strategic && patch.Text("$patch") == "replace") ? [] : (JsonObject)existing.DeepClone();

    private static void Direct(JsonObject target, string directive, JsonNode? change)
    {
        const string delete = "$deleteFromPrimitiveList/";
        if (!directive.StartsWith(delete, StringComparison.Ordinal) || target[directive[delete.Length..]] is not JsonArray list) return;
        foreach (var gone in (change as JsonArray ?? []).ToList())
        {
            if (list.FirstOrDefault(item => JsonNode.DeepEquals(item, gone)) is { } found) list.Remove(found);
        }
    }

    private static string? KeyOf(string name, JsonArray items) => name != "ports" ? mergeKeys.GetValueOrDefault(name)
        : items.FirstOrDefault() is not JsonObject port ? null
        : port.ContainsKey("containerPort") ? "containerPort" : "port";

    private static JsonArray Merge(JsonArray present, JsonArray items, string key)
    {
        if (items.OfType<JsonObject>().Any(item => item.Text("$patch") == "replace" && !item.ContainsKey(key)))
            return [.. items.OfType<JsonObject>().Where(item => item.ContainsKey(key)).Select(item => item.DeepClone())];
        var merged = (JsonArray)present.DeepClone();
        foreach (var item in items.OfType<JsonObject>())
        {
            var index = merged.ToList().FindIndex(node => JsonNode.DeepEquals(node?[key], item[key]));
            if (item.Text("$patch") == "delete")
            {
                if (index >= 0) merged.RemoveAt(index);
            }
            else if (index >= 0) merged[index] = Apply((JsonObject)merged[index]!.DeepClone(), item, strategic: true);
            else merged.Add(item.DeepClone());
        }

        return merged;
    }

    private static void AddMissing(JsonArray list, JsonArray added)
    {
        foreach (var item in added.Where(item => !list.Any(one => JsonNode.DeepEquals(one, item)))) list.Add(item?.DeepClone());
    }
}
