using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>Which object a Kubernetes path names.</summary>
internal sealed record ResourcePath(string ApiVersion, string Namespace, string Resource, string? Name, string? Sub)
{
    public static ResourcePath? Parse(string path)
    {
        var segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return segments switch
        {
            ["api", var version, .. var rest] => Below(version, [.. rest]),
            ["apis", var group, var version, .. var rest] => Below($"{group}/{version}", [.. rest]),
            _ => null,
        };
    }

    private static ResourcePath? Below(string apiVersion, string[] path) => path switch
    {
        ["namespaces"] => new ResourcePath(apiVersion, "", "namespaces", null, null),
        ["namespaces", var name] => new ResourcePath(apiVersion, "", "namespaces", name, null),
        ["namespaces", var ns, var resource] => new ResourcePath(apiVersion, ns, resource, null, null),
        ["namespaces", var ns, var resource, var name] => new ResourcePath(apiVersion, ns, resource, name, null),
        ["namespaces", var ns, var resource, var name, var sub] => new ResourcePath(apiVersion, ns, resource, name, sub),
        [var resource] => new ResourcePath(apiVersion, "", resource, null, null),
        [var resource, var name] => new ResourcePath(apiVersion, "", resource, name, null),
        [var resource, var name, var sub] => new ResourcePath(apiVersion, "", resource, name, sub),
        _ => null,
    };
}

/// <summary>Field and label selectors, equality only.</summary>
internal static class Selectors
{
    public static bool Matches(JsonObject item, string fields, string labels) =>
        Terms(fields).All(term => Field(item, term.Key) == term.Value == term.Equal)
        && Terms(labels).All(term => ((item["metadata"]?["labels"] as JsonObject).Text(term.Key) == term.Value) == term.Equal);

    private static string? Field(JsonObject item, string path)
    {
        JsonNode? node = item;
        foreach (var name in path.Split('.')) node = (node as JsonObject)?[name];
        return node?.ToString();
    }

    private static IEnumerable<(string Key, string Value, bool Equal)> Terms(string selector) =>
        from term in selector.Split(',', StringSplitOptions.RemoveEmptyEntries)
        let equal = !term.Contains("!=", StringComparison.Ordinal)
        let halves = term.Split(equal ? '=' : '!', 2)
        where halves.Length == 2
        select (halves[0], halves[1].TrimStart('='), equal);
}
