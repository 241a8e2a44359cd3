using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>
/// What is left of a body without its faulty members: the type's rules are checked on it too, so that a caller hears of a wrong type here and a broken rule there in one answer.
/// </summary>
internal static class Sound
{
    /// <summary>Null when what is missing or wrong leaves nothing that could be read as a <typeparamref name="T"/>.</summary>
    public static T? Part<T>(JsonElement json, string root, IReadOnlyList<ErrorBody> faults) where T : class
    {
        var copy = JsonNode.Parse(json.GetRawText());
        foreach (var fault in faults.Where(fault => fault.Target?.StartsWith(root + ".", StringComparison.Ordinal) is true))
            Remove(copy, fault.Target![(root.Length + 1)..]);
        try
        {
            return copy.Deserialize<T>(Json.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>True when a fault at the target, above it or below it is known already: its rules would only repeat that.</summary>
    public static bool Concerns(IReadOnlyList<ErrorBody> faults, string target) => faults.Any(fault => fault.Target is { } known
        && (known == target || IsBelow(known, target) || IsBelow(target, known)));

    private static bool IsBelow(string path, string parent) => path.Length > parent.Length && path.StartsWith(parent, StringComparison.Ordinal) && (path[parent.Length] is '.' or '[');

    private static void Remove(JsonNode? node, string path)
    {
        var dot = path.IndexOf('.', StringComparison.Ordinal);
        var (head, rest) = dot < 0 ? (path, null) : (path[..dot], path[(dot + 1)..]);
        var bracket = head.IndexOf('[', StringComparison.Ordinal);
        var name = bracket < 0 ? head : head[..bracket];
        if (node is not JsonObject parent)
            return;
        // Of a list with a faulty item nothing is kept: its rules speak of the whole list.
        if (rest is null || bracket >= 0)
            parent.Remove(name);
        else
            Remove(parent[name], rest);
    }
}
