using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace ControlPlane.Api.Identity.Directory;

/// <summary><c>/v1.0/applications</c>: programs that get tokens, by themselves or for people.</summary>
internal static class ApplicationEndpoints
{
    private const int MostRedirectUris = 256;
    private const int MostCertificates = 10;

    private static readonly Dictionary<string, Func<IQueryable<OpenIddictEntityFrameworkCoreApplication>, string, IQueryable<OpenIddictEntityFrameworkCoreApplication>>> Filters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["appId"] = (rows, value) =>
        {
            var id = value.ToLowerInvariant();
            return rows.Where(row => row.ClientId == id);
        },
        ["displayName"] = (rows, value) => rows.Where(row => row.DisplayName == value),
    };

    public static async Task ListAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        var (top, after) = (Graph.Top(http.Request.Query), Graph.After(http.Request.Query));
        var rows = await Graph.Filter(http.Request.Query, db.Set<OpenIddictEntityFrameworkCoreApplication>().AsNoTracking(), Filters)
            .Where(row => string.Compare(row.Id, after) > 0).OrderBy(row => row.Id).Take(top + 1).ToListAsync(http.RequestAborted);
        var shown = await ShownAsync(db, [.. rows.Take(top)], http.RequestAborted);
        await Graph.AnswerPageAsync(http, "applications", shown, rows.Count > top ? rows[top - 1].Id : null);
    }

    public static async Task GetAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        await Graph.AnswerAsync(http, (await ShownAsync(db, [await FindAsync(db, http)], http.RequestAborted))[0]);
    }

    public static async Task CreateAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<ApplicationBody>(http);
        Graph.Demand((body.DisplayName is not null, "displayName", "is required"));
        var application = new OpenIddictEntityFrameworkCoreApplication { Id = Graph.NewId(), ClientId = Graph.NewId() };
        await using var db = await Graph.DatabaseAsync(http);
        Apply(db, application, body, new() { CreatedAt = Graph.Now(http) });
        db.Add(application);
        await db.SaveAsync("appId", http.RequestAborted);
        await Graph.AnswerAsync(http, (await ShownAsync(db, [application], http.RequestAborted))[0], StatusCodes.Status201Created);
    }

    public static async Task UpdateAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<ApplicationBody>(http);
        await using var db = await Graph.DatabaseAsync(http);
        var application = await FindAsync(db, http);
        await using var transaction = await db.Database.BeginTransactionAsync(http.RequestAborted);
        if (body.KeyCredentials is not null)
            await db.Set<ApplicationCertificateRow>().Where(row => row.ApplicationId == application.Id).ExecuteDeleteAsync(http.RequestAborted);
        Apply(db, application, body, Registration.Of(application));
        await db.SaveAsync("id", http.RequestAborted);
        await transaction.CommitAsync(http.RequestAborted);
        await Graph.NoContentAsync(http);
    }

    /// <summary>Its credentials go with it by the foreign keys; its service principal, and so every membership, by the application's id.</summary>
    public static async Task DeleteAsync(HttpContext http)
    {
        var cancel = http.RequestAborted;
        await using var db = await Graph.DatabaseAsync(http);
        var (id, appId) = await FindAsync(db, http) is var application ? (application.Id, application.ClientId) : default;
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        await db.Set<ServicePrincipalRow>().Where(row => row.AppId == appId).ExecuteDeleteAsync(cancel);
        await db.Set<OpenIddictEntityFrameworkCoreToken>().Where(row => row.Application!.Id == id).ExecuteDeleteAsync(cancel);
        await db.Set<OpenIddictEntityFrameworkCoreAuthorization>().Where(row => row.Application!.Id == id).ExecuteDeleteAsync(cancel);
        await db.Set<OpenIddictEntityFrameworkCoreApplication>().Where(row => row.Id == id).ExecuteDeleteAsync(cancel);
        await transaction.CommitAsync(cancel);
        await Graph.NoContentAsync(http);
    }

    public static async Task<OpenIddictEntityFrameworkCoreApplication> FindAsync(ControlPlaneDb db, HttpContext http)
    {
        var id = Graph.Id(http);
        return await db.Set<OpenIddictEntityFrameworkCoreApplication>().FirstOrDefaultAsync(row => row.Id == id, http.RequestAborted) ?? throw Graph.NotFound("application", id);
    }

    private static void Apply(ControlPlaneDb db, OpenIddictEntityFrameworkCoreApplication application, ApplicationBody body, Registration before)
    {
        var registration = before with
        {
            IsFallbackPublicClient = body.IsFallbackPublicClient ?? before.IsFallbackPublicClient,
            Web = body.Web?.Addresses ?? before.Web,
            Spa = body.Spa?.Addresses ?? before.Spa,
            PublicClient = body.PublicClient?.Addresses ?? before.PublicClient,
        };
        Graph.Demand(
            (Graph.IsName(body.DisplayName), "displayName", "must have 1 to 256 characters and no control characters"),
            (body.SignInAudience is null or "AzureADMyOrg", "signInAudience", "must be AzureADMyOrg: there is one tenant"),
            (registration.Web.Count == 0 || !registration.IsPublic, "web.redirectUris", "must be empty for a public client, which spa, publicClient and isFallbackPublicClient make it; register two applications"),
            (registration.Spa.Count == 0 || registration.PublicClient.Count == 0, "spa.redirectUris", "must be empty beside publicClient.redirectUris; register two applications"),
            (registration.Web.Count + registration.Spa.Count + registration.PublicClient.Count <= MostRedirectUris, "web.redirectUris", $"must have at most {MostRedirectUris} entries"),
            (registration.Web.All(IsServer), "web.redirectUris", "must be https addresses, or http ones of the loopback interface, without a fragment"),
            (registration.Spa.All(IsServer), "spa.redirectUris", "must be https addresses, or http ones of the loopback interface, without a fragment"),
            (registration.PublicClient.All(IsProgram), "publicClient.redirectUris", "must be https addresses, http ones of the loopback interface, or have a scheme with a dot in it such as com.example.app:/, without a fragment"),
            (body.KeyCredentials is null or { Count: <= MostCertificates }, "keyCredentials", $"must have at most {MostCertificates} entries"));
        registration.ApplyTo(application);
        application.DisplayName = body.DisplayName ?? application.DisplayName;
        for (var index = 0; index < (body.KeyCredentials?.Count ?? 0); index++)
            db.Add(Certificate(application.Id!, body.KeyCredentials![index], $"keyCredentials[{index}]"));
    }

    private static ApplicationCertificateRow Certificate(string applicationId, KeyCredential wanted, string target)
    {
        var der = Der(wanted.Key);
        Graph.Demand(
            (der is not null, $"{target}.key", "must be an X.509 certificate with an RSA key of at least 2048 bits or an elliptic one, DER in base64"),
            (wanted.Type is null or "AsymmetricX509Cert", $"{target}.type", "must be AsymmetricX509Cert"),
            (wanted.Usage is null or "Verify", $"{target}.usage", "must be Verify"));
        using var certificate = X509CertificateLoader.LoadCertificate(der!);
        return new()
        {
            KeyId = Graph.NewId(),
            ApplicationId = applicationId,
            DisplayName = wanted.DisplayName ?? certificate.Subject,
            Certificate = der!,
            StartsAt = new DateTimeOffset(certificate.NotBefore.ToUniversalTime()),
            EndsAt = new DateTimeOffset(certificate.NotAfter.ToUniversalTime()),
        };
    }

    private static byte[]? Der(string? text)
    {
        try
        {
            var der = Convert.FromBase64String(text ?? "");
            using var certificate = X509CertificateLoader.LoadCertificate(der);
            using var rsa = certificate.GetRSAPublicKey();
            using var curve = certificate.GetECDsaPublicKey();
            return rsa is { KeySize: >= 2048 } || curve is not null ? der : null;
        }
        catch (Exception malformed) when (malformed is FormatException or CryptographicException)
        {
            return null;
        }
    }

    private static bool IsServer(string text) =>
        IsPlain(text, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    /// <summary>RFC 8252, section 7: a private scheme is a reversed domain name, which keeps out <c>javascript:</c> and <c>data:</c> too.</summary>
    private static bool IsProgram(string text) => IsServer(text) || (IsPlain(text, out var uri) && uri.Scheme.Contains('.', StringComparison.Ordinal));

    private static bool IsPlain(string text, out Uri uri) =>
        Uri.TryCreate(text, UriKind.Absolute, out uri!) && text.Length <= 2048 && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0 && !text.Contains('*', StringComparison.Ordinal);

    private static async Task<IReadOnlyList<GraphApplication>> ShownAsync(ControlPlaneDb db, IReadOnlyList<OpenIddictEntityFrameworkCoreApplication> applications, CancellationToken cancel)
    {
        var ids = applications.Select(application => application.Id!).ToArray();
        var secrets = (await db.Set<ApplicationSecretRow>().AsNoTracking().Where(row => ids.Contains(row.ApplicationId)).OrderBy(row => row.StartsAt).ToListAsync(cancel)).ToLookup(row => row.ApplicationId, StringComparer.Ordinal);
        var certificates = (await db.Set<ApplicationCertificateRow>().AsNoTracking().Where(row => ids.Contains(row.ApplicationId)).OrderBy(row => row.StartsAt).ToListAsync(cancel)).ToLookup(row => row.ApplicationId, StringComparer.Ordinal);
        return [.. applications.Select(application => Shown(application, [.. secrets[application.Id!].Select(CredentialEndpoints.Shown)], [.. certificates[application.Id!].Select(Shown)]))];
    }

    private static GraphApplication Shown(OpenIddictEntityFrameworkCoreApplication application, IReadOnlyList<PasswordCredential> secrets, IReadOnlyList<KeyCredential> certificates)
    {
        var registration = Registration.Of(application);
        return new(
            application.Id!, application.ClientId!, application.DisplayName ?? application.ClientId!, registration.CreatedAt, registration.IsFallbackPublicClient,
            new(registration.Web), new(registration.Spa), new(registration.PublicClient), secrets, certificates);
    }

    private static KeyCredential Shown(ApplicationCertificateRow row)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(row.Certificate);
        return new(row.KeyId, row.DisplayName, "AsymmetricX509Cert", "Verify", certificate.Thumbprint, row.StartsAt, row.EndsAt);
    }
}
