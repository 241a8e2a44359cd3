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
        ["namespaces", var name, "status" or "finalize"] => new ResourcePath(apiVersion, "", "namespaces", name, path[2]),
        ["namespaces", var ns, var resource] => new ResourcePath(apiVersion, ns, resource, null, null),
        ["namespaces", var ns, var resource, var name] => new ResourcePath(apiVersion, ns, resource, name, null),
        ["namespaces", var ns, var resource, var name, var sub] => new ResourcePath(apiVersion, ns, resource, name, sub),
        [var resource] => new ResourcePath(apiVersion, "", resource, null, null),
        [var resource, var name] => new ResourcePath(apiVersion, "", resource, name, null),
        [var resource, var name, var sub] => new ResourcePath(apiVersion, "", resource, name, sub),
        _ => null,
    };
}
