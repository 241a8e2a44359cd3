using System.Globalization;
using System.Security.Claims;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.AspNetCore;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace ControlPlane.Api.Identity;

/// <summary>Decides whether the secret is right, unless too many wrong ones came before; the comparison is OpenIddict's (PBKDF2, constant time).</summary>
internal sealed class CheckSecret(IOpenIddictApplicationManager applications, SecretGuesses guesses) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        if (context is not { ClientId: { Length: > 0 } clientId, ClientSecret: { Length: > 0 } secret })
            return;
        if (await applications.FindByClientIdAsync(clientId, context.CancellationToken) is not { } application)
            return;

        if (guesses.LockedFor(clientId) is { } rest)
        {
            context.Transaction.Properties[ExplainRefusal.RetryAfter] = (int)Math.Ceiling(rest.TotalSeconds);
            context.Reject(Errors.TemporarilyUnavailable, "AADSTS50053: The account is locked: too many wrong secrets were given for this application within a minute.");
            return;
        }

        if (await applications.ValidateClientSecretAsync(application, secret, context.CancellationToken))
            return;
        guesses.Wrong(clientId);
        context.Reject(Errors.InvalidClient, $"AADSTS7000215: Invalid client secret provided for application '{clientId}'.");
    }
}

/// <summary>Makes the claims of an access token for an application that has proved who it is.</summary>
internal sealed class IssueToken(ControlPlaneDb db, IdentitySettings settings, IdentityMetrics metrics) : IOpenIddictServerHandler<HandleTokenRequestContext>
{
    private const string DefaultScope = "/.default";
    private static readonly string[] SignInScopes = [Scopes.OpenId, Scopes.Profile, Scopes.Email, Scopes.OfflineAccess];

    public async ValueTask HandleAsync(HandleTokenRequestContext context)
    {
        var asked = Resources(context.Request);
        if (asked is not [var resource])
        {
            context.Reject(Errors.InvalidScope, asked.Count == 0
                ? "AADSTS1002012: The value for input parameter scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."
                : "AADSTS28000: The value for the input parameter scope is not valid because it contains more than one resource.");
            return;
        }

        if (!settings.IsAudience(resource))
        {
            context.Reject(Errors.InvalidTarget, $"AADSTS500011: The resource principal named {resource} was not found in the tenant. It is neither in Identity:Endpoints nor in Identity:Audiences.");
            return;
        }

        var clientId = context.Request.ClientId!;
        var principal = await db.Set<ServicePrincipalRow>().AsNoTracking().FirstOrDefaultAsync(row => row.AppId == clientId, context.CancellationToken);
        if (principal is null)
        {
            context.Reject(Errors.UnauthorizedClient, $"AADSTS7000229: The client application {clientId} is missing service principal in the tenant {settings.TenantId}.");
            return;
        }

        var (authority, _) = context.Transaction.Authority(settings);
        context.SignIn(new ClaimsPrincipal(Claims(principal, resource, authority)));
        metrics.TokenIssued();
    }

    private ClaimsIdentity Claims(ServicePrincipalRow principal, string resource, Authority authority)
    {
        var identity = new ClaimsIdentity("client_credentials", OpenIddictConstants.Claims.Name, OpenIddictConstants.Claims.Role);
        identity.SetClaim(OpenIddictConstants.Claims.Subject, principal.ObjectId)
            .SetClaim("oid", principal.ObjectId)
            .SetClaim("tid", settings.TenantId)
            .SetClaim("appid", principal.AppId)
            .SetClaim("azp", principal.AppId)
            .SetClaim("idtyp", "app")
            .SetClaim("ver", authority.Version)
            .SetResources(resource)
            .SetDestinations(static _ => [Destinations.AccessToken]);
        return identity;
    }

    /// <summary>The resources that version 2 names by a scope <c>{resource}/.default</c> and version 1 by the parameter <c>resource</c>, without closing slashes.</summary>
    private static List<string> Resources(OpenIddictRequest request) =>
    [
        .. request.GetScopes().Except(SignInScopes, StringComparer.Ordinal)
            .Select(scope => scope.EndsWith(DefaultScope, StringComparison.OrdinalIgnoreCase) ? scope[..^DefaultScope.Length] : scope)
            .Concat(request.GetResources())
            .Select(IdentitySettings.Canonical)
            .Distinct(StringComparer.OrdinalIgnoreCase),
    ];
}

/// <summary>The issuer is the authority that was asked; the answer carries what libraries for version 1 and version 2 look for.</summary>
internal sealed class NameIssuer(IdentitySettings settings, TimeProvider time) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public ValueTask HandleAsync(ProcessSignInContext context)
    {
        var token = context.AccessTokenPrincipal!;
        var (authority, endpoint) = context.Transaction.Authority(settings);
        token.SetClaim(Claims.Private.Issuer, endpoint + authority.Path);
        token.SetClaim(Claims.NotBefore, time.GetUtcNow().ToUnixTimeSeconds());

        context.Parameters["ext_expires_in"] = (long)IdentitySettings.TokenLifetime.TotalSeconds;
        if (authority.Version == "1.0")
        {
            context.Parameters["expires_on"] = token.GetExpirationDate()!.Value.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            context.Parameters["resource"] = token.GetAudiences()[0];
        }

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
