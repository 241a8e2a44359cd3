using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>
/// Bootstrap tokens as Kubernetes keeps them: Secrets <c>bootstrap-token-&lt;id&gt;</c> of type <c>bootstrap.kubernetes.io/token</c> in
/// kube-system, and detached JWS (RFC 7515, HS256) over cluster-info.
/// </summary>
internal static class BootstrapTokens
{
    private static readonly ConditionalWeakTable<StoredObject, SigningToken> signing = [];

    public const string SecretType = "bootstrap.kubernetes.io/token";

    /// <summary><c>abcdef.0123456789abcdef</c> in its two halves; empty halves when it is not of that form.</summary>
    public static (string Id, string Secret) Split(string token)
    {
        var halves = token.Split('.', 2);
        return halves is [{ Length: 6 } id, { Length: 16 } secret] ? (id, secret) : ("", "");
    }

    /// <summary>The token's id if its Secret exists, has not expired and may authenticate; else null.</summary>
    public static string? Authenticate(ObjectStore store, string token, DateTimeOffset now)
    {
        var (id, secret) = Split(token);
        if (id.Length == 0 || store.Get("secrets", "kube-system", $"bootstrap-token-{id}") is not { } stored) return null;
        var valid = stored.Text("type") == SecretType && Decode(stored, "token-id") == id && Decode(stored, "token-secret") == secret
            && Decode(stored, "usage-bootstrap-authentication") == "true" && Expiration(stored) > now;
        return valid ? id : null;
    }

    /// <summary>Live tokens that sign cluster-info. A thousand joining machines ask while a thousand tokens live: each is read once.</summary>
    public static IEnumerable<(string Id, string Secret)> Signing(ObjectStore store, DateTimeOffset now) =>
        store.List("secrets", "kube-system").Select(secret => signing.GetValue(secret, Read)).Where(token => token.Id.Length > 0 && token.Expires > now).Select(token => (token.Id, token.Secret));

    private sealed record SigningToken(string Id, string Secret, DateTimeOffset Expires);

    private static SigningToken Read(StoredObject stored)
    {
        var secret = stored.Read();
        return secret.Text("type") == SecretType && Decode(secret, "usage-bootstrap-signing") == "true"
            ? new SigningToken(Decode(secret, "token-id") ?? "", Decode(secret, "token-secret") ?? "", Expiration(secret))
            : new SigningToken("", "", default);
    }

    public static string Sign(string content, string id, string secret)
    {
        var header = Base64Url($$"""{"alg":"HS256","kid":"{{id}}"}""");
        var mac = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{header}.{Base64Url(content)}"));
        return $"{header}..{System.Buffers.Text.Base64Url.EncodeToString(mac)}";
    }

    private static DateTimeOffset Expiration(JsonObject secret) =>
        Decode(secret, "expiration") is not { } text ? DateTimeOffset.MaxValue : DateTimeOffset.TryParse(text, out var expiration) ? expiration : DateTimeOffset.MinValue;

    private static string? Decode(JsonObject secret, string key)
    {
        var text = (secret["data"] as JsonObject).Text(key);
        Span<byte> buffer = stackalloc byte[256];
        return text is not null && Convert.TryFromBase64String(text, buffer, out var length) ? Encoding.UTF8.GetString(buffer[..length]) : null;
    }

    private static string Base64Url(string text) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
