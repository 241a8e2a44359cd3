using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace ControlPlane.Api.Identity.Directory;

/// <summary><c>/v1.0/servicePrincipals</c>: the identity that an application has in this tenant, which roles are given to.</summary>
internal static class ServicePrincipalEndpoints
{
    private static readonly Dictionary<string, Func<IQueryable<ServicePrincipalRow>, string, IQueryable<ServicePrincipalRow>>> Filters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["appId"] = (rows, value) =>
        {
            var id = value.ToLowerInvariant();
            return rows.Where(row => row.AppId == id);
        },
        ["displayName"] = (rows, value) => rows.Where(row => row.DisplayName == value),
    };

    public static async Task ListAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        await Graph.PageAsync(http, db.Set<ServicePrincipalRow>().AsNoTracking(), Filters, "servicePrincipals");
    }

    public static async Task GetAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        await Graph.AnswerAsync(http, Graph.Shown(await FindAsync(db, http)));
    }

    public static async Task CreateAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<ServicePrincipalBody>(http);
        Graph.Demand((body.AppId is not null, "appId", "is required"), (Graph.IsName(body.DisplayName), "displayName", "must have 1 to 256 characters and no control characters"));
        var appId = body.AppId!.ToLowerInvariant();
        await using var db = await Graph.DatabaseAsync(http);
        var application = await db.Set<OpenIddictEntityFrameworkCoreApplication>().AsNoTracking().FirstOrDefaultAsync(row => row.ClientId == appId, http.RequestAborted);
        Graph.Demand((application is not null, "appId", "must be the appId of an application that exists; POST /v1.0/applications makes one"));
        var principal = new ServicePrincipalRow
        {
            ObjectId = Graph.NewId(),
            AppId = appId,
            DisplayName = body.DisplayName ?? application!.DisplayName ?? appId,
            IsEnabled = body.AccountEnabled ?? true,
            CreatedAt = Graph.Now(http),
        };
        db.Add(principal);
        await db.SaveAsync("appId", http.RequestAborted);
        await Graph.AnswerAsync(http, Graph.Shown(principal), StatusCodes.Status201Created);
    }

    public static async Task UpdateAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<ServicePrincipalBody>(http);
        await using var db = await Graph.DatabaseAsync(http);
        var principal = await FindAsync(db, http);
        Graph.Demand(
            (body.AppId is null || body.AppId.Equals(principal.AppId, StringComparison.OrdinalIgnoreCase), "appId", "cannot be changed"),
            (Graph.IsName(body.DisplayName), "displayName", "must have 1 to 256 characters and no control characters"));
        principal.DisplayName = body.DisplayName ?? principal.DisplayName;
        principal.IsEnabled = body.AccountEnabled ?? principal.IsEnabled;
        await db.SaveAsync("displayName", http.RequestAborted);
        await Graph.NoContentAsync(http);
    }

    public static async Task DeleteAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        db.Remove(await FindAsync(db, http));
        await db.SaveChangesAsync(http.RequestAborted);
        await Graph.NoContentAsync(http);
    }

    private static async Task<ServicePrincipalRow> FindAsync(ControlPlaneDb db, HttpContext http)
    {
        var id = Graph.Id(http);
        return await db.Set<ServicePrincipalRow>().FirstOrDefaultAsync(row => row.ObjectId == id, http.RequestAborted) ?? throw Graph.NotFound("service principal", id);
    }
}
