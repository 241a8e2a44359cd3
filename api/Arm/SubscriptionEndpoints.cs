using System.Text.Json;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Arm;

/// <summary>Subscriptions, tenants and locations in the shapes that <c>az login</c> and the SDKs read.</summary>
internal static class SubscriptionEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, "/subscriptions", new("Subscriptions_List", Action: null, "The subscriptions in which the caller has a role.") { IsPaged = true, Answers = [new(200, "All of them.", typeof(Page<SubscriptionShown>))] }, ListAsync);
        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}", new("Subscriptions_Get", "Microsoft.Resources/subscriptions/read", "One subscription.")
        {
            IsForAllWhoSee = true, Answers = [new(200, "The subscription.", typeof(SubscriptionShown))],
        }, GetAsync);
        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/locations", new("Subscriptions_ListLocations", "Microsoft.Resources/subscriptions/locations/read", "The locations that are served.")
        {
            IsForAllWhoSee = true, Answers = [new(200, "All of them.", typeof(Page<LocationShown>))],
        }, LocationsAsync);
        app.MapArm(HttpMethod.Get, "/tenants", new("Tenants_List", Action: null, "The caller's directory.") { IsPaged = true, Answers = [new(200, "It alone.", typeof(Page<TenantShown>))] }, TenantsAsync);
    }

    private static async Task ListAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var (source, grants) = (http.RequestServices.GetRequiredService<NpgsqlDataSource>(), http.Grants());
        // One given at the tenant sees them all; another sees those that something was given in.
        string[] named = [.. grants.All.Select(grant => ResourceId.TryParse(grant.Scope, out var id) ? id.Subscription : "").Where(name => name.Length > 0).Distinct(StringComparer.OrdinalIgnoreCase)];
        var rows = grants.All.Any(grant => grant.Scope.Length == 1)
            ? await source.ListSubscriptionsAsync(http.RequestAborted)
            : await source.FindResourcesAsync([.. named.Select(name => ResourceId.OfSubscription(name).Key)], http.RequestAborted);
        await http.AnswerAsync(new Page<SubscriptionShown>([.. rows.OrderBy(row => row.Key, StringComparer.Ordinal).Select(row => Shown(http, row))], NextLink: null));
    }

    private static async Task GetAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        await http.AnswerAsync(Shown(http, await FindAsync(http)));
    }

    private static Task LocationsAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var subscription = (string)http.Request.RouteValues["subscription"]!;
        return http.AnswerAsync(new Page<LocationShown>(
            [.. http.RequestServices.GetRequiredService<Locations>().Names.Select(name => new LocationShown($"/subscriptions/{subscription}/locations/{name}", name, name, name, new(name)))], NextLink: null));
    }

    private static Task TenantsAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var tenant = http.Principal().TenantId;
        return http.AnswerAsync(new Page<TenantShown>([new($"/tenants/{tenant}", tenant, "Default directory", "Home")], NextLink: null));
    }

    /// <summary>The subscription that the path names.</summary>
    internal static async Task<ResourceRow> FindAsync(HttpContext http)
    {
        var id = ResourceId.OfSubscription((string)http.Request.RouteValues["subscription"]!);
        return await http.RequestServices.GetRequiredService<NpgsqlDataSource>().FindResourceAsync(id.Key, http.RequestAborted) ?? throw ArmErrors.SubscriptionNotFound(id.Name);
    }

    private static SubscriptionShown Shown(HttpContext http, ResourceRow row)
    {
        var subscription = row.Read<Subscription>();
        return new(row.Id, row.Name, http.Principal().TenantId, subscription.DisplayName, subscription.ShownState, Json.Read<Dictionary<string, string>>(row.Tags));
    }

    internal static Task AnswerAsync(this HttpContext http, object body)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(http.Response.Body, body, Json.Options, http.RequestAborted);
    }

    /// <summary>A subscription as <c>GET /subscriptions</c> shows it (Microsoft.Resources 2022-12-01).</summary>
    internal sealed record SubscriptionShown(string Id, string SubscriptionId, string TenantId, string DisplayName, string State, IReadOnlyDictionary<string, string> Tags)
    {
        public SubscriptionPolicies SubscriptionPolicies { get; } = new("Public_2014-09-01", "SelfHosted_2026-06-01", "Off");
        public string AuthorizationSource { get; } = "RoleBased";
        public IReadOnlyList<string> ManagedByTenants { get; } = [];
    }

    internal sealed record SubscriptionPolicies(string LocationPlacementId, string QuotaId, string SpendingLimit);

    /// <summary>A location that resources can be in.</summary>
    internal sealed record LocationShown(string Id, string Name, string DisplayName, string RegionalDisplayName, LocationMetadata Metadata);

    internal sealed record LocationMetadata(string PhysicalLocation)
    {
        public string RegionType { get; } = "Physical";
        public string RegionCategory { get; } = "Recommended";
        public string GeographyGroup { get; } = "Local";
        public string Longitude { get; } = "0";
        public string Latitude { get; } = "0";
        public IReadOnlyList<string> PairedRegion { get; } = [];
    }

    internal sealed record TenantShown(string Id, string TenantId, string DisplayName, string TenantCategory);
}
