using System.Text.Json;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Api.Metering;

/// <summary>Quotas (Microsoft.Quota's shapes), and what is used of them in a location.</summary>
internal static class UsageEndpoints
{
    private const string Location = "/subscriptions/{subscription}/providers/ControlPlane.BareMetal/locations/{location}";

    private const string Quota = Location + "/providers/Microsoft.Quota/quotas/{family}";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, Location + "/usages", new("Usages_List", "ControlPlane.BareMetal/locations/usages/read", "What is used of each quota of a location.") { IsPaged = true, Answers = [new(200, "All of them.", typeof(Page<Usage>))] }, UsagesAsync);
        app.MapArm(HttpMethod.Get, Quota, new("Quotas_Get", "Microsoft.Quota/quotas/read", "A quota.") { Answers = [new(200, "The quota.", typeof(QuotaShown))] }, http => QuotaAsync(http, change: false));
        app.MapArm(HttpMethod.Put, Quota, new("Quotas_CreateOrUpdate", "Microsoft.Quota/quotas/write", "Set a quota.") { Body = typeof(QuotaShown), Answers = [new(200, "The quota.", typeof(QuotaShown))] }, http => QuotaAsync(http, change: true));
    }

    private static async Task UsagesAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var (subscription, location) = Scope(http);
        await using var db = await DatabaseAsync(http);
        var quotas = await db.Quotas.AsNoTracking().Where(q => q.Subscription == subscription && q.Location == location).OrderBy(q => q.Family).ToListAsync(http.RequestAborted);
        await http.AnswerAsync(new Page<Usage>([.. quotas.Select(q => new Usage(new(q.Family, q.Family), q.Used, q.Limit, "Count"))], NextLink: null));
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
            if (Shape.Faults(body.RootElement, typeof(QuotaShown), "body") is { Count: > 0 } faults)
                throw ArmErrors.Invalid(faults);
            if (body.RootElement.Deserialize<QuotaShown>(Json.Options)!.Properties?.Limit is not { Value: var limit })
                throw ArmErrors.Invalid([Shape.Fault("properties.limit.value", "is required")]);
            if (limit < 0)
                throw ArmErrors.Invalid([Shape.Fault("properties.limit.value", "must not be negative")]);
            var caller = http.Caller();
            await db.Database.ExecuteSqlAsync($"""
                with stored as (
                    insert into quotas (subscription, location, family, "limit", used) values ({subscription}, {location}, {family}, {limit}, 0)
                    on conflict (subscription, location, family) do update set "limit" = excluded."limit" returning 1)
                insert into activities (at, subscription, resource_id, action, status, principal, correlation_id)
                select now(), {subscription}, {http.Request.Path.Value}, 'Microsoft.Quota/quotas/write', 'Succeeded', {caller.Principal}, {caller.CorrelationId} from stored
                """, http.RequestAborted);
        }

        var quota = await db.Quotas.AsNoTracking().FirstOrDefaultAsync(q => q.Subscription == subscription && q.Location == location && q.Family == family, http.RequestAborted);
        await http.AnswerAsync(new QuotaShown(http.Request.Path.Value!, family, "Microsoft.Quota/quotas", new(
            new(quota?.Limit ?? http.RequestServices.GetRequiredService<Quotas>().DefaultLimit, "LimitValue"), new(family, family), quota?.Used ?? 0, "Count", IsQuotaApplicable: true)));
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

    internal sealed record LimitValue(int Value, string? LimitObjectType);

    /// <summary>A quota as it is read and, with nothing but the limit, written.</summary>
    internal sealed record QuotaShown(string? Id, string? Name, string? Type, QuotaProperties? Properties);

    internal sealed record QuotaProperties(LimitValue? Limit, LocalizedName? Name, int? CurrentValue, string? Unit, bool? IsQuotaApplicable);

    internal sealed record LocalizedName(string Value, string LocalizedValue);

    /// <summary>What is used of a quota.</summary>
    internal sealed record Usage(LocalizedName Name, int CurrentValue, int Limit, string Unit);
}
