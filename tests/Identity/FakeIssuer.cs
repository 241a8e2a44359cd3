using System.Net;
using System.Security.Cryptography;
using ControlPlane.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace ControlPlane.Tests.Identity;

/// <summary>Another issuer on the wire, such as a Kubernetes cluster or a tenant of Entra ID: discovery, keys that it can change, and the tokens that it signs.</summary>
internal sealed class FakeIssuer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly List<JsonWebKey> published = [];
    private int asked;

    private FakeIssuer(WebApplication app) => this.app = app;

    public string Issuer { get; private set; } = "";
    public SecurityKey Key { get; private set; } = new RsaSecurityKey(RSA.Create(2048));

    /// <summary>How often the keys were read.</summary>
    public int Asked => asked;

    /// <summary>While true, every request is answered 503.</summary>
    public bool IsDown { get; set; }

    public static async Task<FakeIssuer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(LoopbackCertificate.Certificate)));
        var issuer = new FakeIssuer(builder.Build());
        issuer.app.MapGet("/realm/.well-known/openid-configuration", () => issuer.Answer(new { issuer = issuer.Issuer, jwks_uri = issuer.Issuer + "/keys" }));
        issuer.app.MapGet("/realm/keys", () =>
        {
            Interlocked.Increment(ref issuer.asked);
            return issuer.Answer(new
            {
                keys = issuer.published.Select(key => key.Kty == "EC"
                    ? (object)new { kty = key.Kty, kid = key.Kid, use = "sig", crv = key.Crv, x = key.X, y = key.Y }
                    : new { kty = key.Kty, kid = key.Kid, use = "sig", n = key.N, e = key.E, k = key.K }),
            });
        });
        await issuer.app.StartAsync();
        issuer.Issuer = new Uri(issuer.app.Urls.Single()) + "realm";
        issuer.Publish(issuer.Key, "key-1");
        return issuer;
    }

    /// <summary>Signs with this key from now on, and publishes it.</summary>
    public void Rotate(SecurityKey key, string kid)
    {
        Key = key;
        Publish(key, kid);
    }

    /// <summary>Publishes something that is not a key of its own.</summary>
    public void PublishSecret(byte[] secret, string kid) => published.Add(new() { Kty = "oct", Kid = kid, K = Base64UrlEncoder.Encode(secret) });

    public string Token(DateTimeOffset now, Action<Dictionary<string, object>>? change = null, SigningCredentials? credentials = null, string type = "JWT")
    {
        var claims = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["iss"] = Issuer,
            ["sub"] = "system:serviceaccount:shop:deployer",
            ["aud"] = "api://AzureADTokenExchange",
            ["iat"] = now.ToUnixTimeSeconds(),
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["exp"] = now.ToUnixTimeSeconds() + 600,
        };
        change?.Invoke(claims);
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Claims = claims,
            TokenType = type,
            SigningCredentials = credentials ?? new(Key, Key is ECDsaSecurityKey ? SecurityAlgorithms.EcdsaSha256 : SecurityAlgorithms.RsaSha256),
        });
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private IResult Answer(object body) => IsDown ? Results.StatusCode(503) : Results.Json(body);

    private void Publish(SecurityKey key, string kid)
    {
        key.KeyId = kid;
        published.Add(JsonWebKeyConverter.ConvertFromSecurityKey(key));
    }
}
