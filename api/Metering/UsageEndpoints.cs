using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Metering;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Api.Metering;

/// <summary>Quotas (Microsoft.Quota's shapes), usages of a location, and what was consumed (Microsoft.Consumption usageDetails).</summary>
internal static class UsageEndpoints
{
    private const string Location = "/subscriptions/{subscription}/providers/ControlPlane.BareMetal/locations/{location}";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, Location + "/usages", new("Usages_List", "ControlPlane.BareMetal/locations/usages/read", "What is used of each quota of a location."), UsagesAsync);
        app.MapArm(HttpMethod.Get, Location + "/providers/Microsoft.Quota/quotas/{family}", new("Quotas_Get", "Microsoft.Quota/quotas/read", "A quota."), http => QuotaAsync(http, change: false));
        app.MapArm(HttpMethod.Put, Location + "/providers/Microsoft.Quota/quotas/{family}", new("Quotas_CreateOrUpdate", "Microsoft.Quota/quotas/write", "Set a quota."), http => QuotaAsync(http, change: true));
        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/providers/Microsoft.Consumption/usageDetails", new("UsageDetails_List", "Microsoft.Consumption/usageDetails/read", "What was consumed."), ConsumptionAsync);
    }

    private static async Task UsagesAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var (subscription, location) = Scope(http);
        await using var db = await DatabaseAsync(http);
        var quotas = await db.Quotas.AsNoTracking().Where(q => q.Subscription == subscription && q.Location == location).OrderBy(q => q.Family).ToListAsync(http.RequestAborted);
        await http.AnswerAsync(new
        {
            value = quotas.Select(q => new { name = new { value = q.Family, localizedValue = q.Family }, currentValue = q.Used, limit = q.Limit, unit = "Count" }),
        });
    }

    private static async Task QuotaAsync(HttpContext http, bool change)
    {
        ApiVersion.Require(http, type: null);
        var (subscription, location) = Scope(http);
        var family = ((string)http.Request.RouteValues["family"]!).ToLowerInvariant();
        await using var db = await DatabaseAsync(http);
        if (change)
        {
            using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
            if (Shape.Faults(body.RootElement, typeof(QuotaRequest), "body") is { Count: > 0 } faults)
                throw ArmErrors.Invalid(faults);
            var limit = body.RootElement.GetProperty("properties").GetProperty("limit").GetProperty("value").GetInt32();
            if (limit < 0)
                throw ArmErrors.Invalid([Shape.Fault("properties.limit.value", "must not be negative")]);
            await db.Database.ExecuteSqlAsync($"""
                insert into quotas (subscription, location, family, "limit", used) values ({subscription}, {location}, {family}, {limit}, 0)
                on conflict (subscription, location, family) do update set "limit" = excluded."limit"
                """, http.RequestAborted);
        }

        var quota = await db.Quotas.AsNoTracking().FirstOrDefaultAsync(q => q.Subscription == subscription && q.Location == location && q.Family == family, http.RequestAborted);
        await http.AnswerAsync(new
        {
            id = http.Request.Path.Value,
            name = family,
            type = "Microsoft.Quota/quotas",
            properties = new
            {
                limit = new { limitObjectType = "LimitValue", value = quota?.Limit ?? http.RequestServices.GetRequiredService<Quotas>().DefaultLimit },
                name = new { value = family, localizedValue = family },
                currentValue = quota?.Used ?? 0,
                unit = "Count",
                isQuotaApplicable = true,
            },
        });
    }

    private static async Task ConsumptionAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var subscription = ((string)http.Request.RouteValues["subscription"]!).ToLowerInvariant();
        await using var db = await DatabaseAsync(http);
        var records = await db.Set<UsageRow>().AsNoTracking().Where(u => u.Subscription == subscription).OrderBy(u => u.WindowStart).ThenBy(u => u.ResourceKey).Take(1000).ToListAsync(http.RequestAborted);
        await http.AnswerAsync(new
        {
            value = records.Select(u => new
            {
                id = $"/subscriptions/{subscription}/providers/Microsoft.Consumption/usageDetails/{u.WindowStart:yyyyMMddHH}-{u.Meter}-{u.ResourceKey.Split('/')[^1]}",
                name = $"{u.WindowStart:yyyyMMddHH}-{u.Meter}-{u.ResourceKey.Split('/')[^1]}",
                type = "Microsoft.Consumption/usageDetails",
                kind = "modern",
                properties = new { date = u.WindowStart, resourceId = u.ResourceId, meterName = u.Meter, product = u.Sku, resourceLocation = u.Location, quantity = u.Quantity, unitOfMeasure = "1 Second" },
            }),
        });
    }

    private static (string Subscription, string Location) Scope(HttpContext http)
    {
        var location = Locations.Normalise((string)http.Request.RouteValues["location"]!);
        return http.RequestServices.GetRequiredService<Locations>().Names.Contains(location, StringComparer.Ordinal)
            ? (((string)http.Request.RouteValues["subscription"]!).ToLowerInvariant(), location)
            : throw ArmErrors.LocationNotFound(location);
    }

    private static Task<ControlPlaneDb> DatabaseAsync(HttpContext http) =>
        http.RequestServices.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContextAsync(http.RequestAborted);

    private sealed record QuotaRequest(string? Id, string? Name, string? Type, QuotaProperties Properties);

    private sealed record QuotaProperties(LimitValue Limit, System.Text.Json.JsonElement? Name, int? CurrentValue, string? Unit, bool? IsQuotaApplicable);

    private sealed record LimitValue(int Value, string? LimitObjectType);
}
