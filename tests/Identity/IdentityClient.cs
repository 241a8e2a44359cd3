using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;

namespace ControlPlane.Tests.Identity;

/// <summary>What a client of the token service and of the front door does.</summary>
internal static class IdentityClient
{
    public static string[] TokenPaths => [$"/{IdentityHost.Tenant}/oauth2/v2.0/token", $"/{IdentityHost.Tenant}/oauth2/token", "/adfs/oauth2/token"];

    public static Dictionary<string, string> ClientCredentials(this IdentityHost host) => new(StringComparer.Ordinal)
    {
        ["grant_type"] = "client_credentials",
        ["client_id"] = IdentityHost.ClientId,
        ["client_secret"] = IdentityHost.Secret,
        ["scope"] = $"{host.Endpoint}/.default",
    };

    public static Dictionary<string, string> With(this Dictionary<string, string> form, string name, string? value)
    {
        if (value is null)
            form.Remove(name);
        else
            form[name] = value;
        return form;
    }

    public static async Task<HttpResponseMessage> AskTokenAsync(this IdentityHost host, Dictionary<string, string> form, string? path = null)
    {
        using var content = new FormUrlEncodedContent(form);
        return await host.Client.PostAsync(new Uri(path ?? TokenPaths[0], UriKind.Relative), content);
    }

    public static async Task<string> TokenAsync(this IdentityHost host, string? path = null)
    {
        using var response = await host.AskTokenAsync(host.ClientCredentials(), path);
        return (await response.JsonAsync()).GetProperty("access_token").GetString()!;
    }

    public static async Task<HttpResponseMessage> GetAsync(this IdentityHost host, string path, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.RelativeOrAbsolute));
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await host.Client.SendAsync(request);
    }

    /// <summary>Presents the token at the bootstrap subscription.</summary>
    public static Task<HttpResponseMessage> CallAsync(this IdentityHost host, string? token) => host.GetAsync($"/subscriptions/{IdentityHost.Subscription}", token);

    public static Task<JsonElement> JsonAsync(this HttpResponseMessage response) => response.Content.ReadFromJsonAsync<JsonElement>();

    public static async Task<JsonElement> JsonAsync(this IdentityHost host, string path) =>
        await host.Client.GetFromJsonAsync<JsonElement>(new Uri(path, UriKind.RelativeOrAbsolute));

    public static async Task<string> ErrorCodeAsync(this HttpResponseMessage response) =>
        (await response.JsonAsync()).GetProperty("error").GetProperty("code").GetString()!;

    public static string Kid(string token) => new JsonWebToken(token).Kid;

    public static async Task<string[]> PublishedKidsAsync(this IdentityHost host)
    {
        var jwks = await host.JsonAsync($"/{IdentityHost.Tenant}/discovery/v2.0/keys");
        return [.. jwks.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()!)];
    }
}
