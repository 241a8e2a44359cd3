using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>Administers the directory, as the bootstrap application unless another token is given.</summary>
internal sealed class GraphClient(IdentityHost host, string? token = null)
{

    public async Task<(int Status, JsonElement Body)> SendAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.RelativeOrAbsolute)) { Content = body is null ? null : JsonContent.Create(body, options: new JsonSerializerOptions()) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token ?? await host.TokenAsync());
        using var response = await host.Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    public Task<JsonElement> GetAsync(string path) => ExpectAsync(HttpMethod.Get, path, null, 200);

    public Task<JsonElement> PostAsync(string path, object body, int status = 201) => ExpectAsync(HttpMethod.Post, path, body, status);

    public Task<JsonElement> PatchAsync(string path, object body, int status = 204) => ExpectAsync(HttpMethod.Patch, path, body, status);

    public Task<JsonElement> DeleteAsync(string path, int status = 204) => ExpectAsync(HttpMethod.Delete, path, null, status);

    /// <summary>An application with its service principal and a secret.</summary>
    public async Task<(string Id, string AppId, string ObjectId, string Secret)> ApplicationAsync(string name)
    {
        var application = await PostAsync("/v1.0/applications", new { displayName = name });
        var (id, appId) = (application.Text("id"), application.Text("appId"));
        var principal = await PostAsync("/v1.0/servicePrincipals", new { appId });
        var secret = await PostAsync($"/v1.0/applications/{id}/addPassword", new { passwordCredential = new { displayName = "first" } }, 200);
        return (id, appId, principal.Text("id"), secret.Text("secretText"));
    }

    public async Task<string> UserAsync(string name, string password = IdentityHost.Password) =>
        (await PostAsync("/v1.0/users", new { displayName = name, userPrincipalName = $"{name}@plane.example", mailNickname = name, accountEnabled = true, passwordProfile = new { password } })).Text("id");

    public async Task<string> GroupAsync(string name) =>
        (await PostAsync("/v1.0/groups", new { displayName = name, mailEnabled = false, mailNickname = name, securityEnabled = true })).Text("id");

    public Task<JsonElement> JoinAsync(string group, string member, int status = 204) =>
        PostAsync($"/v1.0/groups/{group}/members/$ref", new Dictionary<string, string>(StringComparer.Ordinal) { ["@odata.id"] = $"https://graph.microsoft.com/v1.0/directoryObjects/{member}" }, status);

    public async Task<string[]> IdsAsync(string path) => [.. (await GetAsync(path)).GetProperty("value").EnumerateArray().Select(item => item.Text("id")).Order(StringComparer.Ordinal)];

    public async Task<HttpStatusCode> TokenStatusAsync(string appId, string secret)
    {
        using var answer = await host.AskTokenAsync(host.ClientCredentials().With("client_id", appId).With("client_secret", secret));
        return answer.StatusCode;
    }

    private async Task<JsonElement> ExpectAsync(HttpMethod method, string path, object? body, int status)
    {
        var answer = await SendAsync(method, path, body);
        Assert.True(answer.Status == status, $"{method} {path}: {answer.Status} {answer.Body}");
        return answer.Body;
    }
}

internal static class JsonText
{
    public static string Text(this JsonElement json, string property) => json.GetProperty(property).GetString()!;
}
