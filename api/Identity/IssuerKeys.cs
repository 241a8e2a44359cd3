using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace ControlPlane.Api.Identity;

/// <summary>
/// The public keys of other issuers, found by OpenID Connect discovery over https. They are kept for an hour, asked for again when a token names one that is not among
/// them, but at most every half minute for each issuer, and stay in use for a day when the issuer cannot be reached.
/// </summary>
internal sealed partial class IssuerKeys : IDisposable
{
    private const int LargestDocument = 512 * 1024;
    private static readonly TimeSpan FreshFor = TimeSpan.FromHours(1);
    private static readonly TimeSpan UsableFor = TimeSpan.FromDays(1);
    private static readonly TimeSpan AskAtMostEvery = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Issuer> issuers = new(StringComparer.Ordinal);
    private readonly HttpClient http;
    private readonly TimeProvider time;
    private readonly ILogger<IssuerKeys> logger;

    public IssuerKeys(IdentitySettings settings, TimeProvider time, ILogger<IssuerKeys> logger)
    {
        (this.time, this.logger) = (time, logger);
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(5), PooledConnectionLifetime = TimeSpan.FromMinutes(5) };
        if (settings.IssuerCaFile is { } file)
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile(file);
            handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, chain, errors) => IsTrusted(roots, presented, chain, errors);
        }

        http = new(handler) { Timeout = TimeSpan.FromSeconds(10), MaxResponseContentBufferSize = LargestDocument };
    }

    /// <summary>The issuer's key of this id, or its only one when the token names none; null when there is none or the issuer cannot be asked. Without the address of the key set it is found by discovery.</summary>
    public async Task<SecurityKey?> FindAsync(string issuer, Uri? keySet, string? kid, CancellationToken cancel)
    {
        var known = issuers.GetOrAdd(issuer, _ => new());
        if (known.Find(kid) is { } key && time.GetElapsedTime(known.ReadAt) < FreshFor)
            return key;

        await known.Reading.WaitAsync(cancel);
        try
        {
            if (known.AskedAt is not { } asked || time.GetElapsedTime(asked) >= AskAtMostEvery)
                await ReadAsync(known, issuer, keySet, cancel);
        }
        finally
        {
            known.Reading.Release();
        }

        return time.GetElapsedTime(known.ReadAt) < UsableFor ? known.Find(kid) : null;
    }

    public void Dispose() => http.Dispose();

    private async Task ReadAsync(Issuer known, string issuer, Uri? keySet, CancellationToken cancel)
    {
        known.AskedAt = time.GetTimestamp();
        try
        {
            var document = await http.GetStringAsync(keySet ?? await DiscoverAsync(issuer, cancel), cancel);
            known.Keys = [.. JsonWebKeySet.Create(document).Keys.Where(IsForSigning)];
            known.ReadAt = time.GetTimestamp();
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException or InvalidDataException or ArgumentException or FormatException or KeyNotFoundException or InvalidOperationException
            || (failure is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            Log.Unreadable(logger, failure, issuer);
        }
    }

    /// <summary>OpenID Connect Discovery 1.0, section 4: the document must name the issuer that it was asked of.</summary>
    private async Task<Uri> DiscoverAsync(string issuer, CancellationToken cancel)
    {
        var address = new Uri(issuer.TrimEnd('/') + "/.well-known/openid-configuration");
        if (address.Scheme != Uri.UriSchemeHttps)
            throw new InvalidDataException("An issuer has an https address.");
        using var document = JsonDocument.Parse(await http.GetStringAsync(address, cancel));
        if (document.RootElement.GetProperty("issuer").GetString() != issuer)
            throw new InvalidDataException("The discovery document is of another issuer.");
        var keys = new Uri(document.RootElement.GetProperty("jwks_uri").GetString() ?? "");
        return keys.Scheme == Uri.UriSchemeHttps ? keys : throw new InvalidDataException("The keys of an issuer are at an https address.");
    }

    /// <summary>Public keys only: a shared secret in a key set would let everybody sign.</summary>
    private static bool IsForSigning(JsonWebKey key) => key is { Kty: JsonWebAlgorithmsKeyTypes.RSA, KeySize: >= 2048 } or { Kty: JsonWebAlgorithmsKeyTypes.EllipticCurve } && key.Use is null or "" or "sig";

    private static bool IsTrusted(X509Certificate2Collection roots, X509Certificate? presented, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors is SslPolicyErrors.None)
            return true;
        if (errors is not SslPolicyErrors.RemoteCertificateChainErrors || presented is null || chain is null)
            return false;
        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(roots);
        own.ChainPolicy.ExtraStore.AddRange(chain.ChainElements.Select(element => element.Certificate).ToArray());
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        using var certificate = X509CertificateLoader.LoadCertificate(presented.GetRawCertData());
        return own.Build(certificate);
    }

    private sealed class Issuer
    {
        public SemaphoreSlim Reading { get; } = new(1);
        public IReadOnlyList<JsonWebKey> Keys { get; set; } = [];
        public long ReadAt { get; set; }
        public long? AskedAt { get; set; }

        public JsonWebKey? Find(string? kid)
        {
            var keys = Keys;
            return string.IsNullOrEmpty(kid) ? keys.Count == 1 ? keys[0] : null : keys.FirstOrDefault(key => key.Kid == kid);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The keys of issuer {Issuer} could not be read; those known stay in use for a day")]
        public static partial void Unreadable(ILogger logger, Exception failure, string issuer);
    }
}
