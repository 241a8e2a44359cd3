using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>JSON Patch (RFC 6902).</summary>
internal static class JsonPatch
{
    /// <exception cref="FormatException">A path leads nowhere, a test fails, or an operation is unknown.</exception>
    public static JsonObject Apply(JsonObject target, JsonArray patch)
    {
        JsonNode? root = target;
        foreach (var operation in patch.OfType<JsonObject>())
        {
            var path = Steps(operation.Text("path"));
            switch (operation.Text("op"))
            {
                case "add":
                    root = Put(root, path, operation["value"]?.DeepClone(), insert: true);
                    break;
                case "replace":
                    Get(root, path);
                    root = Put(root, path, operation["value"]?.DeepClone(), insert: false);
                    break;
                case "remove":
                    Take(root, path);
                    break;
                case "move":
                    root = Put(root, path, Take(root, Steps(operation.Text("from"))), insert: true);
                    break;
                case "copy":
                    root = Put(root, path, Get(root, Steps(operation.Text("from")))?.DeepClone(), insert: true);
                    break;
                case "test" when !JsonNode.DeepEquals(Get(root, path), operation["value"]):
                    throw new FormatException($"testing value {operation.Text("path")} failed");
                case "test":
                    break;
                default:
                    throw new FormatException($"Unexpected kind: {operation.Text("op")}");
            }
        }

        return root as JsonObject ?? throw new FormatException("the patched document is not an object");
    }

    private static string[] Steps(string? pointer) => pointer is null ? throw new FormatException("missing path")
        : pointer.Length == 0 ? []
        : [.. pointer[1..].Split('/').Select(step => step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];

    private static JsonNode? Get(JsonNode? node, ReadOnlySpan<string> path)
    {
        foreach (var step in path)
        {
            node = node switch
            {
                JsonObject map when map.TryGetPropertyValue(step, out var value) => value,
                JsonArray list => list[Index(list, step, list.Count - 1)],
                _ => throw new FormatException($"there is no {step}"),
            };
        }

        return node;
    }

    private static JsonNode? Put(JsonNode? root, string[] path, JsonNode? value, bool insert)
    {
        if (path.Length == 0) return value;
        switch (Get(root, path.AsSpan(..^1)))
        {
            case JsonObject map:
                map[path[^1]] = value;
                break;
            case JsonArray list when insert:
                list.Insert(path[^1] == "-" ? list.Count : Index(list, path[^1], list.Count), value);
                break;
            case JsonArray list:
                list[Index(list, path[^1], list.Count - 1)] = value;
                break;
            default:
                throw new FormatException($"there is no parent of {path[^1]}");
        }

        return root;
    }

    private static JsonNode? Take(JsonNode? root, string[] path)
    {
        var taken = Get(root, path);
        var parent = Get(root, path.AsSpan(..^1));
        if (parent is JsonObject map) map.Remove(path[^1]);
        else if (parent is JsonArray list) list.RemoveAt(Index(list, path[^1], list.Count - 1));
        return taken;
    }

    private static int Index(JsonArray list, string step, int most) =>
        int.TryParse(step, out var index) && index >= 0 && index <= most ? index : throw new FormatException($"{step} is not an index of a list of {list.Count}");
}
