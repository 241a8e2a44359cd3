using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using ControlPlane.Tests.Fixtures;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>A front door that trusts the certificate of a fake issuer, an application, and a credential that binds a workload of that issuer to it.</summary>
public sealed class WorkloadFixture : IAsyncLifetime
{
    private readonly string caFile = Path.GetTempFileName();
    private TestDatabase? database;

    internal ManualTime Time { get; } = new();
    internal FakeIssuer Issuer { get; private set; } = null!;
    internal IdentityHost Host { get; private set; } = null!;
    internal GraphClient Graph { get; private set; } = null!;
    internal (string Id, string AppId, string ObjectId, string Secret) Application { get; private set; }

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(caFile, LoopbackCertificate.Pem);
        database = await TestDatabase.CreateAsync();
        Issuer = await FakeIssuer.StartAsync();
        Host = await IdentityHost.StartAsync(database, Time, ("Identity:IssuerCaFile", caFile));
        Graph = new GraphClient(Host);
        Application = await Graph.ApplicationAsync("deployer");
        await Graph.PostAsync($"/v1.0/applications/{Application.Id}/federatedIdentityCredentials", new { name = "cluster", issuer = Issuer.Issuer, subject = "system:serviceaccount:shop:deployer" });
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Issuer.DisposeAsync();
        await database!.DisposeAsync();
        File.Delete(caFile);
    }
}

/// <summary>A workload proves who it is by a token of its own platform, or by an assertion that it signed, instead of a secret (RFC 7523).</summary>
public sealed class WorkloadTests(WorkloadFixture fixture) : IClassFixture<WorkloadFixture>
{
    private IdentityHost Host => fixture.Host;

    private DateTimeOffset Now => fixture.Time.GetUtcNow();

    public static TheoryData<string> TokenPaths => [.. IdentityClient.TokenPaths];

    [Theory, MemberData(nameof(TokenPaths))]
    public async Task A_token_of_the_platform_is_exchanged_for_one_of_the_application(string path)
    {
        var token = fixture.Issuer.Token(Now);
        var answer = await ExchangeAsync(token, path);
        Assert.Equal(fixture.Application.ObjectId, new JsonWebToken(answer.Text("access_token")).GetClaim("oid").Value);

        // A pod presents the same token until its platform writes the next one.
        Assert.True((await ExchangeAsync(token, path)).TryGetProperty("access_token", out _));
    }

    [Fact]
    public async Task A_credential_says_what_it_is_for_and_can_be_changed_and_removed()
    {
        var application = await fixture.Graph.ApplicationAsync("other");
        var path = $"/v1.0/applications/{application.Id}/federatedIdentityCredentials";
        var made = await fixture.Graph.PostAsync(path, new { name = "github", issuer = fixture.Issuer.Issuer, subject = "repo:a/b:ref:refs/heads/main", description = "deploys" });
        Assert.Equal("api://AzureADTokenExchange", made.GetProperty("audiences")[0].GetString());
        Assert.Equal(made.Text("id"), (await fixture.Graph.GetAsync($"{path}/github")).Text("id"));
        Assert.Equal(409, (await fixture.Graph.SendAsync(HttpMethod.Post, path, new { name = "github", issuer = "https://x.example", subject = "y" })).Status);
        Assert.Equal(400, (await fixture.Graph.SendAsync(HttpMethod.Post, path, new { name = "x y", issuer = "http://x.example", subject = "", audiences = Array.Empty<string>() })).Status);

        await fixture.Graph.PatchAsync($"{path}/github", new { audiences = new[] { "ours" } });
        var token = fixture.Issuer.Token(Now, claims => (claims["sub"], claims["aud"]) = ("repo:a/b:ref:refs/heads/main", "ours"));
        Assert.True((await ExchangeAsync(token, appId: application.AppId)).TryGetProperty("access_token", out _));
        await fixture.Graph.DeleteAsync($"{path}/github");
        Assert.Equal("invalid_client", (await ExchangeAsync(token, appId: application.AppId)).Text("error"));
        await fixture.Graph.DeleteAsync($"{path}/github", 404);
    }

    [Theory]
    [InlineData("sub", "system:serviceaccount:shop:Deployer", 70021)]
    [InlineData("sub", null, 70021)]
    [InlineData("iss", "https://evil.example", 70021)]
    [InlineData("iss", null, 70021)]
    [InlineData("aud", "api://other", 700212)]
    [InlineData("aud", null, 700212)]
    [InlineData("exp", 1L, 700024)]
    [InlineData("exp", null, 50027)]
    [InlineData("nbf", 4_000_000_000L, 700024)]
    public async Task A_token_for_something_else_is_refused(string claim, object? value, int code)
    {
        var answer = await ExchangeAsync(fixture.Issuer.Token(Now, claims =>
        {
            claims.Remove(claim);
            if (value is not null)
                claims[claim] = value;
        }));
        Assert.Equal("invalid_client", answer.Text("error"));
        Assert.Equal(code, answer.GetProperty("error_codes")[0].GetInt32());
        await ForgetAsync();
    }

    [Fact]
    public async Task A_forged_signature_is_refused()
    {
        using var other = RSA.Create(2048);
        var secret = Encoding.ASCII.GetBytes("a shared secret of thirty-two bytes or more");
        fixture.Issuer.PublishSecret(secret, "shared");
        var good = fixture.Issuer.Token(Now).Split('.');
        foreach (var forged in new[]
        {
            fixture.Issuer.Token(Now, credentials: new(new RsaSecurityKey(other) { KeyId = fixture.Issuer.Key.KeyId }, SecurityAlgorithms.RsaSha256)),
            fixture.Issuer.Token(Now, credentials: new(new SymmetricSecurityKey(secret) { KeyId = "shared" }, SecurityAlgorithms.HmacSha256)),
            fixture.Issuer.Token(Now, credentials: new(fixture.Issuer.Key, SecurityAlgorithms.RsaSha512)),
            $"{Base64UrlEncoder.Encode("""{"alg":"none","kid":"key-1"}""")}.{good[1]}.",
            $"{good[0]}.{good[1]}.",
            $"{good[0]}.{Base64UrlEncoder.Encode(Base64UrlEncoder.Decode(good[1]).Replace("600", "700", StringComparison.Ordinal))}.AAAA{good[2][4..]}",
            "not a token",
            new string('a', 20_000),
        })
        {
            Assert.Equal("invalid_client", (await ExchangeAsync(forged)).Text("error"));
            await ForgetAsync();
        }
    }

    [Fact]
    public async Task The_platform_may_change_its_keys_and_made_up_ones_do_not_make_us_ask_it_each_time()
    {
        Assert.True((await ExchangeAsync(fixture.Issuer.Token(Now))).TryGetProperty("access_token", out _));
        fixture.Time.Advance(TimeSpan.FromSeconds(31));
        fixture.Issuer.Rotate(new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256)), "key-2");
        Assert.True((await ExchangeAsync(fixture.Issuer.Token(Now))).TryGetProperty("access_token", out _));

        var asked = fixture.Issuer.Asked;
        for (var flood = 0; flood < 30; flood++)
        {
            await ExchangeAsync(fixture.Issuer.Token(Now, credentials: new(new RsaSecurityKey(RSA.Create(2048)) { KeyId = $"made up {flood}" }, SecurityAlgorithms.RsaSha256)));
            await ForgetAsync();
        }

        Assert.Equal(asked, fixture.Issuer.Asked);
        fixture.Issuer.IsDown = true;
        fixture.Time.Advance(TimeSpan.FromHours(2));
        Assert.True((await ExchangeAsync(fixture.Issuer.Token(Now))).TryGetProperty("access_token", out _));
        fixture.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal("invalid_client", (await ExchangeAsync(fixture.Issuer.Token(Now))).Text("error"));
        fixture.Issuer.IsDown = false;
        fixture.Issuer.Rotate(new RsaSecurityKey(RSA.Create(2048)), "key-3");
        fixture.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.True((await ExchangeAsync(fixture.Issuer.Token(Now))).TryGetProperty("access_token", out _));
        await ForgetAsync();
    }

    [Theory]
    [InlineData(SecurityAlgorithms.RsaSha256)]
    [InlineData(SecurityAlgorithms.RsaSsaPssSha256)]
    public async Task An_application_proves_itself_by_its_certificate_once_for_each_assertion(string algorithm)
    {
        using var certificate = Certificate();
        var (id, appId, objectId, _) = await fixture.Graph.ApplicationAsync("certified");
        await fixture.Graph.PatchAsync($"/v1.0/applications/{id}", new { keyCredentials = new[] { new { type = "AsymmetricX509Cert", usage = "Verify", key = Convert.ToBase64String(certificate.RawData) } } });

        var assertion = Own(certificate, appId, algorithm);
        Assert.Equal(objectId, new JsonWebToken((await ExchangeAsync(assertion, appId: appId)).Text("access_token")).GetClaim("oid").Value);
        Assert.Equal(50140, (await ExchangeAsync(assertion, appId: appId)).GetProperty("error_codes")[0].GetInt32());

        using var other = Certificate();
        foreach (var wrong in new[]
        {
            Own(other, appId, algorithm),
            Own(certificate, appId, algorithm, claims => claims["aud"] = "https://login.microsoftonline.com/x/oauth2/v2.0/token"),
            Own(certificate, appId, algorithm, claims => claims["sub"] = fixture.Application.AppId),
            Own(certificate, appId, algorithm, claims => claims.Remove("jti")),
            Own(certificate, appId, algorithm, claims => claims["exp"] = Now.AddDays(2).ToUnixTimeSeconds()),
        })
            Assert.Equal("invalid_client", (await ExchangeAsync(wrong, appId: appId)).Text("error"));
        Assert.Equal("invalid_client", (await ExchangeAsync(Own(certificate, fixture.Application.AppId, algorithm), appId: fixture.Application.AppId)).Text("error"));
        await ForgetAsync();

        await fixture.Graph.PatchAsync($"/v1.0/applications/{id}", new { keyCredentials = Array.Empty<object>() });
        Assert.Equal("invalid_client", (await ExchangeAsync(Own(certificate, appId, algorithm), appId: appId)).Text("error"));
        await ForgetAsync();
    }

    /// <summary>Each of these failures counts, and this class would lock its own address.</summary>
    private Task ForgetAsync() => fixture.Host.ForgetFailuresAsync();

    private async Task<JsonElement> ExchangeAsync(string assertion, string? path = null, string? appId = null)
    {
        using var answer = await Host.AskTokenAsync(
            Host.ClientCredentials().With("client_id", appId ?? fixture.Application.AppId).With("client_secret", null)
                .With("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer").With("client_assertion", assertion), path);
        return await answer.JsonAsync();
    }

    private string Own(X509Certificate2 certificate, string appId, string algorithm, Action<Dictionary<string, object>>? change = null)
    {
        var claims = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["iss"] = appId, ["sub"] = appId, ["aud"] = $"{Host.Endpoint}/{IdentityHost.Tenant}/oauth2/v2.0/token", ["jti"] = Guid.NewGuid().ToString(),
            ["nbf"] = Now.ToUnixTimeSeconds(), ["exp"] = Now.AddMinutes(10).ToUnixTimeSeconds(),
        };
        change?.Invoke(claims);
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor { Claims = claims, SigningCredentials = new(new X509SecurityKey(certificate), algorithm) });
    }

    private X509Certificate2 Certificate()
    {
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=workload", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(Now.AddDays(-30), Now.AddDays(300));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null);
    }
}
