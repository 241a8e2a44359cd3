using System.Security.Cryptography;
using System.Text;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace ControlPlane.Api.Identity.Directory;

/// <summary>The secrets of an application, and the workloads elsewhere that may act as it.</summary>
internal static class CredentialEndpoints
{
    private const int MostCredentials = 20;
    private const string ExchangeAudience = "api://AzureADTokenExchange";
    private static readonly TimeSpan SecretLifetime = TimeSpan.FromDays(730);

    /// <summary>The secret is in this answer and nowhere else.</summary>
    public static async Task AddPasswordAsync(HttpContext http)
    {
        var wanted = (await Graph.ReadAsync<AddPasswordBody>(http)).PasswordCredential;
        await using var db = await Graph.DatabaseAsync(http);
        var application = await ApplicationEndpoints.FindAsync(db, http);
        var now = Graph.Now(http);
        var (starts, ends) = (wanted?.StartDateTime ?? now, wanted?.EndDateTime ?? (wanted?.StartDateTime ?? now) + SecretLifetime);
        var count = await db.Set<ApplicationSecretRow>().CountAsync(row => row.ApplicationId == application.Id, http.RequestAborted);
        Graph.Demand(
            (application.ClientType == ClientTypes.Confidential, "passwordCredential", "cannot be added to a public client, which can keep no secret"),
            (Graph.IsName(wanted?.DisplayName), "passwordCredential.displayName", "must have 1 to 256 characters and no control characters"),
            (wanted is not { SecretText: not null }, "passwordCredential.secretText", "must be left out: the secret is made here"),
            (ends > starts && ends > now, "passwordCredential.endDateTime", "must be in the future and after startDateTime"),
            (count < MostCredentials, "passwordCredential", $"would be one of more than {MostCredentials}; remove those that are not used"));

        var secret = "cps~" + Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var row = new ApplicationSecretRow
        {
            KeyId = Graph.NewId(),
            ApplicationId = application.Id!,
            DisplayName = wanted?.DisplayName,
            Hint = secret[..7],
            Hash = SHA256.HashData(Encoding.UTF8.GetBytes(secret)),
            StartsAt = starts.ToUniversalTime(),
            EndsAt = ends.ToUniversalTime(),
        };
        db.Add(row);
        await db.SaveAsync("passwordCredential", http.RequestAborted);
        await Graph.AnswerAsync(http, Shown(row) with { SecretText = secret });
    }

    public static async Task RemovePasswordAsync(HttpContext http)
    {
        var keyId = (await Graph.ReadAsync<RemovePasswordBody>(http)).KeyId.ToLowerInvariant();
        await using var db = await Graph.DatabaseAsync(http);
        var application = await ApplicationEndpoints.FindAsync(db, http);
        if (await db.Set<ApplicationSecretRow>().Where(row => row.ApplicationId == application.Id && row.KeyId == keyId).ExecuteDeleteAsync(http.RequestAborted) == 0)
            throw Graph.NotFound("password credential", keyId);
        await Graph.NoContentAsync(http);
    }

    public static async Task ListFederatedAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        var application = await ApplicationEndpoints.FindAsync(db, http);
        var rows = await db.Set<FederatedCredentialRow>().AsNoTracking().Where(row => row.ApplicationId == application.Id).OrderBy(row => row.Name).ToListAsync(http.RequestAborted);
        await Graph.AnswerPageAsync(http, "applications/federatedIdentityCredentials", [.. rows.Select(Shown)], last: null);
    }

    public static async Task GetFederatedAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        await Graph.AnswerAsync(http, Shown(await FindFederatedAsync(db, http)));
    }

    public static async Task AddFederatedAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<FederatedIdentityCredential>(http);
        await using var db = await Graph.DatabaseAsync(http);
        var application = await ApplicationEndpoints.FindAsync(db, http);
        var count = await db.Set<FederatedCredentialRow>().CountAsync(row => row.ApplicationId == application.Id, http.RequestAborted);
        Graph.Demand(
            (body.Name is not null, "name", "is required"),
            (body.Issuer is not null, "issuer", "is required"),
            (body.Subject is not null, "subject", "is required"),
            (application.ClientType == ClientTypes.Confidential, "name", "cannot be added to a public client"),
            (count < MostCredentials, "name", $"would be one of more than {MostCredentials}; remove those that are not used"));
        var row = new FederatedCredentialRow { Id = Graph.NewId(), ApplicationId = application.Id!, Name = body.Name!, Issuer = "", Subject = "", Audiences = [ExchangeAudience] };
        Apply(row, body);
        db.Add(row);
        await db.SaveAsync("name", http.RequestAborted);
        await Graph.AnswerAsync(http, Shown(row), StatusCodes.Status201Created);
    }

    public static async Task UpdateFederatedAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<FederatedIdentityCredential>(http);
        await using var db = await Graph.DatabaseAsync(http);
        var row = await FindFederatedAsync(db, http);
        Graph.Demand((body.Name is null || body.Name == row.Name, "name", "cannot be changed"));
        Apply(row, body);
        await db.SaveAsync("issuer", http.RequestAborted);
        await Graph.NoContentAsync(http);
    }

    public static async Task RemoveFederatedAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        db.Remove(await FindFederatedAsync(db, http));
        await db.SaveChangesAsync(http.RequestAborted);
        await Graph.NoContentAsync(http);
    }

    public static PasswordCredential Shown(ApplicationSecretRow row) => new(row.KeyId, row.DisplayName, row.Hint, row.StartsAt, row.EndsAt);

    private static FederatedIdentityCredential Shown(FederatedCredentialRow row) => new(row.Id, row.Name, row.Issuer, row.Subject, row.Audiences, row.Description);

    private static void Apply(FederatedCredentialRow row, FederatedIdentityCredential body)
    {
        Graph.Demand(
            (body.Name is null || (body.Name.Length is >= 3 and <= 120 && body.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')), "name", "must have 3 to 120 letters, digits, - or _"),
            (body.Issuer is null || (body.Issuer.Length <= 600 && Uri.TryCreate(body.Issuer, UriKind.Absolute, out var issuer) && issuer.Scheme == Uri.UriSchemeHttps && issuer is { Query: "", Fragment: "", UserInfo: "" }), "issuer", "must be an https address without a query, such as https://token.actions.githubusercontent.com"),
            (body.Subject is null or { Length: > 0 and <= 600 }, "subject", "must have 1 to 600 characters; it is compared to the letter with the sub of the token"),
            (body.Audiences is null || (body.Audiences.Count is > 0 and <= 10 && body.Audiences.All(audience => audience is { Length: > 0 and <= 600 })), "audiences", $"must have 1 to 10 entries; {ExchangeAudience} is usual"),
            (body.Description is null or { Length: <= 600 }, "description", "must have at most 600 characters"));
        row.Issuer = body.Issuer ?? row.Issuer;
        row.Subject = body.Subject ?? row.Subject;
        row.Audiences = body.Audiences is null ? row.Audiences : [.. body.Audiences];
        row.Description = body.Description ?? row.Description;
    }

    /// <summary>By id or by name, as in Microsoft Graph.</summary>
    private static async Task<FederatedCredentialRow> FindFederatedAsync(Persistence.ControlPlaneDb db, HttpContext http)
    {
        var application = await ApplicationEndpoints.FindAsync(db, http);
        var credential = (string)http.Request.RouteValues["credential"]!;
        return await db.Set<FederatedCredentialRow>().FirstOrDefaultAsync(row => row.ApplicationId == application.Id && (row.Id == credential || row.Name == credential), http.RequestAborted)
            ?? throw Graph.NotFound("federated identity credential", credential);
    }
}
