using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace ControlPlane.Api.Identity;

/// <summary>
/// Keeps other sites from filling in our forms: the form repeats a random value that stands in a cookie which only this host can set (the prefix <c>__Host-</c>, RFC 6265bis),
/// and a browser that says where the form was must name us. Nothing is stored, so any replica can check.
/// </summary>
internal sealed class CrossSite(IdentitySettings settings)
{
    /// <summary>The hidden field of the form.</summary>
    public const string Field = "form_token";

    private const string Cookie = "__Host-form";
    private const int Length = 43;

    /// <summary>The value for the form; the browser gets it as a cookie unless it has one.</summary>
    public static string Token(HttpContext http)
    {
        if (http.Request.Cookies[Cookie] is { Length: Length } known)
            return known;
        var token = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        http.Response.Cookies.Append(Cookie, token, new() { HttpOnly = true, Secure = true, SameSite = SameSiteMode.Lax, Path = "/", IsEssential = true });
        return token;
    }

    public bool IsOurForm(HttpContext http, IFormCollection form) =>
        http.Request.Cookies[Cookie] is { Length: Length } cookie
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(cookie), Encoding.UTF8.GetBytes(form[Field].ToString()))
        && (http.Request.Headers.Origin.Count == 0 || string.Equals(http.Request.Headers.Origin, settings.EndpointOf(http.Request), StringComparison.OrdinalIgnoreCase));
}
