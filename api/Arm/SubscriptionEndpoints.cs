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
        app.MapGet("/subscriptions", ListAsync);
        app.MapGet("/subscriptions/{subscription}", GetAsync);
        app.MapGet("/subscriptions/{subscription}/locations", LocationsAsync);
        app.MapGet("/tenants", TenantsAsync);
    }

    /// <summary>Creates the subscription's row if it is missing.</summary>
    public static async Task EnsureAsync(IServiceProvider services, string subscription, CancellationToken cancel) =>
        await services.GetRequiredService<Acceptor>().AcceptAsync(new()
        {
            Id = ResourceId.OfSubscription(subscription),
            ExpectedVersion = null,
            Properties = Json.Write(new { displayName = "Default subscription", state = "Enabled" }),
            State = ProvisioningState.Succeeded,
            Action = "Microsoft.Resources/subscriptions/write",
            Caller = new("bootstrap", "Application", Guid.Empty.ToString()),
        }, cancel);

    private static async Task ListAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var visible = await http.RequestServices.GetRequiredService<Authorizer>().VisibleSubscriptionsAsync(http.Principal(), http.RequestAborted);
        var rows = await http.RequestServices.GetRequiredService<NpgsqlDataSource>().FindResourcesAsync([.. visible.Select(id => ResourceId.OfSubscription(id).Key)], http.RequestAborted);
        await AnswerAsync(http, new { value = rows.OrderBy(row => row.Key, StringComparer.Ordinal).Select(row => Shown(http, row)) });
    }

    private static async Task GetAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var id = ResourceId.OfSubscription((string)http.Request.RouteValues["subscription"]!);
        var row = await http.RequestServices.GetRequiredService<NpgsqlDataSource>().FindResourceAsync(id.Key, http.RequestAborted) ?? throw ArmErrors.SubscriptionNotFound(id.Name);
        await AnswerAsync(http, Shown(http, row));
    }

    private static Task LocationsAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var subscription = (string)http.Request.RouteValues["subscription"]!;
        return AnswerAsync(http, new
        {
            value = http.RequestServices.GetRequiredService<Locations>().Names.Select(name => new
            {
                id = $"/subscriptions/{subscription}/locations/{name}",
                name,
                displayName = name,
                regionalDisplayName = name,
                metadata = new { regionType = "Physical", regionCategory = "Recommended", geographyGroup = "Local", longitude = "0", latitude = "0", physicalLocation = name, pairedRegion = Array.Empty<object>() },
            }),
        });
    }

    private static Task TenantsAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var tenant = http.Principal().TenantId;
        return AnswerAsync(http, new { value = new[] { new { id = $"/tenants/{tenant}", tenantId = tenant, displayName = "Default directory", tenantCategory = "Home" } } });
    }

    private static object Shown(HttpContext http, ResourceRow row)
    {
        var properties = Json.Read<JsonElement>(row.Properties);
        var tenant = http.Principal().TenantId;
        return new
        {
            id = row.Id,
            subscriptionId = row.Name,
            tenantId = tenant,
            displayName = properties.GetProperty("displayName").GetString(),
            state = properties.GetProperty("state").GetString(),
            subscriptionPolicies = new { locationPlacementId = "Public_2014-09-01", quotaId = "SelfHosted_2026-06-01", spendingLimit = "Off" },
            authorizationSource = "RoleBased",
            managedByTenants = Array.Empty<object>(),
        };
    }

    internal static Task AnswerAsync(HttpContext http, object body)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(http.Response.Body, body, Json.Options, http.RequestAborted);
    }
}
