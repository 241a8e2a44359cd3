using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>Provider metadata, from which .NET and az choose their api-version; registration of namespaces; and an answer for resource types that do not exist.</summary>
internal static class ProviderEndpoints
{
    /// <summary>What is served at addresses of its own rather than as resources of a type.</summary>
    private static readonly (string Provider, string[] Types)[] Others =
    [
        ("Microsoft.Resources", ["subscriptions", "tenants", "providers", "tags", "resources"]), ("Microsoft.Authorization", ["permissions", "providerOperations"]), ("Microsoft.Insights", ["eventtypes"]),
        ("ControlPlane.Identity", ["applications", "servicePrincipals", "users", "groups"]), ("Microsoft.PolicyInsights", ["policyStates"]), ("Microsoft.Quota", ["quotas"]), ("Microsoft.Consumption", ["usageDetails", "pricesheets"]), ("Microsoft.ResourceGraph", ["resources"]), ("Microsoft.ContainerService", ["fleets/gates"]),
    ];

    /// <summary>Without these nothing could be done, not even registering.</summary>
    private static readonly string[] AlwaysRegistered = ["Microsoft.Resources", "Microsoft.Authorization"];

    /// <summary>Every namespace, in order.</summary>
    public static IReadOnlyList<string> Namespaces { get; } =
        [.. ResourceTypes.All.Select(type => type.Type.Provider).Concat(Others.Select(other => other.Provider)).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase)];

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/providers", Listed("Providers_List") with { IsForAllWhoSee = true }, ListAsync);
        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/providers/{provider}", One("Providers_Get") with { IsForAllWhoSee = true }, GetAsync);
        app.MapArm(HttpMethod.Get, "/providers", Listed("Providers_ListAtTenantScope") with { Action = null }, ListAsync);
        app.MapArm(HttpMethod.Get, "/providers/{provider}", One("Providers_GetAtTenantScope") with { Action = null }, GetAsync);
        foreach (var provider in Namespaces)
        {
            app.MapArm(HttpMethod.Post, $"/subscriptions/{{subscription}}/providers/{provider}/register", Changed("Providers_Register", $"{provider}/register/action", "Let the subscription use the namespace."), http => ChangeAsync(http, provider, register: true));
            app.MapArm(HttpMethod.Post, $"/subscriptions/{{subscription}}/providers/{provider}/unregister", Changed("Providers_Unregister", $"{provider}/unregister/action", "Refuse writes to the namespace in the subscription."), http => ChangeAsync(http, provider, register: false));
        }

        app.MapFallback("/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/{provider}/{type}/{**rest}", Unknown).WithMetadata(ResourceRoutes.Unknown);
        app.MapFallback("/subscriptions/{subscription}/providers/{provider}/{type}/{**rest}", Unknown).WithMetadata(ResourceRoutes.Unknown);
    }

    private static ArmRoute Listed(string id) => new(id, "Microsoft.Resources/subscriptions/providers/read", "Every namespace with its resource types and their api-versions.") { IsPaged = true, Answers = [new(200, "All of them.", typeof(Page<Provider>))] };

    private static ArmRoute One(string id) => new(id, "Microsoft.Resources/subscriptions/providers/read", "A namespace with its resource types and their api-versions.") { Answers = [new(200, "The namespace.", typeof(Provider))] };

    private static ArmRoute Changed(string id, string action, string summary) => new(id, action, summary) { Answers = [new(200, "The namespace.", typeof(Provider))] };

    private static async Task ListAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var subscription = await SubscriptionAsync(http);
        await http.AnswerAsync(new Page<Provider>([.. Namespaces.Select(provider => Shown(http, subscription, provider))], NextLink: null));
    }

    private static async Task GetAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var name = (string)http.Request.RouteValues["provider"]!;
        var provider = Namespaces.FirstOrDefault(known => known.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? throw ArmErrors.NamespaceNotFound(name);
        await http.AnswerAsync(Shown(http, await SubscriptionAsync(http), provider));
    }

    private static async Task ChangeAsync(HttpContext http, string provider, bool register)
    {
        ApiVersion.Require(http, type: null);
        if (!register && AlwaysRegistered.Contains(provider, StringComparer.OrdinalIgnoreCase))
            throw new ArmException(409, new("CannotUnregisterProvider", $"The namespace '{provider}' is always registered."));
        var acceptor = http.RequestServices.GetRequiredService<Acceptor>();
        while (true)
        {
            var row = await SubscriptionEndpoints.FindAsync(http);
            var current = row.Read<Subscription>();
            var unregistered = current.Unregistered.Where(known => !known.Equals(provider, StringComparison.OrdinalIgnoreCase)).Concat(register ? [] : [provider]).Order(StringComparer.OrdinalIgnoreCase).ToList();
            var next = current with { Unregistered = unregistered };
            var outcome = unregistered.SequenceEqual(current.Unregistered, StringComparer.OrdinalIgnoreCase) ? null : await acceptor.AcceptAsync(new()
            {
                Id = row.ResourceId, ExpectedVersion = row.Version, Tags = row.Tags, Properties = Json.Write(next), State = row.State,
                Action = $"{provider}/{(register ? "register" : "unregister")}/action", Caller = http.Caller(),
            }, http.RequestAborted);
            if (outcome is AcceptOutcome.Changed)
                continue;
            await http.AnswerAsync(Shown(http, next, provider));
            return;
        }
    }

    private static async Task<Subscription?> SubscriptionAsync(HttpContext http) =>
        http.Request.RouteValues.ContainsKey("subscription") ? (await SubscriptionEndpoints.FindAsync(http)).Read<Subscription>() : null;

    private static Provider Shown(HttpContext http, Subscription? subscription, string provider)
    {
        var locations = http.RequestServices.GetRequiredService<Locations>().Names;
        var types = ResourceTypes.All.Where(type => type.Type.Provider.Equals(provider, StringComparison.OrdinalIgnoreCase) && type.Type != ResourceType.Subscription)
            .Select(type => new ProviderType(type.Type.Name, locations, type.ApiVersions, type.IsTracked ? "SupportsTags, SupportsLocation" : "None"));
        var others = Others.Where(other => other.Provider == provider).SelectMany(other => other.Types).Select(type => new ProviderType(type, locations, VersionsBelow(provider, type), "None"));
        return new(
            http.Request.RouteValues["subscription"] is string id ? $"/subscriptions/{id}/providers/{provider}" : $"/providers/{provider}", provider, AlwaysRegistered.Contains(provider, StringComparer.OrdinalIgnoreCase) ? "RegistrationFree" : "RegistrationRequired",
            subscription?.Unregistered.Contains(provider, StringComparer.OrdinalIgnoreCase) is true ? "Unregistered" : "Registered", [.. types, .. others]);
    }

    /// <summary>What stands below a resource is served in the versions of that.</summary>
    private static IReadOnlyList<string> VersionsBelow(string provider, string type) =>
        type.LastIndexOf('/') is > 0 and var slash && ResourceTypes.TryFind(new(provider, type[..slash])) is { } parent ? parent.ApiVersions : ApiVersions.Azure;

    /// <summary>Which part of the path is wrong: the namespace, or the type in it.</summary>
    private static Task Unknown(HttpContext http)
    {
        var version = ApiVersion.Require(http, type: null);
        var (provider, type) = ((string)http.Request.RouteValues["provider"]!, (string)http.Request.RouteValues["type"]!);
        if (!Namespaces.Contains(provider, StringComparer.OrdinalIgnoreCase))
            throw ArmErrors.NamespaceNotFound(provider);
        throw ResourceTypes.TryFind(new(provider, type)) is null ? ArmErrors.TypeNotFound(type, provider, version) : ArmErrors.RouteNotFound(http.Request.Path);
    }

    /// <summary>A namespace (Microsoft.Resources providers, 2021-04-01).</summary>
    internal sealed record Provider(string Id, string Namespace, string RegistrationPolicy, string RegistrationState, IReadOnlyList<ProviderType> ResourceTypes);

    /// <summary>A type of a namespace; clients without an opinion take the first api-version.</summary>
    internal sealed record ProviderType(string ResourceType, IReadOnlyList<string> Locations, IReadOnlyList<string> ApiVersions, string Capabilities);
}
