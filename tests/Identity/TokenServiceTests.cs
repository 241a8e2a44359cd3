using System.Net;
using System.Net.Http.Headers;
using System.Text;
using ControlPlane.Tests.Fixtures;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>What clients of Microsoft Entra ID and AD FS send, and what they must get.</summary>
public sealed class TokenServiceTests(IdentityFixture fixture) : IClassFixture<IdentityFixture>
{
    private IdentityHost Host => fixture.Host;

    public static TheoryData<string> TokenPaths => [.. IdentityClient.TokenPaths];

    [Theory, MemberData(nameof(TokenPaths))]
    public async Task A_token_comes_from_every_path_and_opens_the_front_door(string path)
    {
        using var answer = await Host.AskTokenAsync(Host.ClientCredentials(), path);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var body = await answer.JsonAsync();
        Assert.Equal("Bearer", body.GetProperty("token_type").GetString());
        Assert.Equal(3600, body.GetProperty("expires_in").GetInt64());
        Assert.False(body.TryGetProperty("scope", out _));

        using var response = await Host.CallAsync(body.GetProperty("access_token").GetString());
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var me = await response.JsonAsync();
        Assert.True(me.GetProperty("may").GetBoolean());
        Assert.Equal(IdentityHost.ClientId, me.GetProperty("principal").GetProperty("appId").GetString());
        Assert.Equal("Application", me.GetProperty("principal").GetProperty("type").GetString());
    }

    [Theory, MemberData(nameof(TokenPaths))]
    public async Task A_token_says_who_may_do_what_where_and_until_when(string path)
    {
        var token = new JsonWebToken(await Host.TokenAsync(path));

        Assert.Equal("RS256", token.Alg);
        Assert.Equal([Host.Endpoint], token.Audiences);
        Assert.Equal(fixture.Time.GetUtcNow().UtcDateTime, token.ValidFrom);
        Assert.Equal(fixture.Time.GetUtcNow().UtcDateTime, token.IssuedAt);
        Assert.Equal(TimeSpan.FromHours(1), token.ValidTo - token.ValidFrom);
        Assert.Equal(IdentityHost.Tenant, token.GetClaim("tid").Value);
        Assert.Equal(IdentityHost.ClientId, token.GetClaim("appid").Value);
        Assert.Equal(IdentityHost.ClientId, token.GetClaim("azp").Value);
        Assert.Equal("app", token.GetClaim("idtyp").Value);
        Assert.Equal(token.Subject, token.GetClaim("oid").Value);
        Assert.True(Guid.TryParse(token.Subject, out _));
        Assert.NotEmpty(token.Id);
        Assert.Equal(path.Contains("v2.0", StringComparison.Ordinal) ? "2.0" : "1.0", token.GetClaim("ver").Value);
        Assert.DoesNotContain(token.Claims, claim => claim.Type == "scope");
    }

    [Theory]
    [InlineData("/.default", null)]
    [InlineData("//.default", null)]
    [InlineData(null, "")]
    [InlineData(null, "/")]
    public async Task The_resource_is_named_by_scope_or_by_resource_with_any_number_of_slashes(string? scopeEnd, string? resourceEnd)
    {
        var form = Host.ClientCredentials()
            .With("scope", scopeEnd is null ? null : Host.Endpoint + scopeEnd)
            .With("resource", resourceEnd is null ? null : Host.Endpoint + resourceEnd);
        using var answer = await Host.AskTokenAsync(form, IdentityClient.TokenPaths[1]);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var body = await answer.JsonAsync();
        Assert.Equal([Host.Endpoint], new JsonWebToken(body.GetProperty("access_token").GetString()).Audiences);
        Assert.Equal(Host.Endpoint, body.GetProperty("resource").GetString());
    }

    [Fact]
    public async Task What_az_and_MSAL_add_to_the_form_is_ignored()
    {
        var form = Host.ClientCredentials()
            .With("client_info", "1")
            .With("claims", """{"access_token":{"xms_cc":{"values":["CP1"]}}}""")
            .With("x-client-SKU", "MSAL.Python").With("x-client-ver", "1.21.0").With("x-ms-lib-capability", "retry-after, h429");
        using var answer = await Host.AskTokenAsync(form, "/adfs/oauth2/token");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task The_secret_may_come_in_the_authorization_header()
    {
        using var content = new FormUrlEncodedContent(Host.ClientCredentials().With("client_id", null).With("client_secret", null));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(IdentityClient.TokenPaths[0], UriKind.Relative)) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{IdentityHost.ClientId}:{Uri.EscapeDataString(IdentityHost.Secret)}")));
        using var answer = await Host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("client_id", "0c9f8b1e-0000-0000-0000-000000000000", 400, "unauthorized_client", 700016)]
    [InlineData("client_secret", null, 401, "invalid_client", 7000218)]
    [InlineData("grant_type", "password", 400, "unsupported_grant_type", 70003)]
    [InlineData("grant_type", null, 400, "invalid_request", 900144)]
    [InlineData("scope", null, 400, "invalid_scope", 1002012)]
    [InlineData("scope", "https://127.0.0.1/.default https://localhost/.default", 400, "invalid_scope", 28000)]
    [InlineData("scope", "https://graph.microsoft.com/.default", 400, "invalid_target", 500011)]
    [InlineData("scope", "https://127.0.0.1.evil.example/.default", 400, "invalid_target", 500011)]
    public async Task A_wrong_request_is_refused_with_the_code_that_tools_know(string field, string? value, int status, string error, int code)
    {
        using var answer = await Host.AskTokenAsync(Host.ClientCredentials().With(field, value));

        Assert.Equal(status, (int)answer.StatusCode);
        var body = await answer.JsonAsync();
        Assert.Equal(error, body.GetProperty("error").GetString());
        Assert.Equal(code, body.GetProperty("error_codes")[0].GetInt32());
        Assert.StartsWith($"AADSTS{code}: ", body.GetProperty("error_description").GetString(), StringComparison.Ordinal);
        Assert.True(body.TryGetProperty("timestamp", out _) && body.TryGetProperty("trace_id", out _) && body.TryGetProperty("correlation_id", out _));
    }

    [Fact]
    public async Task A_refusal_can_be_found_again_by_the_id_the_client_gave_it()
    {
        var id = Guid.NewGuid();
        using var answer = await Host.AskTokenAsync(Host.ClientCredentials().With("grant_type", "password"), $"{IdentityClient.TokenPaths[0]}?client-request-id={id}");
        Assert.Equal(id, (await answer.JsonAsync()).GetProperty("correlation_id").GetGuid());
    }

    [Fact]
    public async Task A_client_assertion_is_not_taken_for_a_secret()
    {
        var form = Host.ClientCredentials().With("client_secret", null)
            .With("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer").With("client_assertion", "eyJhbGciOiJub25lIn0.e30.");
        using var answer = await Host.AskTokenAsync(form);
        Assert.NotEqual(HttpStatusCode.OK, answer.StatusCode);
        Assert.False((await answer.JsonAsync()).TryGetProperty("access_token", out _));
    }

    [Theory]
    [InlineData("POST", "oauth2/v2.0/token")]
    [InlineData("POST", "oauth2/token")]
    [InlineData("GET", "v2.0/.well-known/openid-configuration")]
    [InlineData("GET", ".well-known/openid-configuration")]
    [InlineData("GET", "discovery/v2.0/keys")]
    public async Task Another_tenant_is_unknown(string method, string path)
    {
        using var content = new FormUrlEncodedContent(Host.ClientCredentials());
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri($"/99999999-5c1e-4c55-9d0e-2b8f0e3a9c11/{path}", UriKind.Relative));
        request.Content = method == "POST" ? content : null;
        using var answer = await Host.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var body = await answer.JsonAsync();
        Assert.Equal("invalid_tenant", body.GetProperty("error").GetString());
        Assert.Equal(90002, body.GetProperty("error_codes")[0].GetInt32());
    }
}
