using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>
/// "May you", once for every route: the permission that the route declares is judged at the scope that the path names. What a caller may not see does not exist for
/// it (404); what it may see but not do is forbidden (403). A route that declares nothing is closed.
/// </summary>
internal sealed class RouteAuthorization(RequestDelegate next, Authorizer authorizer)
{
    /// <summary>The endpoint that routing puts in when a path is known but not with this method; it answers by itself.</summary>
    private const string MethodNotAllowed = "405 HTTP Method Not Supported";

    private const string Subscriptions = "/subscriptions/";
    private const string ReadGroup = "Microsoft.Resources/subscriptions/resourceGroups/read";

    public async Task InvokeAsync(HttpContext http)
    {
        var endpoint = http.GetEndpoint();
        if (endpoint?.Metadata.GetMetadata<OpenRoute>() is not null || http.Features.Get<Principal>() is not { } principal)
        {
            await next(http);
            return;
        }

        var grants = await authorizer.GrantsOfAsync(principal.ObjectId, principal.Groups, http.RequestAborted);
        http.Features.Set(grants);
        var path = http.Request.Path.Value ?? "/";
        if (path.StartsWith(Subscriptions, StringComparison.OrdinalIgnoreCase) && !grants.Sees(SubscriptionOf(path)))
            throw ArmErrors.SubscriptionNotFound(SubscriptionOf(path)[Subscriptions.Length..]).Denied();
        if (endpoint?.Metadata.GetMetadata<ArmRoute>() is { } route)
            Demand(http, route, principal, grants, path);
        else if (endpoint is not null && endpoint.DisplayName != MethodNotAllowed)
            throw ArmErrors.RouteNotFound(path);
        await next(http);
    }

    private static void Demand(HttpContext http, ArmRoute route, Principal principal, Grants grants, string path)
    {
        // Who sees a subscription sees what describes it; what a list shows is decided row by row.
        if (route.Action is not { } action || route.IsForAllWhoSee)
            return;
        if (route.IsTenantLevel)
        {
            if (!grants.Allows(action, Grants.Everywhere, route.IsDataAction))
                throw ArmErrors.Forbidden(principal.ObjectId, action, Grants.Everywhere);
            return;
        }

        if (route.IsFiltered ? grants.Where(action, ScopeOf(path)).Count > 0 || (grants.Sees(ScopeOf(path)) && IsSubscription(ScopeOf(path))) : grants.Allows(action, path, route.IsDataAction))
            return;

        var id = IdOf(path);
        if (id?.ResourceGroup is { } group && !grants.Allows(ReadGroup, ResourceId.Group(id.Subscription, group).Key) && !grants.Sees(ResourceId.Group(id.Subscription, group).Key))
            throw ArmErrors.ResourceGroupNotFound(group).Denied();
        // "May see" is: may read what the action is about, here.
        if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method) && grants.Allows(ReadOf(action, id), path))
            throw ArmErrors.Forbidden(principal.ObjectId, action, id?.Text ?? path);
        throw id is { Type: var type } && type == ResourceType.ResourceGroup ? ArmErrors.ResourceGroupNotFound(id.Name).Denied()
            : id is null || id.Type == ResourceType.Subscription ? ArmErrors.Forbidden(principal.ObjectId, action, id?.Text ?? path)
            : ArmErrors.ResourceNotFound(id).Denied();
    }

    /// <summary>The permission to read what an action is about: <c>{type}/read</c>.</summary>
    private static string ReadOf(string action, ResourceId? id)
    {
        var type = action.EndsWith("/action", StringComparison.OrdinalIgnoreCase) ? action[..action[..^"/action".Length].LastIndexOf('/')] : action[..action.LastIndexOf('/')];
        return id?.Type == ResourceType.ResourceGroup ? ReadGroup : $"{type}/read";
    }

    /// <summary>The longest beginning of the path that is the id of a resource, group or subscription.</summary>
    internal static ResourceId? IdOf(string path)
    {
        for (var end = path.Length; end > 0; end = path.LastIndexOf('/', end - 1))
        {
            if (ResourceId.TryParse(path[..end], out var id) && ResourceTypes.TryFind(id.Type) is not null)
                return id;
        }

        return null;
    }

    private static string ScopeOf(string path) => IdOf(path)?.Key ?? Grants.Everywhere;

    private static bool IsSubscription(string scope) => scope.Length == 1 || scope.IndexOf('/', Subscriptions.Length) < 0;

    private static string SubscriptionOf(string path)
    {
        var end = path.IndexOf('/', Subscriptions.Length);
        return end < 0 ? path : path[..end];
    }
}
