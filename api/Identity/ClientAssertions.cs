using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace ControlPlane.Api.Identity;

/// <summary>
/// Assertions instead of secrets (RFC 7523). One that the application signed itself, with the key of a certificate of its own, is good once. One that another issuer made for
/// a workload is that workload's identity, which it may present as long as it is valid: Kubernetes gives a pod a new one only every hour.
/// </summary>
internal sealed class ClientAssertions(ControlPlaneDb db, IssuerKeys issuers, IdentitySettings settings, TimeProvider time)
{
    /// <summary>How far ahead an application may date the end of its own assertions, which is how long their ids are remembered.</summary>
    private static readonly TimeSpan LongestLife = TimeSpan.FromHours(24);

    /// <summary>What is wrong with it; null when it proves that the caller, who came by the endpoint, is the application.</summary>
    public async Task<string?> FaultAsync(OpenIddictEntityFrameworkCoreApplication application, string assertion, string? type, string endpoint, CancellationToken cancel)
    {
        if (type != OpenIddictConstants.ClientAssertionTypes.JwtBearer)
            return $"AADSTS50027: client_assertion_type must be {OpenIddictConstants.ClientAssertionTypes.JwtBearer}.";
        if (JsonWebTokens.Read(assertion) is not { } jwt)
            return "AADSTS50027: The client assertion is not a signed JSON Web Token in compact form.";
        if (!JsonWebTokens.Algorithms.Contains(jwt.Alg, StringComparer.Ordinal))
            return $"AADSTS5002738: The client assertion is not signed with one of {string.Join(", ", JsonWebTokens.Algorithms)}.";
        if (jwt.Lifetime(isStartRequired: false) is not { } life)
            return "AADSTS50027: The client assertion does not say until when it is valid (exp).";
        var now = time.GetUtcNow();
        if (life.Until <= now || life.From > now + JsonWebTokens.ClockSkew)
            return $"AADSTS700024: The client assertion is not within its valid time range. Current time: {now:O}, valid until: {life.Until:O}.";
        return jwt.Issuer == application.ClientId
            ? await OwnFaultAsync(application, jwt, life.Until, endpoint, cancel)
            : await FederatedFaultAsync(application, jwt, cancel);
    }

    private async Task<string?> OwnFaultAsync(OpenIddictEntityFrameworkCoreApplication application, JsonWebToken jwt, DateTimeOffset until, string endpoint, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        if (jwt.Subject != application.ClientId)
            return "AADSTS700023: The subject of the client assertion is not the application.";
        if (!jwt.Audiences.Any(audience => Authority.All(settings.TenantId).Any(authority => audience == endpoint + authority.Token || audience == endpoint + authority.Path)))
            return "AADSTS700023: The audience of the client assertion is not the token endpoint.";
        if (until > now + LongestLife)
            return $"AADSTS700024: The client assertion is valid for longer than {LongestLife.TotalHours:0} hours.";
        if (string.IsNullOrEmpty(jwt.Id))
            return "AADSTS50027: The client assertion has no id (jti).";

        var rows = await db.Set<ApplicationCertificateRow>().AsNoTracking().Where(row => row.ApplicationId == application.Id && row.StartsAt <= now && row.EndsAt > now).ToListAsync(cancel);
        foreach (var row in rows)
        {
            using var certificate = X509CertificateLoader.LoadCertificate(row.Certificate);
            if (IsNamed(certificate, jwt) && await jwt.IsSignedByAsync(KeyOf(certificate)))
                return await IsFirstUseAsync(application.ClientId!, jwt.Id, until, cancel) ? null : "AADSTS50140: The client assertion was used before; make a new one for each request.";
        }

        return "AADSTS700027: The client assertion is signed with a key that is not registered for the application.";
    }

    private async Task<string?> FederatedFaultAsync(OpenIddictEntityFrameworkCoreApplication application, JsonWebToken jwt, CancellationToken cancel)
    {
        var (issuer, subject) = (jwt.Issuer, jwt.Subject);
        var credential = await db.Set<FederatedCredentialRow>().AsNoTracking().FirstOrDefaultAsync(row => row.ApplicationId == application.Id && row.Issuer == issuer && row.Subject == subject, cancel);
        if (credential is null)
            return $"AADSTS70021: No matching federated identity record found for presented assertion. Assertion issuer: '{issuer}'. Assertion subject: '{subject}'.";
        if (!jwt.Audiences.Any(audience => credential.Audiences.Contains(audience, StringComparer.Ordinal)))
            return $"AADSTS700212: No matching federated identity record found for presented assertion audience '{string.Join(' ', jwt.Audiences)}'.";
        if (await issuers.FindAsync(issuer, keySet: null, jwt.Kid, cancel) is not { } key)
            return $"AADSTS50027: The assertion is signed with a key that '{issuer}' does not publish.";
        return await jwt.IsSignedByAsync(key) ? null : "AADSTS50027: The signature of the assertion is wrong.";
    }

    /// <summary>The header names the certificate by <c>x5t#S256</c>, <c>x5t</c> or <c>kid</c> (RFC 7515, section 4.1); without any, all are tried.</summary>
    private static bool IsNamed(X509Certificate2 certificate, JsonWebToken jwt)
    {
        var sha256 = certificate.GetCertHash(HashAlgorithmName.SHA256);
        if (jwt.TryGetHeaderValue("x5t#S256", out string named))
            return named == Base64UrlEncoder.Encode(sha256);
        var sha1 = certificate.GetCertHash();
        if (!string.IsNullOrEmpty(jwt.X5t))
            return jwt.X5t == Base64UrlEncoder.Encode(sha1);
        return string.IsNullOrEmpty(jwt.Kid) || string.Equals(jwt.Kid, Convert.ToHexString(sha1), StringComparison.OrdinalIgnoreCase)
            || jwt.Kid == Base64UrlEncoder.Encode(sha1) || jwt.Kid == Base64UrlEncoder.Encode(sha256);
    }

    private static SecurityKey KeyOf(X509Certificate2 certificate) =>
        certificate.GetECDsaPublicKey() is { } curve ? new ECDsaSecurityKey(curve) : new RsaSecurityKey(certificate.GetRSAPublicKey()!.ExportParameters(includePrivateParameters: false));

    /// <summary>The row decides: of two requests with the same assertion one puts it there.</summary>
    private async Task<bool> IsFirstUseAsync(string clientId, string id, DateTimeOffset until, CancellationToken cancel)
    {
        var key = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{clientId.Length}:{clientId}{id}")));
        return await db.Database.ExecuteSqlAsync($"insert into used_assertions (id, expires_at) values ({key}, {until}) on conflict do nothing", cancel) == 1;
    }
}
