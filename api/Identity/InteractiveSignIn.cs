using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace ControlPlane.Api.Identity;

/// <summary>
/// The authorization endpoint (RFC 6749, section 4.1): asks for name and password and gives the application a code. There is no session and no question of consent: applications
/// are registered by administrators, and every sign-in asks for the password.
/// </summary>
internal sealed class SignInUser(UserSignIn users, IOpenIddictApplicationManager applications, IdentitySettings settings) : IOpenIddictServerHandler<HandleAuthorizationRequestContext>
{
    public async ValueTask HandleAsync(HandleAuthorizationRequestContext context)
    {
        var (http, cancel) = (context.Transaction.GetHttpRequest()!.HttpContext, context.CancellationToken);
        var asked = RequestedResource.All(context.Request);
        if (asked.Count == 0)
            asked = [settings.EndpointOf(http.Request)];
        if (RequestedResource.Fault(asked, settings) is var (error, description))
        {
            context.Reject(error, description);
            return;
        }

        if (context.Request.HasPromptValue(PromptValues.None))
        {
            context.Reject(Errors.LoginRequired, "AADSTS50058: A silent sign-in request was sent but no user is signed in; ask without prompt=none.");
            return;
        }

        string? complaint = null;
        if (HttpMethods.IsPost(http.Request.Method) && (await http.Request.ReadFormAsync(cancel)) is var form && form.ContainsKey(SignInForm.User))
        {
            (var user, complaint) = await users.CheckAsync(http, form, cancel);
            if (user is not null)
            {
                context.SignIn(UserSignIn.PrincipalOf(user, context.Request.GetScopes(), asked[0]));
                return;
            }
        }

        await FormAsync(context, http, complaint, cancel);
        context.HandleRequest();
    }

    /// <summary>The form repeats the request, which was found good, so that nothing needs to be remembered.</summary>
    private async Task FormAsync(HandleAuthorizationRequestContext context, HttpContext http, string? complaint, CancellationToken cancel)
    {
        var application = await applications.FindByClientIdAsync(context.ClientId!, cancel) ?? throw new InvalidOperationException("OpenIddict validated a client that is gone.");
        var page = new SignInForm().Heading("Sign in").Text($"to continue to {await applications.GetDisplayNameAsync(application, cancel)}").Complaint(complaint)
            .Begin("post", http.Request.Path, Origin(context.Request.RedirectUri));
        foreach (var (name, value) in context.Request.GetParameters())
        {
            if (name is not (SignInForm.User or SignInForm.Password or CrossSite.Field))
                page.Hidden(name, (string?)value);
        }

        await page.Hidden(CrossSite.Field, CrossSite.Token(http))
            .Credentials(context.Request.LoginHint ?? (string?)context.Request.GetParameter(SignInForm.User))
            .Button("Sign in").End()
            .WriteAsync(http, complaint is null ? StatusCodes.Status200OK : StatusCodes.Status401Unauthorized);
    }

    /// <summary>Browsers apply <c>form-action</c> to redirects after a form too. A native application's own scheme is named by the scheme alone.</summary>
    private static string? Origin(string? redirectUri) =>
        !Uri.TryCreate(redirectUri, UriKind.Absolute, out var uri) ? null
        : uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp ? uri.GetLeftPart(UriPartial.Authority) : uri.Scheme + ":";
}
