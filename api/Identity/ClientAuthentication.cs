using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.AspNetCore;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace ControlPlane.Api.Identity;

/// <summary>
/// Decides whether an application is who it says, by one of its secrets, by an assertion that it signed, or by the token of a workload that may act as it, unless too many
/// wrong ones came before. Comes before OpenIddict looks for the application, so that guessing at one that does not exist is slowed down like guessing at one that does.
/// </summary>
internal sealed class AuthenticateClient(ControlPlaneDb db, IOpenIddictApplicationManager applications, ClientAssertions assertions, SignInThrottle throttle, TimeProvider time)
    : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        if (context.EndpointType is not (OpenIddictServerEndpointType.Token or OpenIddictServerEndpointType.DeviceAuthorization) || context.ClientId is not { Length: > 0 } clientId)
            return;

        var cancel = context.CancellationToken;
        var application = await applications.FindByClientIdAsync(clientId, cancel) as OpenIddictEntityFrameworkCoreApplication;
        var isProved = context is not { ClientSecret: null or "", ClientAssertion: null or "" } && application?.ClientType != ClientTypes.Public;
        var http = context.Transaction.GetHttpRequest()!.HttpContext;

        // A public client proves nothing, so nobody can lock it by wrong proofs.
        var attempt = await throttle.BeginAsync(http, isProved ? $"client:{clientId}" : null, cancel);
        context.Transaction.SetProperty(nameof(SignInAttempt), attempt);
        if (attempt.LockedFor is { } rest)
        {
            context.Transaction.Properties[ExplainRefusal.RetryAfter] = (int)Math.Ceiling(rest.TotalSeconds);
            context.Reject(Errors.TemporarilyUnavailable, "AADSTS50053: The account is locked: too many wrong secrets were given for this application or from this address.");
            return;
        }

        if (!isProved)
            return;
        var fault = context.ClientAssertion is { Length: > 0 } assertion
            ? application is null ? "" : await assertions.FaultAsync(application, assertion, context.ClientAssertionType, Base(http), cancel)
            : await IsSecretAsync(application, context.ClientSecret!, cancel) ? null : $"AADSTS7000215: Invalid client secret provided for application '{clientId}'.";
        if (fault is null)
        {
            await throttle.SucceededAsync(attempt, cancel);
            if (context.ClientAssertion is { Length: > 0 })
                context.ClientAssertionPrincipal = new(new ClaimsIdentity([new Claim(OpenIddictConstants.Claims.Subject, clientId)], "client_assertion"));
            return;
        }

        // Of an application that does not exist OpenIddict says so next.
        if (application is not null)
            context.Reject(Errors.InvalidClient, fault);
    }

    private static string Base(HttpContext http) => http.RequestServices.GetRequiredService<IdentitySettings>().EndpointOf(http.Request);

    /// <summary>A right secret that was made here is found by its hash alone; everything else costs one slow comparison, whether the application exists or not.</summary>
    private async Task<bool> IsSecretAsync(OpenIddictEntityFrameworkCoreApplication? application, string secret, CancellationToken cancel)
    {
        var (id, now) = (application?.Id, time.GetUtcNow());
        var stored = await db.Set<ApplicationSecretRow>().Where(row => row.ApplicationId == id && row.StartsAt <= now && row.EndsAt > now).Select(row => row.Hash).ToListAsync(cancel);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(secret));
        var isOne = false;
        foreach (var known in stored)
            isOne |= CryptographicOperations.FixedTimeEquals(known, hash);
        return isOne || Passwords.Verify(application?.ClientSecret, secret);
    }
}

/// <summary>Counts what was refused because it was a guess, whether at a secret, a code or a refresh token, and tells a device that asks too often to slow down.</summary>
internal sealed class CountFailure(SignInThrottle throttle) : IOpenIddictServerHandler<ApplyTokenResponseContext>
{
    /// <summary>Before the refusal is put into Entra ID's words.</summary>
    public static int Order => ExplainRefusal.Order - 100;

    public async ValueTask HandleAsync(ApplyTokenResponseContext context)
    {
        var cancel = context.CancellationToken;
        switch (context.Response.Error)
        {
            case Errors.AuthorizationPending when context.Request?.DeviceCode is { } code && !await throttle.IsUnhurriedAsync(code, BeginDevice.Interval - TimeSpan.FromSeconds(1), cancel):
                context.Response.Error = Errors.SlowDown;
                context.Response.ErrorDescription = $"AADSTS70016: OAuth 2.0 device flow error. Authorization is pending; leave {BeginDevice.Interval.TotalSeconds:0} seconds between two requests.";
                break;
            case Errors.InvalidClient when Attempt(context) is { Account: not null } attempt:
                await throttle.FailedAsync(attempt, cancel);
                break;
            case Errors.InvalidGrant when Attempt(context) is { } attempt:
                await throttle.FailedAsync(attempt with { Account = null }, cancel);
                break;
        }
    }

    private static SignInAttempt? Attempt(ApplyTokenResponseContext context) => context.Transaction.GetProperty<SignInAttempt>(nameof(SignInAttempt));
}
