using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Web;
using ControlPlane.Api.Identity;
using Microsoft.IdentityModel.Tokens;

namespace ControlPlane.Tests.Identity;

/// <summary>A person in front of the pages of the token service: keeps cookies, fills in forms, follows nothing.</summary>
internal sealed partial class Browser(HttpClient client, string endpoint)
{
    public const string Verifier = "a-verifier-of-at-least-forty-three-characters-0123456789";
    public const string RedirectUri = "http://localhost:8400";

    private string? cookie;

    public Browser(IdentityHost host) : this(host.Client, host.Endpoint)
    {
    }

    public static string Challenge { get; } = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    /// <summary>What the Azure CLI asks for.</summary>
    public Dictionary<string, string> Request() => new(StringComparer.Ordinal)
    {
        ["client_id"] = WellKnownClients.AzureCli,
        ["response_type"] = "code",
        ["redirect_uri"] = RedirectUri,
        ["scope"] = $"{endpoint}/.default openid profile offline_access",
        ["state"] = "the-state",
        ["nonce"] = "the-nonce",
        ["code_challenge"] = Challenge,
        ["code_challenge_method"] = "S256",
    };

    public async Task<Page> GetAsync(string path) => await SendAsync(new(HttpMethod.Get, new Uri(path, UriKind.Relative)));

    public Task<Page> OpenAsync(Dictionary<string, string> request, string? path = null) =>
        GetAsync($"{path ?? $"/{IdentityHost.Tenant}/oauth2/v2.0/authorize"}?{string.Join('&', request.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}"))}");

    /// <summary>Sends the page's form as a browser would, with what the person typed.</summary>
    public Task<Page> SubmitAsync(Page page, params (string Name, string Value)[] typed) => PostAsync(page.Action, page.With(typed));

    public async Task<Page> PostAsync(string path, Dictionary<string, string> fields, string? origin = null, bool withCookie = true)
    {
        using var content = new FormUrlEncodedContent(fields);
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative)) { Content = content };
        request.Headers.TryAddWithoutValidation("Origin", origin ?? endpoint);
        return await SendAsync(request, withCookie);
    }

    /// <summary>Signs in, and answers the parameters with which the browser is sent back.</summary>
    public async Task<Dictionary<string, string>> SignInAsync(Dictionary<string, string>? request = null, string? path = null)
    {
        var page = await OpenAsync(request ?? Request(), path);
        var answer = await SubmitAsync(page, ("username", IdentityHost.User), ("password", IdentityHost.Password));
        Xunit.Assert.True(answer.Status == HttpStatusCode.Redirect, answer.Html);
        return answer.Parameters;
    }

    public async Task<JsonElement> RedeemAsync(string code, string? path = null, Action<Dictionary<string, string>>? change = null)
    {
        using var content = new FormUrlEncodedContent(CodeForm(code, change));
        using var answer = await client.PostAsync(new Uri(path ?? IdentityClient.TokenPaths[0], UriKind.Relative), content);
        return await answer.JsonAsync();
    }

    public static Dictionary<string, string> CodeForm(string code, Action<Dictionary<string, string>>? change = null)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "authorization_code", ["client_id"] = WellKnownClients.AzureCli, ["code"] = code, ["redirect_uri"] = RedirectUri, ["code_verifier"] = Verifier, ["client_info"] = "1",
        };
        change?.Invoke(form);
        return form;
    }

    private async Task<Page> SendAsync(HttpRequestMessage request, bool withCookie = true)
    {
        using (request)
        {
            if (cookie is not null && withCookie)
                request.Headers.TryAddWithoutValidation("Cookie", cookie);
            using var response = await client.SendAsync(request);
            if (withCookie && response.Headers.TryGetValues("Set-Cookie", out var set))
                cookie = set.First().Split(';')[0];
            return new(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers.Location, response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(',', header.Value), StringComparer.OrdinalIgnoreCase));
        }
    }

    [GeneratedRegex("<input (?:type=\"hidden\" )?name=\"(?<name>[^\"]*)\"[^>]*value=\"(?<value>[^\"]*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Inputs();

    [GeneratedRegex("<form [^>]*action=\"(?<action>[^\"]*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Form();

    /// <summary>What the browser got.</summary>
    internal sealed record Page(HttpStatusCode Status, string Html, Uri? Location, Dictionary<string, string> Headers)
    {
        public string Action => WebUtility.HtmlDecode(Form().Match(Html).Groups["action"].Value);

        public Dictionary<string, string> Parameters => HttpUtility.ParseQueryString(Location!.Query) is var query
            ? query.AllKeys.ToDictionary(key => key!, key => query[key]!, StringComparer.Ordinal) : [];

        public Dictionary<string, string> With(params (string Name, string Value)[] typed)
        {
            var fields = Inputs().Matches(Html).ToDictionary(match => match.Groups["name"].Value, match => WebUtility.HtmlDecode(match.Groups["value"].Value), StringComparer.Ordinal);
            foreach (var (name, value) in typed)
                fields[name] = value;
            return fields;
        }
    }
}
