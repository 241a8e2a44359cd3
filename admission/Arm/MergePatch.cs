using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Admission.Arm;

/// <summary>RFC 7396 JSON merge patch.</summary>
internal static class MergePatch
{
    public static JsonNode? Apply(JsonNode? target, JsonElement patch)
    {
        if (patch.ValueKind is not JsonValueKind.Object)
            return JsonNode.Parse(patch.GetRawText());
        var result = target as JsonObject ?? [];
        foreach (var member in patch.EnumerateObject())
        {
            if (member.Value.ValueKind is JsonValueKind.Null)
                result.Remove(member.Name);
            else
                result[member.Name] = Apply(result[member.Name]?.DeepClone(), member.Value);
        }

        return result;
    }

    /// <summary>The patch that makes <paramref name="to"/> out of <paramref name="from"/>.</summary>
    public static JsonObject Between(JsonObject? from, JsonObject? to)
    {
        var patch = new JsonObject();
        foreach (var (name, _) in from ?? [])
        {
            if (to?.ContainsKey(name) is not true)
                patch[name] = null;
        }

        foreach (var (name, value) in to ?? [])
        {
            var before = from?[name];
            if (JsonNode.DeepEquals(before, value))
                continue;
            patch[name] = before is JsonObject inner && value is JsonObject wanted ? Between(inner, wanted) : value?.DeepClone();
        }

        return patch;
    }
}
