using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters.Fields;

/// <summary>Maps that a built-in kind does not show when they are empty (<c>omitempty</c>), however they were written.</summary>
internal static class Omitted
{
    private static readonly HashSet<string> maps = new(["data", "binaryData", "labels", "annotations"], StringComparer.Ordinal);

    public static bool IsOmitted(string name, JsonNode? value, ResourceKind kind) => !kind.IsCustom && value is JsonObject { Count: 0 } && maps.Contains(name);

    public static void Clean(JsonObject body, ResourceKind kind)
    {
        foreach (var part in new[] { body, body["metadata"] as JsonObject, body["spec"]?["template"]?["metadata"] as JsonObject })
        {
            foreach (var name in (part ?? []).Where(pair => IsOmitted(pair.Key, pair.Value, kind)).Select(pair => pair.Key).ToList()) part!.Remove(name);
        }
    }
}
