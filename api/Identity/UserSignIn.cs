using System.Security.Claims;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;

namespace ControlPlane.Api.Identity;

/// <summary>Whether the name and the password of the form on the sign-in page are right.</summary>
internal sealed class UserSignIn(ControlPlaneDb db, SignInThrottle throttle, CrossSite crossSite)
{
    private const string Wrong = "The user name or the password is wrong.";

    /// <summary>The user, or the complaint to show; it is the same for a wrong name, a wrong password and a disabled account.</summary>
    public async Task<(UserRow? User, string? Complaint)> CheckAsync(HttpContext http, IFormCollection form, CancellationToken cancel)
    {
        if (!crossSite.IsOurForm(http, form))
            return (null, "This form was open for too long or does not come from this page. Please try again.");

        var (name, password) = (form[SignInForm.User].ToString().Trim().ToLowerInvariant(), form[SignInForm.Password].ToString());
        if (name.Length is 0 or > Passwords.Longest || password.Length is 0 or > Passwords.Longest || name.Contains('\0', StringComparison.Ordinal))
            return (null, Wrong);
        var attempt = await throttle.BeginAsync(http, $"user:{name}", cancel);
        if (attempt.LockedFor is { } rest)
            return (null, $"There were too many wrong attempts. Try again in {Math.Ceiling(rest.TotalSeconds):0} seconds.");

        var user = await db.Set<UserRow>().AsNoTracking().FirstOrDefaultAsync(row => row.UserPrincipalName == name, cancel);
        if (!Passwords.Verify(user?.PasswordHash, password) || user is not { IsEnabled: true })
        {
            await throttle.FailedAsync(attempt, cancel);
            return (null, Wrong);
        }

        await throttle.SucceededAsync(attempt, cancel);
        return (user, null);
    }

    /// <summary>What a code remembers of the user until it is redeemed.</summary>
    public static ClaimsPrincipal PrincipalOf(UserRow user, IEnumerable<string> scopes, string resource) =>
        new(new ClaimsIdentity("password", OpenIddictConstants.Claims.Name, OpenIddictConstants.Claims.Role)
            .SetClaim(OpenIddictConstants.Claims.Subject, user.ObjectId)
            .SetScopes(scopes)
            .SetResources(resource));
}
