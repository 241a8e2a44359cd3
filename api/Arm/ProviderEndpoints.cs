using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>Provider metadata, from which .NET and az choose their api-version, and an answer for resource types that do not exist.</summary>
internal static class ProviderEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/subscriptions/{subscription}/providers", http => ListAsync(http));
        app.MapGet("/subscriptions/{subscription}/providers/{provider}", GetAsync);
        app.MapGet("/providers", http => ListAsync(http));
        app.MapFallback("/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/{provider}/{type}/{**rest}", Unknown);
        app.MapFallback("/subscriptions/{subscription}/providers/{provider}/{type}/{**rest}", Unknown);
    }

    private static Task ListAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        return SubscriptionEndpoints.AnswerAsync(http, new { value = ResourceTypes.All.GroupBy(type => type.Type.Provider, StringComparer.OrdinalIgnoreCase).Select(types => Shown(http, types)) });
    }

    private static Task GetAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var name = (string)http.Request.RouteValues["provider"]!;
        var provider = ResourceTypes.All.GroupBy(type => type.Type.Provider, StringComparer.OrdinalIgnoreCase).FirstOrDefault(types => types.Key.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw ArmErrors.NamespaceNotFound(name);
        return SubscriptionEndpoints.AnswerAsync(http, Shown(http, provider));
    }

    private static object Shown(HttpContext http, IGrouping<string, RegisteredType> types)
    {
        var locations = http.RequestServices.GetRequiredService<Locations>().Names;
        var subscription = http.Request.RouteValues["subscription"] as string;
        return new
        {
            id = subscription is null ? $"/providers/{types.Key}" : $"/subscriptions/{subscription}/providers/{types.Key}",
            @namespace = types.Key,
            registrationPolicy = "RegistrationFree",
            registrationState = "Registered",
            resourceTypes = types.Select(type => new
            {
                resourceType = type.Type.Name,
                locations,
                apiVersions = type.ApiVersions,
                capabilities = "SupportsTags, SupportsLocation",
            }),
        };
    }

    /// <summary>Which part of the path is wrong: the namespace, or the type in it.</summary>
    private static Task Unknown(HttpContext http)
    {
        var version = ApiVersion.Require(http, type: null);
        var (provider, type) = ((string)http.Request.RouteValues["provider"]!, (string)http.Request.RouteValues["type"]!);
        if (!ResourceTypes.All.Any(known => known.Type.Provider.Equals(provider, StringComparison.OrdinalIgnoreCase)))
            throw ArmErrors.NamespaceNotFound(provider);
        throw ResourceTypes.All.Any(known => known.Type == new ResourceType(provider, type))
            ? ArmErrors.RouteNotFound(http.Request.Path)
            : ArmErrors.TypeNotFound(type, provider, version);
    }
}
