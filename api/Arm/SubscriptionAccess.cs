using ControlPlane.Api.Identity;

namespace ControlPlane.Api.Arm;

/// <summary>Nothing of a subscription exists for a caller without a role in it: 404, before anything else is looked at.</summary>
internal sealed class SubscriptionAccess(RequestDelegate next, Authorizer authorizer)
{
    public async Task InvokeAsync(HttpContext http)
    {
        var path = http.Request.Path.Value ?? "";
        if (path.StartsWith("/subscriptions/", StringComparison.OrdinalIgnoreCase))
        {
            var end = path.IndexOf('/', "/subscriptions/".Length);
            var subscription = end < 0 ? path["/subscriptions/".Length..] : path["/subscriptions/".Length..end];
            if (!await authorizer.CanAsync(http.Principal(), subscription.ToLowerInvariant(), http.RequestAborted))
                throw ArmErrors.SubscriptionNotFound(subscription);
        }

        await next(http);
    }
}
