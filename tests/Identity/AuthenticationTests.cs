using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ControlPlane.Api.Identity;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>What is not a token of ours does not open the door.</summary>
public sealed class AuthenticationTests(IdentityFixture fixture) : IClassFixture<IdentityFixture>
{
    private IdentityHost Host => fixture.Host;

    [Fact]
    public async Task Without_a_token_the_answer_says_where_to_get_one()
    {
        using var response = await Host.CallAsync(token: null);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("AuthenticationFailed", await response.ErrorCodeAsync());
        Assert.Equal(["AuthenticationFailed"], response.Headers.GetValues("x-ms-error-code"));
        var challenge = Assert.Single(response.Headers.WwwAuthenticate);
        Assert.Equal("Bearer", challenge.Scheme);
        Assert.Contains($"authorization_uri=\"{Host.Endpoint}/{IdentityHost.Tenant}\"", challenge.Parameter, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Basic dXNlcjpwYXNz")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    public async Task Another_scheme_or_an_empty_one_is_no_token(string header)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/subscriptions/x", UriKind.Relative));
        request.Headers.TryAddWithoutValidation("Authorization", header);
        using var response = await Host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("AuthenticationFailed", await response.ErrorCodeAsync());
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("a.b.c")]
    [InlineData("..")]
    [InlineData("eyJhbGciOiJSUzI1NiJ9.e30.")]
    [InlineData("eyJhbGciOiJSUzI1NiJ9.bm90IGpzb24.c2ln")]
    [InlineData("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA")]
    public async Task What_is_no_JSON_web_token_is_refused(string token) => await RefusedAsync(token);

    [Fact]
    public async Task A_token_longer_than_any_real_one_is_not_looked_at() => await RefusedAsync(new string('a', BearerAuthentication.LongestToken + 1));

    [Fact]
    public async Task A_token_without_a_signature_is_refused()
    {
        var (header, payload) = Parts(await Host.TokenAsync());
        foreach (var none in new[] { "none", "None", "NONE" })
        {
            await RefusedAsync($"{Encode($$"""{"alg":"{{none}}","typ":"at+jwt","kid":"{{header.GetProperty("kid")}}"}""")}.{payload}.");
            await RefusedAsync($"{Encode($$"""{"alg":"{{none}}","typ":"at+jwt"}""")}.{payload}.");
        }
    }

    [Fact]
    public async Task The_public_key_used_as_a_shared_secret_signs_nothing()
    {
        var (header, payload) = Parts(await Host.TokenAsync());
        using var rsa = RSA.Create(Signer.Key.Parameters with { D = null, P = null, Q = null, DP = null, DQ = null, InverseQ = null });
        foreach (var secret in new[] { rsa.ExportSubjectPublicKeyInfo(), rsa.ExportRSAPublicKey(), Encoding.ASCII.GetBytes(rsa.ExportSubjectPublicKeyInfoPem()) })
        {
            var signed = $"{Encode($$"""{"alg":"HS256","typ":"at+jwt","kid":"{{header.GetProperty("kid")}}"}""")}.{payload}";
            await RefusedAsync($"{signed}.{Base64UrlEncoder.Encode(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)))}");
        }
    }

    [Fact]
    public async Task Another_key_under_the_name_of_ours_signs_nothing()
    {
        using var rsa = RSA.Create(2048);
        await RefusedAsync(Forge(key: new RsaSecurityKey(rsa) { KeyId = Signer.Kid }));
    }

    [Fact]
    public async Task A_changed_claim_breaks_the_signature()
    {
        var token = await Host.TokenAsync();
        var parts = token.Split('.');
        var payload = Base64UrlEncoder.Decode(parts[1]).Replace(IdentityHost.ClientId, "0c9f8b1e-3d57-4f0a-8a43-000000000000", StringComparison.Ordinal);
        await RefusedAsync($"{parts[0]}.{Base64UrlEncoder.Encode(payload)}.{parts[2]}");
    }

    [Fact]
    public async Task What_the_forger_of_these_tests_signs_properly_is_accepted()
    {
        using var response = await Host.CallAsync(Forge());
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("aud", "https://vault.azure.net")]
    [InlineData("aud", "https://127.0.0.1@evil.example")]
    [InlineData("aud", "https://evil.example/https://127.0.0.1")]
    [InlineData("aud", "http://127.0.0.1")]
    [InlineData("aud", null)]
    [InlineData("iss", "https://sts.windows.net/7f6d3c0a-5c1e-4c55-9d0e-2b8f0e3a9c11")]
    [InlineData("iss", "https://127.0.0.1/00000000-5c1e-4c55-9d0e-2b8f0e3a9c11/v2.0")]
    [InlineData("iss", "https://127.0.0.1/evil/7f6d3c0a-5c1e-4c55-9d0e-2b8f0e3a9c11/v2.0")]
    [InlineData("iss", null)]
    [InlineData("tid", "00000000-5c1e-4c55-9d0e-2b8f0e3a9c11")]
    [InlineData("tid", null)]
    [InlineData("oid", null)]
    [InlineData("appid", null)]
    [InlineData("idtyp", null)]
    public async Task A_token_of_ours_for_something_else_is_refused(string claim, string? value) => await RefusedAsync(Forge(claim, value));

    [Theory]
    [InlineData("JWT")]
    [InlineData("id_token")]
    public async Task Another_type_of_token_is_refused(string type) => await RefusedAsync(Forge(type: type));

    [Fact]
    public async Task A_token_that_is_not_valid_yet_is_refused() =>
        await RefusedAsync(Forge("nbf", fixture.Time.GetUtcNow().AddMinutes(2).ToUnixTimeSeconds()));

    [Theory]
    [InlineData("exp")]
    [InlineData("nbf")]
    public async Task A_token_without_its_lifetime_is_refused(string claim) => await RefusedAsync(Forge(claim, null));

    [Fact]
    public async Task A_token_opens_the_door_until_the_second_it_expires_even_when_it_is_remembered()
    {
        await using var database = await TestDatabase.CreateAsync();
        var time = new ManualTime();
        await using var host = await IdentityHost.StartAsync(database, time);
        var token = await host.TokenAsync();

        for (var call = 0; call < 2; call++)
        {
            using var response = await host.CallAsync(token);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            time.Advance(TimeSpan.FromMinutes(59) + TimeSpan.FromSeconds(59));
        }

        using var expired = await host.CallAsync(token);
        Assert.Equal(HttpStatusCode.Unauthorized, expired.StatusCode);
        Assert.Equal("ExpiredAuthenticationToken", await expired.ErrorCodeAsync());
    }

    private SigningKey Signer => Host.Services.GetRequiredService<SigningKeys>().Signer();

    private async Task RefusedAsync(string token)
    {
        using var response = await Host.CallAsync(token);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("InvalidAuthenticationToken", await response.ErrorCodeAsync());
    }

    /// <summary>A token signed with the real key (unless another is given) in which one claim differs from what the token service says, or is missing.</summary>
    private string Forge(string? claim = null, object? value = null, RsaSecurityKey? key = null, string type = "at+jwt")
    {
        var now = fixture.Time.GetUtcNow().ToUnixTimeSeconds();
        var claims = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["iss"] = $"{Host.Endpoint}/{IdentityHost.Tenant}/v2.0",
            ["aud"] = Host.Endpoint,
            ["sub"] = "5e0ff2b4-0000-8000-8000-000000000001",
            ["oid"] = "5e0ff2b4-0000-8000-8000-000000000001",
            ["tid"] = IdentityHost.Tenant,
            ["appid"] = IdentityHost.ClientId,
            ["idtyp"] = "app",
            ["nbf"] = now,
            ["iat"] = now,
            ["exp"] = now + 3600,
            ["jti"] = Guid.NewGuid().ToString(),
        };
        if (claim is not null && value is null)
            claims.Remove(claim);
        else if (claim is not null)
            claims[claim] = value!;

        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Claims = claims,
            TokenType = type,
            SigningCredentials = new(key ?? Signer.Key, SecurityAlgorithms.RsaSha256),
        });
    }

    private static (JsonElement Header, string Payload) Parts(string token)
    {
        var parts = token.Split('.');
        return (JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(parts[0])).RootElement, parts[1]);
    }

    private static string Encode(string json) => Base64UrlEncoder.Encode(json);
}
