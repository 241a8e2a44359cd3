using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace ControlPlane.Api.Identity.Directory;

/// <summary><c>/v1.0/users</c>: people who sign in with a password.</summary>
internal static class UserEndpoints
{
    private static readonly Dictionary<string, Func<IQueryable<UserRow>, string, IQueryable<UserRow>>> Filters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["displayName"] = (rows, value) => rows.Where(row => row.DisplayName == value),
        ["userPrincipalName"] = (rows, value) =>
        {
            var name = value.ToLowerInvariant();
            return rows.Where(row => row.UserPrincipalName == name);
        },
    };

    public static async Task ListAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        await Graph.PageAsync(http, db.Set<UserRow>().AsNoTracking(), Filters, "users");
    }

    public static async Task GetAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        await Graph.AnswerAsync(http, Graph.Shown(await FindAsync(db, http)));
    }

    public static async Task CreateAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<UserBody>(http);
        Graph.Demand(
            (body.DisplayName is not null, "displayName", "is required"),
            (body.UserPrincipalName is not null, "userPrincipalName", "is required"),
            (body.PasswordProfile is not null, "passwordProfile", "is required"));
        Check(body);
        var user = new UserRow
        {
            ObjectId = Graph.NewId(),
            DisplayName = body.DisplayName!,
            UserPrincipalName = body.UserPrincipalName!.ToLowerInvariant(),
            PasswordHash = Passwords.Hash(body.PasswordProfile!.Password),
            IsEnabled = body.AccountEnabled ?? true,
            CreatedAt = Graph.Now(http),
        };
        await using var db = await Graph.DatabaseAsync(http);
        db.Add(user);
        await db.SaveAsync("userPrincipalName", http.RequestAborted);
        await Graph.AnswerAsync(http, Graph.Shown(user), StatusCodes.Status201Created);
    }

    public static async Task UpdateAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<UserBody>(http);
        Check(body);
        await using var db = await Graph.DatabaseAsync(http);
        var user = await FindAsync(db, http);
        user.DisplayName = body.DisplayName ?? user.DisplayName;
        user.UserPrincipalName = body.UserPrincipalName?.ToLowerInvariant() ?? user.UserPrincipalName;
        user.IsEnabled = body.AccountEnabled ?? user.IsEnabled;
        if (body.PasswordProfile is { } profile)
            user.PasswordHash = Passwords.Hash(profile.Password);

        await using var transaction = await db.Database.BeginTransactionAsync(http.RequestAborted);
        await db.SaveAsync("userPrincipalName", http.RequestAborted);
        // Whoever knew the old password holds nothing that outlives it by more than an access token's hour.
        if (body.PasswordProfile is not null || body.AccountEnabled is false)
            await RevokeAsync(db, user.ObjectId, http.RequestAborted);
        await transaction.CommitAsync(http.RequestAborted);
        await Graph.NoContentAsync(http);
    }

    public static async Task DeleteAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        var user = await FindAsync(db, http);
        await RevokeAsync(db, user.ObjectId, http.RequestAborted);
        db.Remove(user);
        await db.SaveChangesAsync(http.RequestAborted);
        await Graph.NoContentAsync(http);
    }

    private static async Task<UserRow> FindAsync(ControlPlaneDb db, HttpContext http)
    {
        var id = Graph.Id(http);
        return await db.Set<UserRow>().FirstOrDefaultAsync(row => row.ObjectId == id || row.UserPrincipalName == id, http.RequestAborted) ?? throw Graph.NotFound("user", id);
    }

    private static void Check(UserBody body) => Graph.Demand(
        (Graph.IsName(body.DisplayName), "displayName", "must have 1 to 256 characters and no control characters"),
        (IsPrincipalName(body.UserPrincipalName), "userPrincipalName", "must be of the form name@domain, with at most 113 characters of a-z, A-Z, 0-9 and . _ - ' + !"),
        (body.PasswordProfile is null or { Password.Length: >= Passwords.Shortest and <= Passwords.Longest }, "passwordProfile.password", $"must have {Passwords.Shortest} to {Passwords.Longest} characters"),
        (body.PasswordProfile?.ForceChangePasswordNextSignIn is not true, "passwordProfile.forceChangePasswordNextSignIn", "must be false: there is no page to change a password; PATCH the user's passwordProfile"));

    private static bool IsPrincipalName(string? name) =>
        name is null || (name.Length <= 113 && name.IndexOf('@', StringComparison.Ordinal) is > 0 and var at && at == name.LastIndexOf('@') && at < name.Length - 1
            && name.All(c => char.IsAsciiLetterOrDigit(c) || "@._-'+!".Contains(c, StringComparison.Ordinal)));

    private static Task<int> RevokeAsync(ControlPlaneDb db, string objectId, CancellationToken cancel) =>
        db.Set<OpenIddictEntityFrameworkCoreToken>().Where(token => token.Subject == objectId && token.Status == Statuses.Valid)
            .ExecuteUpdateAsync(update => update.SetProperty(token => token.Status, Statuses.Revoked), cancel);
}
