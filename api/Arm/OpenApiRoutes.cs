using System.Text.RegularExpressions;

namespace ControlPlane.Api.Arm;

/// <summary>An operation as the documents show it: its route with parameters named as ARM names them, said once however many scopes it is served at.</summary>
internal sealed partial record DocumentedRoute(string Path, HttpMethod Method, ArmRoute Arm)
{
    private const string Provided = "/providers/";

    /// <summary>Stands for a namespace in a path that is served for all of them.</summary>
    public const string AnyProvider = "{resourceProviderNamespace}";

    /// <summary>The namespace that the path ends in; what stands below none, or below all, is Microsoft.Resources' as in Azure.</summary>
    public string Provider
    {
        get
        {
            var at = Path.LastIndexOf(Provided, StringComparison.Ordinal);
            var name = at < 0 ? "" : Path[(at + Provided.Length)..].Split('/')[0];
            return name.Length == 0 || name.StartsWith('{') ? "Microsoft.Resources" : name;
        }
    }

    /// <summary>False for what is served in another API's shapes, such as Microsoft Graph's.</summary>
    public bool IsArm => !Path.StartsWith("/v1.0/", StringComparison.Ordinal);

    public IEnumerable<string> Parameters => PathParameter().Matches(Path).Select(match => match.Groups["name"].Value);

    /// <summary>Every route with an <see cref="ArmRoute"/>, by path and then in the order in which they were mapped.</summary>
    public static IReadOnlyList<DocumentedRoute> All(EndpointDataSource endpoints) =>
    [
        .. endpoints.Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<ArmRoute>() is { OperationId.Length: > 0 })
            .Select(endpoint => new DocumentedRoute(
                Named(endpoint.RoutePattern.RawText!), HttpMethod.Parse(endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods[0]), endpoint.Metadata.GetRequiredMetadata<ArmRoute>()))
            .GroupBy(route => (route.Arm.OperationId, route.Method))
            .Select(Once)
            .OrderBy(route => route.Path, StringComparer.Ordinal),
    ];

    /// <summary>The routes of one namespace, among them those that are served for every namespace.</summary>
    public static IReadOnlyList<DocumentedRoute> Of(IReadOnlyList<DocumentedRoute> routes, string provider, IReadOnlyList<string> all)
    {
        var own = routes.Where(route => route.IsArm && route.Provider == provider && !route.IsForEveryProvider);
        var shared = routes.Where(route => route.IsForEveryProvider).Select(route => route with { Path = route.Path.Replace(AnyProvider, provider, StringComparison.Ordinal) });
        return [.. own, .. all.Contains(provider, StringComparer.Ordinal) ? shared : []];
    }

    private bool IsForEveryProvider => Path.Contains(AnyProvider + "/", StringComparison.Ordinal);

    /// <summary>What is served at several scopes under one name is one operation at <c>{scope}</c>; what is served for several namespaces, at any of them.</summary>
    private static DocumentedRoute Once(IEnumerable<DocumentedRoute> same)
    {
        var routes = same.ToList();
        if (routes.Count == 1)
            return routes[0];
        if (routes.Select(route => route.Provider).Distinct(StringComparer.Ordinal).Count() > 1)
            return routes[0] with { Path = routes[0].Path.Replace(Provided + routes[0].Provider, Provided + AnyProvider, StringComparison.Ordinal) };
        var tails = routes.Select(route => route.Path[Math.Max(route.Path.LastIndexOf(Provided, StringComparison.Ordinal), 0)..]).Distinct(StringComparer.Ordinal).ToList();
        return tails.Count == 1 ? routes[0] with { Path = "/{scope}" + tails[0] } : routes[0];
    }

    /// <summary>A name is called after the segment before it: <c>racks/{name}</c> becomes <c>racks/{rackName}</c>.</summary>
    private static string Named(string pattern)
    {
        var parts = pattern.Split('/');
        for (var at = 1; at < parts.Length; at++)
        {
            parts[at] = parts[at] switch
            {
                "{subscription}" => "{subscriptionId}",
                "{resourceGroup}" => "{resourceGroupName}",
                "{provider}" => AnyProvider,
                "{id}" when parts[at - 1].StartsWith("operation", StringComparison.Ordinal) => "{operationId}",
                var part when part == "{name}" || part.StartsWith("{parent", StringComparison.Ordinal) || part.StartsWith("{extended", StringComparison.Ordinal) => $"{{{Singular(parts[at - 1])}Name}}",
                var part => part,
            };
        }

        return string.Join('/', parts);
    }

    private static string Singular(string segment) => segment.EndsWith("ies", StringComparison.Ordinal) ? segment[..^3] + "y" : segment.TrimEnd('s');

    [GeneratedRegex(@"\{(?<name>\w+)\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex PathParameter();
}
