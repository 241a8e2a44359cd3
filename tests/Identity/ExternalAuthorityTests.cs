using System.Net;
using System.Security.Cryptography;
using ControlPlane.Api.Identity;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>Tokens of another token service open the front door beside our own, and are judged as strictly.</summary>
public sealed class ExternalAuthorityTests : IAsyncLifetime
{
    private const string Audience = "api://controlplane";
    private const string TheirTenant = "0f0f0f0f-aaaa-4bbb-8ccc-000000000001";
    private const string ObjectId = "0f0f0f0f-aaaa-4bbb-8ccc-0000000000aa";

    private readonly string caFile = Path.GetTempFileName();
    private readonly ManualTime time = new();
    private TestDatabase database = null!;
    private FakeIssuer issuer = null!;
    private IdentityHost host = null!;

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(caFile, LoopbackCertificate.Pem);
        database = await TestDatabase.CreateAsync();
        issuer = await FakeIssuer.StartAsync();
        host = await IdentityHost.StartAsync(
            database, time, ("Identity:IssuerCaFile", caFile), ("Identity:Authorities:0:Name", "entra"), ("Identity:Authorities:0:Issuer", issuer.Issuer),
            ("Identity:Authorities:0:Audiences:0", Audience), ("Identity:Authorities:0:TenantId", TheirTenant));
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await issuer.DisposeAsync();
        await database.DisposeAsync();
        File.Delete(caFile);
    }

    [Fact]
    public async Task A_token_of_theirs_opens_the_door_and_so_does_one_of_ours()
    {
        using var theirs = await host.CallAsync(Token(claims => claims["groups"] = new[] { "0F0F0F0F-aaaa-4bbb-8ccc-0000000000bb" }));
        Assert.Equal(HttpStatusCode.OK, theirs.StatusCode);
        var principal = (await theirs.JsonAsync()).GetProperty("principal");
        Assert.Equal(ObjectId, principal.Text("objectId"));
        Assert.Equal("User", principal.Text("type"));
        Assert.Equal(IdentityHost.Tenant, principal.Text("tenantId"));
        Assert.Equal("0f0f0f0f-aaaa-4bbb-8ccc-0000000000bb", principal.GetProperty("groups")[0].GetString());

        using var ours = await host.CallAsync(await host.TokenAsync());
        Assert.Equal(HttpStatusCode.OK, ours.StatusCode);
    }

    [Fact]
    public async Task An_application_of_theirs_is_an_application()
    {
        using var response = await host.CallAsync(Token(claims =>
        {
            claims.Remove("scp");
            claims.Remove("oid");
            claims["sub"] = ObjectId;
        }));
        Assert.Equal("Application", (await response.JsonAsync()).GetProperty("principal").Text("type"));
    }

    [Theory]
    [InlineData("aud", "https://management.azure.com")]
    [InlineData("aud", null)]
    [InlineData("iss", "https://127.0.0.1/other")]
    [InlineData("iss", null)]
    [InlineData("tid", "0f0f0f0f-aaaa-4bbb-8ccc-000000000002")]
    [InlineData("tid", null)]
    [InlineData("oid", "a\nb")]
    [InlineData("exp", null)]
    [InlineData("exp", 1L)]
    [InlineData("exp", long.MaxValue)]
    [InlineData("nbf", 4_000_000_000L)]
    [InlineData("typ", "Refresh")]
    public async Task A_token_of_theirs_for_something_else_is_refused(string claim, object? value)
    {
        using var response = await host.CallAsync(Token(claims =>
        {
            claims.Remove(claim);
            if (value is not null)
                claims[claim] = value;
        }));
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task A_forged_token_of_theirs_is_refused()
    {
        using var other = RSA.Create(2048);
        var ours = host.Services.GetRequiredService<SigningKeys>().Signer();
        var publicKey = ((RsaSecurityKey)issuer.Key).Rsa.ExportSubjectPublicKeyInfo();
        foreach (var credentials in new SigningCredentials[]
        {
            new(new RsaSecurityKey(other) { KeyId = "key-1" }, SecurityAlgorithms.RsaSha256),
            new(new SymmetricSecurityKey(publicKey) { KeyId = "key-1" }, SecurityAlgorithms.HmacSha256),
            new(issuer.Key, SecurityAlgorithms.RsaSha384),
            new(ours.Key, SecurityAlgorithms.RsaSha256),
        })
        {
            using var response = await host.CallAsync(issuer.Token(time.GetUtcNow(), Theirs, credentials));
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }

        // Nor does their key sign for us.
        using var crossed = await host.CallAsync(issuer.Token(time.GetUtcNow(), claims =>
        {
            Theirs(claims);
            (claims["iss"], claims["aud"], claims["tid"], claims["appid"], claims["idtyp"]) = ($"{host.Endpoint}/{IdentityHost.Tenant}/v2.0", host.Endpoint, IdentityHost.Tenant, "x", "app");
        }, type: "at+jwt"));
        Assert.Equal(HttpStatusCode.Unauthorized, crossed.StatusCode);
    }

    [Fact]
    public async Task They_cannot_name_a_principal_or_a_group_of_our_directory()
    {
        var own = (string)(await database.ScalarAsync("select object_id from directory_objects limit 1"))!;
        foreach (var claim in new[] { "oid", "groups" })
        {
            using var response = await host.CallAsync(Token(claims => claims[claim] = claim == "oid" ? own : new[] { own }));
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }
    }

    [Fact]
    public async Task Ten_thousand_made_up_keys_make_us_ask_them_once()
    {
        using var warm = await host.CallAsync(Token());
        Assert.Equal(HttpStatusCode.OK, warm.StatusCode);
        time.Advance(TimeSpan.FromMinutes(1));
        var asked = issuer.Asked;
        var validator = host.Services.GetRequiredService<TokenValidator>();
        var payload = Token().Split('.')[1];
        for (var flood = 0; flood < 10_000; flood++)
            Assert.IsType<Verdict.Refused>(await validator.ValidateAsync($"{Base64UrlEncoder.Encode($$"""{"alg":"RS256","kid":"{{flood}}"}""")}.{payload}.AAAA", CancellationToken.None));
        Assert.Equal(asked + 1, issuer.Asked);
    }

    [Theory]
    [InlineData("Identity:Authorities:0:Issuer", "http://sts.example", "Issuer")]
    [InlineData("Identity:Authorities:0:Issuer", "https://127.0.0.1/7f6d3c0a-5c1e-4c55-9d0e-2b8f0e3a9c11/v2.0", "itself")]
    [InlineData("Identity:Authorities:0:Audiences:0", "", "Audiences")]
    [InlineData("Identity:Authorities:0:JwksUri", "ftp://keys.example", "JwksUri")]
    public void A_wrong_setting_is_refused_by_its_name(string name, string value, string named)
    {
        var configuration = new Microsoft.Extensions.Configuration.ConfigurationManager
        {
            ["Identity:TenantId"] = IdentityHost.Tenant, ["Identity:Authorities:0:Issuer"] = "https://sts.example", ["Identity:Authorities:0:Audiences:0"] = Audience, [name] = value,
        };
        Assert.Contains(named, Assert.Throws<InvalidOperationException>(() => IdentitySettings.From(configuration)).Message, StringComparison.Ordinal);
    }

    private string Token(Action<Dictionary<string, object>>? change = null) => issuer.Token(time.GetUtcNow(), claims =>
    {
        Theirs(claims);
        change?.Invoke(claims);
    });

    private static void Theirs(Dictionary<string, object> claims) =>
        (claims["aud"], claims["tid"], claims["oid"], claims["scp"], claims["appid"]) = (Audience, TheirTenant, ObjectId, "user_impersonation", "their-app");
}
