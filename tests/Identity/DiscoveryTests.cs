using System.Net;
using System.Text.Json;
using ControlPlane.Api.Identity;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>What a client learns about the cloud from nothing but the address of the front door.</summary>
public sealed class DiscoveryTests(IdentityFixture fixture) : IClassFixture<IdentityFixture>
{
    private const string T = IdentityHost.Tenant;

    private IdentityHost Host => fixture.Host;

    [Theory]
    [InlineData($"/{T}/v2.0", $"/{T}/oauth2/v2.0/token", $"/{T}/discovery/v2.0/keys")]
    [InlineData($"/{T}", $"/{T}/oauth2/token", $"/{T}/discovery/keys")]
    [InlineData("/adfs", "/adfs/oauth2/token", "/adfs/discovery/keys")]
    public async Task Each_authority_describes_itself_at_the_address_the_client_used(string authority, string token, string keys)
    {
        var document = await Host.JsonAsync($"{authority}/.well-known/openid-configuration");

        Assert.Equal(Host.Endpoint + authority, document.GetProperty("issuer").GetString());
        Assert.Equal(Host.Endpoint + token, document.GetProperty("token_endpoint").GetString());
        Assert.Equal(Host.Endpoint + keys, document.GetProperty("jwks_uri").GetString());
        // Both are there: one says what is missing, the other begins.
        using var authorization = await Host.GetAsync($"{document.GetProperty("authorization_endpoint").GetString()}?client_id={WellKnownClients.AzureCli}", token: null);
        Assert.Equal(HttpStatusCode.BadRequest, authorization.StatusCode);
        using var device = await Host.AskTokenAsync(new(StringComparer.Ordinal) { ["client_id"] = WellKnownClients.AzureCli, ["scope"] = "openid" }, new Uri(document.GetProperty("device_authorization_endpoint").GetString()!).AbsolutePath);
        Assert.Equal(HttpStatusCode.OK, device.StatusCode);
        Assert.Equal(["S256"], document.GetProperty("code_challenge_methods_supported").EnumerateArray().Select(method => method.GetString()));
        Assert.Equal(["RS256"], document.GetProperty("id_token_signing_alg_values_supported").EnumerateArray().Select(algorithm => algorithm.GetString()));
        Assert.Contains("private_key_jwt", document.GetProperty("token_endpoint_auth_methods_supported").EnumerateArray().Select(method => method.GetString()));
        Assert.Superset(new HashSet<string?>(["authorization_code", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]), document.GetProperty("grant_types_supported").EnumerateArray().Select(grant => grant.GetString()).ToHashSet());

        var issued = new Microsoft.IdentityModel.JsonWebTokens.JsonWebToken(await Host.TokenAsync(token));
        Assert.Equal(document.GetProperty("issuer").GetString(), issued.Issuer);
        Assert.Contains(issued.Kid, (await Host.JsonAsync(keys)).GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()));
    }

    [Fact]
    public async Task The_address_is_that_of_the_host_header()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/adfs/.well-known/openid-configuration", UriKind.Relative));
        request.Headers.Host = $"localhost:{Host.Address.Port}";
        using var response = await Host.Client.SendAsync(request);
        Assert.Equal($"https://localhost:{Host.Address.Port}/adfs/oauth2/token", (await response.JsonAsync()).GetProperty("token_endpoint").GetString());
    }

    [Fact]
    public async Task The_key_set_holds_public_parts_only()
    {
        var keys = (await Host.JsonAsync($"/{T}/discovery/v2.0/keys")).GetProperty("keys");
        Assert.All(keys.EnumerateArray(), key =>
            Assert.Superset(new HashSet<string>(["kid", "use", "kty", "alg", "n", "e"]), key.EnumerateObject().Select(member => member.Name).ToHashSet(StringComparer.Ordinal)));
        Assert.All(keys.EnumerateArray(), key => Assert.False(key.TryGetProperty("d", out _) || key.TryGetProperty("p", out _) || key.TryGetProperty("q", out _)));
    }

    [Fact]
    public async Task Az_finds_the_AD_FS_login_in_the_metadata_of_Azure_Stack()
    {
        var cloud = await Host.JsonAsync("/metadata/endpoints?api-version=2015-01-01");
        Assert.Equal(Host.Endpoint + "/adfs", cloud.GetProperty("authentication").GetProperty("loginEndpoint").GetString());
        Assert.Equal(Host.Endpoint, cloud.GetProperty("authentication").GetProperty("audiences")[0].GetString());
        Assert.Equal(Host.Endpoint, cloud.GetProperty("graphEndpoint").GetString());
        Assert.Equal(Host.Endpoint, cloud.GetProperty("galleryEndpoint").GetString());
    }

    [Theory]
    [InlineData("2019-05-01", JsonValueKind.Array)]
    [InlineData("2020-06-01", JsonValueKind.Array)]
    [InlineData("2022-09-01", JsonValueKind.Object)]
    public async Task Newer_clients_find_a_list_of_clouds_and_the_newest_a_single_one(string version, JsonValueKind kind)
    {
        var answer = await Host.JsonAsync($"/metadata/endpoints?api-version={version}");
        Assert.Equal(kind, answer.ValueKind);
        var cloud = kind == JsonValueKind.Array ? Assert.Single(answer.EnumerateArray()) : answer;

        Assert.Equal("ControlPlane", cloud.GetProperty("name").GetString());
        Assert.Equal(Host.Endpoint, cloud.GetProperty("resourceManager").GetString());
        Assert.Equal(Host.Endpoint + "/adfs", cloud.GetProperty("authentication").GetProperty("loginEndpoint").GetString());
        Assert.Equal(T, cloud.GetProperty("authentication").GetProperty("tenant").GetString());
        Assert.Equal(JsonValueKind.Object, cloud.GetProperty("suffixes").ValueKind);
    }

    [Theory]
    [InlineData("/healthz")]
    [InlineData("/metadata/endpoints")]
    [InlineData("/provision/abc/instructions")]
    public async Task A_few_paths_need_no_token(string path)
    {
        using var response = await Host.GetAsync(path, token: null);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/subscriptions")]
    [InlineData("/nothing/here")]
    [InlineData("/provisioning/abc")]
    [InlineData("/healthz/x")]
    [InlineData("/subscriptions/s/providers/ControlPlane.Serving/things/token")]
    [InlineData("/provision/../subscriptions")]
    public async Task Every_other_path_needs_one(string path)
    {
        using var response = await Host.GetAsync(path, token: null);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }
}
