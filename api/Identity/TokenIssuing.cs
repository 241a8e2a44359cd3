using System.Globalization;
using System.Security.Claims;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.AspNetCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace ControlPlane.Api.Identity;

/// <summary>Makes the claims of an access token, for an application that has proved who it is or for a user whose code or refresh token was redeemed.</summary>
internal sealed class IssueToken(ControlPlaneDb db, IdentitySettings settings, IdentityMetrics metrics) : IOpenIddictServerHandler<HandleTokenRequestContext>
{
    /// <summary>The only permission that a user gives to an application: to act as the user.</summary>
    public const string Impersonation = "user_impersonation";

    public async ValueTask HandleAsync(HandleTokenRequestContext context)
    {
        var asked = RequestedResource.All(context.Request);
        var isUser = !context.Request.IsClientCredentialsGrantType();
        if (isUser && asked.Count == 0)
            asked = [.. context.Principal!.GetResources()];
        if (RequestedResource.Fault(asked, settings) is var (error, description))
        {
            context.Reject(error, description);
            return;
        }

        if (await (isUser ? UserAsync(context, asked[0]) : ApplicationAsync(context, asked[0])) is { } identity)
        {
            context.SignIn(new ClaimsPrincipal(identity));
            metrics.TokenIssued();
        }
    }

    private async Task<ClaimsIdentity?> ApplicationAsync(HandleTokenRequestContext context, string resource)
    {
        var clientId = context.Request.ClientId!;
        var principal = await db.Set<ServicePrincipalRow>().AsNoTracking().FirstOrDefaultAsync(row => row.AppId == clientId, context.CancellationToken);
        if (principal is not { IsEnabled: true })
        {
            context.Reject(Errors.UnauthorizedClient, principal is null
                ? $"AADSTS7000229: The client application {clientId} is missing service principal in the tenant {settings.TenantId}."
                : $"AADSTS7000112: Application '{clientId}' is disabled.");
            return null;
        }

        return Claims(context, principal.ObjectId, "app", resource).SetDestinations(static _ => [Destinations.AccessToken]);
    }

    /// <summary>A user who was deleted or disabled since the last token gets no other.</summary>
    private async Task<ClaimsIdentity?> UserAsync(HandleTokenRequestContext context, string resource)
    {
        var objectId = context.Principal!.GetClaim(OpenIddictConstants.Claims.Subject);
        var user = await db.Set<UserRow>().AsNoTracking().FirstOrDefaultAsync(row => row.ObjectId == objectId, context.CancellationToken);
        if (user is not { IsEnabled: true })
        {
            context.Reject(Errors.InvalidGrant, "AADSTS50057: The user account is disabled.");
            return null;
        }

        if (context.Request.GetParameter("client_info") == "1")
            context.Parameters["client_info"] = Base64UrlEncoder.Encode(Json.Write(new { uid = user.ObjectId, utid = settings.TenantId }));
        return Claims(context, user.ObjectId, "user", resource)
            .SetClaim("name", user.DisplayName)
            .SetClaim("upn", user.UserPrincipalName)
            .SetClaim("preferred_username", user.UserPrincipalName)
            .SetClaim("scp", Impersonation)
            .SetScopes(context.Principal!.GetScopes())
            .SetDestinations(static claim => claim.Type switch
            {
                "sub" or "oid" or "tid" or "ver" or "name" or "upn" => [Destinations.AccessToken, Destinations.IdentityToken],
                "preferred_username" => [Destinations.IdentityToken],
                _ => [Destinations.AccessToken],
            });
    }

    private ClaimsIdentity Claims(HandleTokenRequestContext context, string objectId, string type, string resource) =>
        new ClaimsIdentity(context.Request.GrantType, OpenIddictConstants.Claims.Name, OpenIddictConstants.Claims.Role)
            .SetClaim(OpenIddictConstants.Claims.Subject, objectId)
            .SetClaim("oid", objectId)
            .SetClaim("tid", settings.TenantId)
            .SetClaim("appid", context.Request.ClientId)
            .SetClaim("azp", context.Request.ClientId)
            .SetClaim("idtyp", type)
            .SetClaim("ver", context.Transaction.Authority(settings).Authority.Version)
            .SetResources(resource);
}

/// <summary>The resource that version 2 names by a scope <c>{resource}/.default</c> and version 1 by the parameter <c>resource</c>, without closing slashes.</summary>
internal static class RequestedResource
{
    private static readonly string[] SignInScopes = [Scopes.OpenId, Scopes.Profile, Scopes.Email, Scopes.OfflineAccess];
    private static readonly string[] Permissions = ["/.default", "/" + IssueToken.Impersonation];

    public static List<string> All(OpenIddictRequest request) =>
    [
        .. request.GetScopes().Except(SignInScopes, StringComparer.Ordinal)
            .Select(scope => Array.Find(Permissions, permission => scope.EndsWith(permission, StringComparison.OrdinalIgnoreCase)) is { } end ? scope[..^end.Length] : scope)
            .Concat(request.GetResources())
            .Select(IdentitySettings.Canonical)
            .Distinct(StringComparer.OrdinalIgnoreCase),
    ];

    /// <summary>What is wrong with what was asked for; null when it is one resource of ours.</summary>
    public static (string Error, string Description)? Fault(IReadOnlyList<string> asked, IdentitySettings settings) => asked switch
    {
        [] => (Errors.InvalidScope, "AADSTS1002012: The value for input parameter scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."),
        [var resource] when settings.IsAudience(resource) => null,
        [var resource] => (Errors.InvalidTarget, $"AADSTS500011: The resource principal named {resource} was not found in the tenant. It is neither in Identity:Endpoints nor in Identity:Audiences."),
        _ => (Errors.InvalidScope, "AADSTS28000: The value for the input parameter scope is not valid because it contains more than one resource."),
    };
}

/// <summary>The issuer is the authority that was asked; the answer carries what libraries for version 1 and version 2 look for.</summary>
internal sealed class NameIssuer(IdentitySettings settings, TimeProvider time) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.AccessTokenPrincipal is not { } token)
            return ValueTask.CompletedTask;

        var (authority, endpoint) = context.Transaction.Authority(settings);
        token.SetClaim(Claims.Private.Issuer, endpoint + authority.Path);
        token.SetClaim(Claims.NotBefore, time.GetUtcNow().ToUnixTimeSeconds());
        context.IdentityTokenPrincipal?.SetClaim(Claims.Private.Issuer, endpoint + authority.Path);

        context.Parameters["ext_expires_in"] = (long)IdentitySettings.TokenLifetime.TotalSeconds;
        if (authority.Version == "1.0")
        {
            context.Parameters["expires_on"] = token.GetExpirationDate()!.Value.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            context.Parameters["resource"] = token.GetAudiences()[0];
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>The issuer beside a code (RFC 9207) is the one that discovery names.</summary>
internal sealed class NameIssuerToBrowser(IdentitySettings settings) : IOpenIddictServerHandler<ApplyAuthorizationResponseContext>
{
    public ValueTask HandleAsync(ApplyAuthorizationResponseContext context)
    {
        var (authority, endpoint) = context.Transaction.Authority(settings);
        if (!string.IsNullOrEmpty(context.RedirectUri))
            context.Response.Iss = endpoint + authority.Path;
        return ValueTask.CompletedTask;
    }
}

internal static class AuthorityOfTransaction
{
    /// <summary>The authority that a request to the token service went to, and the address of the front door that the client used.</summary>
    public static (Authority Authority, string Endpoint) Authority(this OpenIddictServerTransaction transaction, IdentitySettings settings)
    {
        var request = transaction.GetHttpRequest() ?? throw new InvalidOperationException("The token service was called outside a request.");
        var authority = Identity.Authority.Of(request.Path) ?? throw new InvalidOperationException($"{request.Path} is not a path of the token service.");
        return (authority, settings.EndpointOf(request));
    }
}
