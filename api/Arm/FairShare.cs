using System.Threading.RateLimiting;
using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Identity;
using Microsoft.Extensions.Options;

namespace ControlPlane.Api.Arm;

/// <summary>
/// How much of this replica is worked on for whom at once: for one subscription no more than leaves room for the others, and for one principal no more than leaves room in its subscription. A request
/// takes its subscription's share when its body is here, so whoever sends slowly waits at nobody's expense; whoever reads the answer slowly is cut off.
/// </summary>
internal sealed class FairShare(RequestDelegate next, IOptions<ThrottlingOptions> options, IOptions<RequestLimits> limits, TimeProvider time)
{
    private readonly PartitionedRateLimiter<(string Principal, string Scope)> ofPrincipals = Shares<(string Principal, string Scope)>(options.Value.AtOncePerPrincipal, options.Value.WaitingPerPrincipal);
    private readonly PartitionedRateLimiter<string> ofSubscriptions = Shares<string>(options.Value.AtOncePerSubscription, options.Value.WaitingPerSubscription);

    public async Task InvokeAsync(HttpContext http)
    {
        if (http.Features.Get<Principal>() is not { } principal || http.Features.Get<Grants>() is not { } grants)
        {
            await next(http);
            return;
        }

        var scope = Throttling.ScopeOf(http.Request.Path, grants);
        using var own = await ofPrincipals.AcquireAsync((principal.ObjectId, scope), 1, http.RequestAborted);
        if (!own.IsAcquired)
            throw ArmErrors.Throttled("Too many requests of this principal are being worked on.", TimeSpan.FromSeconds(1));
        await http.AwaitBodyAsync(RequestBody.Limit);
        using var share = await ofSubscriptions.AcquireAsync(scope, 1, http.RequestAborted);
        if (!share.IsAcquired)
            throw ArmErrors.Throttled("Too many requests of this subscription are being worked on.", TimeSpan.FromSeconds(1));
        using var deadline = new CancellationTokenSource(limits.Value.RequestWithin, time);
        await using var cut = deadline.Token.Register(http.Abort);
        await next(http);
    }

    private static PartitionedRateLimiter<T> Shares<T>(int atOnce, int waiting) where T : notnull => PartitionedRateLimiter.Create<T, T>(
        who => RateLimitPartition.GetConcurrencyLimiter(who, _ => new() { PermitLimit = atOnce, QueueLimit = waiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst }));
}
