namespace ControlPlane.Api.Arm;

/// <summary>Every action that a role can name: the permissions of all routes, so that what is listed is what is judged.</summary>
internal static class ProviderOperations
{
    private const string Provider = "/providers/Microsoft.Authorization/providerOperations";

    public static void Map(IEndpointRouteBuilder app)
    {
        foreach (var provider in ProviderEndpoints.Namespaces)
            app.MapArm(HttpMethod.Get, $"/providers/{provider}/operations", new("Operations_List", Action: null, "The actions of the namespace.") { IsPaged = true, Answers = [new(200, "All of them.", typeof(Page<Operation>))] }, http => ListAsync(http, provider));
        app.MapArm(HttpMethod.Get, Provider, new("ProviderOperationsMetadata_List", Action: null, "The actions of every namespace.") { IsPaged = true, Answers = [new(200, "All of them.", typeof(Page<ProviderOperationsMetadata>))] }, AllAsync);
        app.MapArm(HttpMethod.Get, Provider + "/{provider}", new("ProviderOperationsMetadata_Get", Action: null, "The actions of a namespace, by resource type.") { Answers = [new(200, "They.", typeof(ProviderOperationsMetadata))] }, OneAsync);
    }

    private static Task ListAsync(HttpContext http, string provider)
    {
        ApiVersion.Require(http, type: null);
        return http.AnswerAsync(new Page<Operation>(Of(http, provider), NextLink: null));
    }

    private static Task AllAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        return http.AnswerAsync(new Page<ProviderOperationsMetadata>([.. ProviderEndpoints.Namespaces.Select(provider => Metadata(http, provider))], NextLink: null));
    }

    private static Task OneAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var name = (string)http.Request.RouteValues["provider"]!;
        return http.AnswerAsync(Metadata(http, ProviderEndpoints.Namespaces.FirstOrDefault(known => known.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? throw ArmErrors.NamespaceNotFound(name)));
    }

    private static IReadOnlyList<Operation> Of(HttpContext http, string provider) =>
    [
        .. http.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints.Select(endpoint => endpoint.Metadata.GetMetadata<ArmRoute>())
            .Where(route => route?.Action?.StartsWith(provider + "/", StringComparison.OrdinalIgnoreCase) is true)
            .DistinctBy(route => (route!.Action!.ToLowerInvariant(), route.IsDataAction)).OrderBy(route => route!.Action, StringComparer.OrdinalIgnoreCase)
            .Select(route => new Operation(route!.Action!, route.IsDataAction, new(provider, ResourceOf(route.Action!), route.Action![(route.Action!.IndexOf('/') + 1)..], route.Summary), "user,system")),
    ];

    private static ProviderOperationsMetadata Metadata(HttpContext http, string provider)
    {
        var byType = Of(http, provider).ToLookup(operation => operation.Display.Resource, StringComparer.OrdinalIgnoreCase);
        return new($"{Provider}/{provider}", provider, "Microsoft.Authorization/providerOperations", provider,
            [.. byType.Where(type => type.Key.Length > 0).Select(type => new ResourceTypeOperations(type.Key, type.Key, [.. type.Select(Shown)]))], [.. byType[""].Select(Shown)]);

        static ProviderOperation Shown(Operation operation) => new(operation.Name, operation.Display.Operation, operation.Display.Description, operation.IsDataAction);
    }

    /// <summary>What stands between the namespace and the verb; empty for actions of the namespace itself.</summary>
    private static string ResourceOf(string action)
    {
        var parts = action.Split('/');
        return string.Join('/', parts[1..^(parts[^1].Equals("action", StringComparison.OrdinalIgnoreCase) ? 2 : 1)]);
    }

    /// <summary>An action (ARM RPC, operations API).</summary>
    internal sealed record Operation(string Name, bool IsDataAction, OperationDisplay Display, string Origin);

    internal sealed record OperationDisplay(string Provider, string Resource, string Operation, string Description);

    /// <summary>What <c>az provider operation show</c> reads (2018-01-01-preview).</summary>
    internal sealed record ProviderOperationsMetadata(string Id, string Name, string Type, string DisplayName, IReadOnlyList<ResourceTypeOperations> ResourceTypes, IReadOnlyList<ProviderOperation> Operations);

    internal sealed record ResourceTypeOperations(string Name, string DisplayName, IReadOnlyList<ProviderOperation> Operations);

    internal sealed record ProviderOperation(string Name, string DisplayName, string Description, bool IsDataAction);
}
