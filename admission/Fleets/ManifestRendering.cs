using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Admission.Fleets;

/// <summary>An override cannot be carried out on a manifest, such as a replacement of what is not there.</summary>
internal sealed class RenderingException(string message) : Exception(message);

/// <summary>A manifest as one member shall have it. Pure.</summary>
internal static class ManifestRendering
{
    private const string ClusterName = "${MEMBER-CLUSTER-NAME}";
    private const string LabelPrefix = "${MEMBER-CLUSTER-LABEL-KEY-";

    /// <returns>Null when the member shall not have it.</returns>
    public static JsonObject? Render(JsonObject manifest, IReadOnlyList<ResourceOverride> overrides, string member, IReadOnlyDictionary<string, string> labels)
    {
        foreach (var rule in overrides.Where(rule => rule.ClusterSelector?.Matches(labels) is not false && IsMeant(rule.Target, manifest)))
        {
            if (rule.OverrideType is OverrideType.Delete)
                return null;
            manifest = (JsonObject)manifest.DeepClone();
            foreach (var patch in rule.JsonPatchOverrides)
                Apply(manifest, patch, value => Fill(value, member, labels));
        }

        return manifest;
    }

    private static bool IsMeant(ObjectSelector? target, JsonObject manifest) =>
        target is null || ((target.Kind is null || target.Kind == manifest["kind"]?.GetValue<string>()) && (target.Name is null || target.Name == manifest["metadata"]?["name"]?.GetValue<string>())
            && (target.Namespace is null || target.Namespace == manifest["metadata"]?["namespace"]?.GetValue<string>()));

    /// <summary>RFC 6902, section 4: add creates or inserts, replace and remove need what they change.</summary>
    private static void Apply(JsonObject manifest, JsonPatchOverride patch, Func<JsonNode?, JsonNode?> fill)
    {
        var path = patch.Path.Split('/').Skip(1).Select(part => part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)).ToList();
        JsonNode? at = manifest;
        foreach (var part in path.SkipLast(1))
            at = Child(at, part) ?? throw new RenderingException($"'{patch.Path}' is not there: there is no '{part}'.");
        var name = path[^1];
        var value = patch.Value is { } given ? fill(JsonNode.Parse(given.GetRawText())) : null;
        switch (at)
        {
            case JsonObject parent when patch.Op is JsonPatchOperation.Add || parent.ContainsKey(name):
                if (patch.Op is JsonPatchOperation.Remove)
                    parent.Remove(name);
                else
                    parent[name] = value;
                break;
            case JsonArray list when patch.Op is JsonPatchOperation.Add && name == "-":
                list.Add(value);
                break;
            case JsonArray list when int.TryParse(name, out var index) && index >= 0 && (index < list.Count || (index == list.Count && patch.Op is JsonPatchOperation.Add)):
                if (patch.Op is JsonPatchOperation.Add)
                    list.Insert(index, value);
                else if (patch.Op is JsonPatchOperation.Remove)
                    list.RemoveAt(index);
                else
                    list[index] = value;
                break;
            default:
                throw new RenderingException($"'{patch.Path}' is not there.");
        }
    }

    private static JsonNode? Child(JsonNode? node, string name) => node switch
    {
        JsonObject parent => parent[name],
        JsonArray list when int.TryParse(name, out var index) && index >= 0 && index < list.Count => list[index],
        _ => null,
    };

    private static JsonNode? Fill(JsonNode? value, string member, IReadOnlyDictionary<string, string> labels)
    {
        switch (value)
        {
            case JsonObject parent:
                foreach (var (name, child) in parent.ToList())
                    parent[name] = Fill(child?.DeepClone(), member, labels);
                return parent;
            case JsonArray list:
                for (var at = 0; at < list.Count; at++)
                    list[at] = Fill(list[at]?.DeepClone(), member, labels);
                return list;
            case JsonValue text when text.TryGetValue<string>(out var written) && written.Contains("${", StringComparison.Ordinal):
                return Fill(written, member, labels);
            default:
                return value;
        }
    }

    private static string Fill(string text, string member, IReadOnlyDictionary<string, string> labels)
    {
        text = text.Replace(ClusterName, member, StringComparison.Ordinal);
        for (var from = text.IndexOf(LabelPrefix, StringComparison.Ordinal); from >= 0; from = text.IndexOf(LabelPrefix, from, StringComparison.Ordinal))
        {
            var end = text.IndexOf('}', from);
            if (end < 0)
                break;
            var key = text[(from + LabelPrefix.Length)..end];
            var label = labels.GetValueOrDefault(key) ?? throw new RenderingException($"The member has no label '{key}', which an override asks for.");
            text = string.Concat(text.AsSpan(0, from), label, text.AsSpan(end + 1));
        }

        return text;
    }
}
