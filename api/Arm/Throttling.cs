using System.Threading.RateLimiting;
using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Identity;
using Microsoft.Extensions.Options;

namespace ControlPlane.Api.Arm;

/// <summary>A budget of requests: so many at once, refilled at so many per second.</summary>
internal sealed record Budget
{
    public required int Burst { get; set; }
    public required int PerSecond { get; set; }
}

/// <summary>What each principal may ask of each subscription (and of the tenant), and how many requests of one subscription are worked on at once (<c>Throttling</c>). Per replica.</summary>
internal sealed record ThrottlingOptions
{
    public Budget Reads { get; set; } = new() { Burst = 60_000, PerSecond = 1000 };
    public Budget Writes { get; set; } = new() { Burst = 12_000, PerSecond = 200 };
    public Budget Deletes { get; set; } = new() { Burst = 15_000, PerSecond = 250 };

    /// <summary>Less than the connections to the store, so that a busy subscription leaves room for the others.</summary>
    public int AtOncePerSubscription { get; set; } = 24;

    /// <summary>Requests of one subscription that may wait for their turn.</summary>
    public int WaitingPerSubscription { get; set; } = 400;

    /// <summary>Less than a subscription's share, so that one principal leaves room for the others in it. Those whose body is still on its way count.</summary>
    public int AtOncePerPrincipal { get; set; } = 20;

    /// <summary>Requests of one principal in one subscription that may wait for their turn.</summary>
    public int WaitingPerPrincipal { get; set; } = 400;
}

/// <summary>
/// Azure Resource Manager's request limits: a token bucket per principal, subscription and kind of request, told by <c>x-ms-ratelimit-remaining-*</c>; 429 and
/// <c>Retry-After</c> when it is empty. Polling an operation costs nothing. How much is worked on at once is <see cref="FairShare"/>'s.
/// </summary>
internal sealed class Throttling(RequestDelegate next, Authorizer authorizer, IOptions<ThrottlingOptions> options)
{
    private const string Subscriptions = "/subscriptions/";
    private static readonly string[] Kinds = ["reads", "writes", "deletes"];

    private readonly PartitionedRateLimiter<(string Principal, string Scope)>[] budgets = [Limiter(options.Value.Reads), Limiter(options.Value.Writes), Limiter(options.Value.Deletes)];

    public async Task InvokeAsync(HttpContext http)
    {
        if (http.Features.Get<Principal>() is not { } principal)
        {
            await next(http);
            return;
        }

        if (!IsPoll(http.Request))
            Spend(http, principal, ScopeOf(http.Request.Path, await authorizer.GrantsOfAsync(principal.ObjectId, principal.Groups, http.RequestAborted)));
        await next(http);
    }

    /// <summary>
    /// The subscription that a request is about, in lower case; empty at the tenant, and for a subscription that the caller does not see: else whoever made up names would never run out.
    /// </summary>
    public static string ScopeOf(PathString path, Grants grants)
    {
        if (path.Value is not { } text || !text.StartsWith(Subscriptions, StringComparison.OrdinalIgnoreCase))
            return "";
        var end = text.IndexOf('/', Subscriptions.Length);
        var scope = (end < 0 ? text[Subscriptions.Length..] : text[Subscriptions.Length..end]).ToLowerInvariant();
        return scope.Length > 0 && grants.Sees(Subscriptions + scope) ? scope : "";
    }

    private void Spend(HttpContext http, Principal principal, string scope)
    {
        var kind = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method) ? 0 : HttpMethods.IsDelete(http.Request.Method) ? 2 : 1;
        var who = (principal.ObjectId, scope);
        using var spent = budgets[kind].AttemptAcquire(who);
        http.Response.Headers[$"x-ms-ratelimit-remaining-{(scope.Length > 0 ? "subscription" : "tenant")}-{Kinds[kind]}"] = (budgets[kind].GetStatistics(who)?.CurrentAvailablePermits ?? 0).ToString();
        if (spent.IsAcquired)
            return;
        throw ArmErrors.Throttled($"Number of '{Kinds[kind]}' requests for {(scope.Length > 0 ? $"subscription '{scope}'" : "the tenant")} actor '{principal.ObjectId}' exceeded.",
            spent.TryGetMetadata(MetadataName.RetryAfter, out var wait) && wait > TimeSpan.FromSeconds(1) ? wait : TimeSpan.FromSeconds(1));
    }

    private static PartitionedRateLimiter<(string Principal, string Scope)> Limiter(Budget budget) => PartitionedRateLimiter.Create<(string Principal, string Scope), (string Principal, string Scope)>(
        who => RateLimitPartition.GetTokenBucketLimiter(who, _ => new() { TokenLimit = budget.Burst, TokensPerPeriod = budget.PerSecond, ReplenishmentPeriod = TimeSpan.FromSeconds(1), QueueLimit = 0, AutoReplenishment = true }));

    /// <summary>Nothing else is free, whatever it is called: a resource group may bear the same name.</summary>
    private static bool IsPoll(HttpRequest request) => HttpMethods.IsGet(request.Method) && request.Path.Value?.Split('/') is [_, _, _, var providers, _, var locations, _, var kind, _]
        && providers.Equals("providers", StringComparison.OrdinalIgnoreCase) && locations.Equals("locations", StringComparison.OrdinalIgnoreCase)
        && (kind.Equals("operationStatuses", StringComparison.OrdinalIgnoreCase) || kind.Equals("operationResults", StringComparison.OrdinalIgnoreCase));
}
