using System.Security.Claims;
using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace ControlPlane.Api.Identity;

/// <summary>
/// The page where people type the code that a device shows them (RFC 8628, section 3.3), see who asks, and sign in for it. A wrong code counts against the address: 10^12 codes
/// cannot be guessed in the ten minutes that one is good for.
/// </summary>
internal sealed class VerifyDevice(UserSignIn users, SignInThrottle throttle, IOpenIddictApplicationManager applications, IOpenIddictTokenManager tokens, IdentitySettings settings)
    : IOpenIddictServerHandler<HandleEndUserVerificationRequestContext>
{
    public async ValueTask HandleAsync(HandleEndUserVerificationRequestContext context)
    {
        var (http, cancel) = (context.Transaction.GetHttpRequest()!.HttpContext, context.CancellationToken);
        var attempt = await throttle.BeginAsync(http, account: null, cancel);
        if (attempt.LockedFor is { } rest)
        {
            await AskCodeAsync(context, http, $"There were too many wrong attempts. Try again in {Math.Ceiling(rest.TotalSeconds):0} seconds.");
            return;
        }

        if (context.UserCodePrincipal is not { } device)
        {
            var wasGiven = !string.IsNullOrEmpty(context.Request.UserCode);
            if (wasGiven)
                await throttle.FailedAsync(attempt, cancel);
            await AskCodeAsync(context, http, wasGiven ? "There is no such code, or it has expired." : null);
            return;
        }

        string? complaint = null;
        if (HttpMethods.IsPost(http.Request.Method) && (await http.Request.ReadFormAsync(cancel)) is var form && form.ContainsKey(SignInForm.User))
        {
            (var user, complaint) = await users.CheckAsync(http, form, cancel);
            if (user is not null && form[SignInForm.Decision] == SignInForm.Deny)
            {
                await DenyAsync(device, cancel);
                await SayAsync(context, http, "Denied", "The device was not signed in. You can close this page.");
                return;
            }

            if (user is not null)
            {
                context.SignIn(UserSignIn.PrincipalOf(user, device.GetScopes(), device.GetResources() is [var resource, ..] ? resource : settings.EndpointOf(http.Request)));
                return;
            }
        }

        await AskCredentialsAsync(context, http, device.GetPresenters().FirstOrDefault(), complaint, cancel);
    }

    private static async Task AskCodeAsync(HandleEndUserVerificationRequestContext context, HttpContext http, string? complaint)
    {
        await new SignInForm().Heading("Sign in a device").Complaint(complaint)
            .Begin("get", Authority.DevicePage).Field("Code that the device shows", SignInForm.UserCode, "text", "one-time-code").Button("Next").End()
            .WriteAsync(http, complaint is null ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest);
        context.HandleRequest();
    }

    private async Task AskCredentialsAsync(HandleEndUserVerificationRequestContext context, HttpContext http, string? clientId, string? complaint, CancellationToken cancel)
    {
        var application = clientId is null ? null : await applications.FindByClientIdAsync(clientId, cancel);
        var name = application is null ? clientId : await applications.GetDisplayNameAsync(application, cancel);
        await new SignInForm().Heading("Sign in a device")
            .Text($"{name} on another device asks to act as you. Continue only if you started this yourself and the device shows the code {context.Request.UserCode}.").Complaint(complaint)
            .Begin("post", Authority.DevicePage)
            .Hidden(SignInForm.UserCode, context.Request.UserCode).Hidden(CrossSite.Field, CrossSite.Token(http))
            .Credentials((string?)context.Request.GetParameter(SignInForm.User))
            .Button("Sign in").Button("Deny", SignInForm.Decision, SignInForm.Deny).End()
            .WriteAsync(http, complaint is null ? StatusCodes.Status200OK : StatusCodes.Status401Unauthorized);
        context.HandleRequest();
    }

    private async Task DenyAsync(ClaimsPrincipal device, CancellationToken cancel)
    {
        if (device.GetClaim(OpenIddictConstants.Claims.Private.DeviceCodeId) is { } id && await tokens.FindByIdAsync(id, cancel) is { } deviceCode)
            await tokens.TryRejectAsync(deviceCode, cancel);
        if (device.GetTokenId() is { } code && await tokens.FindByIdAsync(code, cancel) is { } userCode)
            await tokens.TryRedeemAsync(userCode, cancel);
    }

    private static async Task SayAsync(HandleEndUserVerificationRequestContext context, HttpContext http, string heading, string text)
    {
        await new SignInForm().Heading(heading).Text(text).WriteAsync(http);
        context.HandleRequest();
    }
}

/// <summary>The last page, when the device has been signed in.</summary>
internal sealed class ConfirmDevice : IOpenIddictServerHandler<ApplyEndUserVerificationResponseContext>
{
    public async ValueTask HandleAsync(ApplyEndUserVerificationResponseContext context)
    {
        var isDone = string.IsNullOrEmpty(context.Response.Error);
        await new SignInForm().Heading(isDone ? "Signed in" : "Not signed in").Text(isDone ? "The device goes on by itself. You can close this page." : "The code was used already or has expired. Start again on the device.")
            .WriteAsync(context.Transaction.GetHttpRequest()!.HttpContext, isDone ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest);
        context.HandleRequest();
    }
}

/// <summary>Says how often a device may ask, and for which resource its code is.</summary>
internal sealed class BeginDevice(IdentitySettings settings) : IOpenIddictServerHandler<HandleDeviceAuthorizationRequestContext>
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    public ValueTask HandleAsync(HandleDeviceAuthorizationRequestContext context)
    {
        var asked = RequestedResource.All(context.Request);
        if (asked.Count > 0 && RequestedResource.Fault(asked, settings) is var (error, description))
        {
            context.Reject(error, description);
            return ValueTask.CompletedTask;
        }

        var principal = new ClaimsPrincipal(new ClaimsIdentity());
        principal.SetScopes(context.Request.GetScopes()).SetResources(asked);
        context.Principal = principal;
        context.Parameters["interval"] = (long)Interval.TotalSeconds;
        return ValueTask.CompletedTask;
    }
}

/// <summary>What Entra ID says to the person in front of the device.</summary>
internal sealed class ExplainDevice : IOpenIddictServerHandler<ApplyDeviceAuthorizationResponseContext>
{
    /// <summary>Before the body is written.</summary>
    public static int Order => OpenIddictServerAspNetCoreHandlers.AttachHttpResponseCode<ApplyDeviceAuthorizationResponseContext>.Descriptor.Order + 500;

    public ValueTask HandleAsync(ApplyDeviceAuthorizationResponseContext context)
    {
        if (!string.IsNullOrEmpty(context.Response.Error))
            return ValueTask.CompletedTask;
        // The name it had in drafts, which ADAL reads.
        context.Response["verification_url"] = context.Response.VerificationUri;
        context.Response["message"] = $"To sign in, use a web browser to open the page {context.Response.VerificationUri} and enter the code {context.Response.UserCode} to authenticate.";
        return ValueTask.CompletedTask;
    }
}
