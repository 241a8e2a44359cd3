using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Api.Identity.Directory;

/// <summary><c>/v1.0/groups</c> and who is in them. Groups may be in groups, even in a circle: what is asked is followed down to a bounded depth and every group once.</summary>
internal static class GroupEndpoints
{
    private static readonly Dictionary<string, Func<IQueryable<GroupRow>, string, IQueryable<GroupRow>>> Filters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["displayName"] = (rows, value) => rows.Where(row => row.DisplayName == value),
    };

    private static readonly Dictionary<string, Func<IQueryable<DirectoryObjectRow>, string, IQueryable<DirectoryObjectRow>>> MemberFilters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["displayName"] = (rows, value) => rows.Where(row => row.DisplayName == value),
    };

    public static async Task ListAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        await Graph.PageAsync(http, db.Set<GroupRow>().AsNoTracking(), Filters, "groups");
    }

    public static async Task GetAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        await Graph.AnswerAsync(http, Graph.Shown(await FindAsync(db, http)));
    }

    public static async Task CreateAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<GroupBody>(http);
        Graph.Demand((body.DisplayName is not null, "displayName", "is required"));
        Check(body);
        var group = new GroupRow { ObjectId = Graph.NewId(), DisplayName = body.DisplayName!, Description = body.Description, CreatedAt = Graph.Now(http) };
        await using var db = await Graph.DatabaseAsync(http);
        db.Add(group);
        await db.SaveAsync("displayName", http.RequestAborted);
        await Graph.AnswerAsync(http, Graph.Shown(group), StatusCodes.Status201Created);
    }

    public static async Task UpdateAsync(HttpContext http)
    {
        var body = await Graph.ReadAsync<GroupBody>(http);
        Check(body);
        await using var db = await Graph.DatabaseAsync(http);
        var group = await FindAsync(db, http);
        group.DisplayName = body.DisplayName ?? group.DisplayName;
        group.Description = body.Description ?? group.Description;
        await db.SaveAsync("displayName", http.RequestAborted);
        await Graph.NoContentAsync(http);
    }

    public static async Task DeleteAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        db.Remove(await FindAsync(db, http));
        await db.SaveChangesAsync(http.RequestAborted);
        await Graph.NoContentForgetAsync(http);
    }

    public static async Task MembersAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        var group = await FindAsync(db, http);
        await Graph.PageAsync(http, Objects(db).Where(row => db.Set<GroupMemberRow>().Any(member => member.GroupId == group.ObjectId && member.MemberId == row.ObjectId)), MemberFilters, "directoryObjects");
    }

    public static async Task TransitiveMembersAsync(HttpContext http)
    {
        await using var db = await Graph.DatabaseAsync(http);
        var group = await FindAsync(db, http);
        var ids = await http.RequestServices.GetRequiredService<Npgsql.NpgsqlDataSource>().MembersOfAsync(group.ObjectId, http.RequestAborted);
        await Graph.PageAsync(http, Objects(db).Where(row => ids.Contains(row.ObjectId)), MemberFilters, "directoryObjects");
    }

    /// <summary>The groups of a user, service principal or group.</summary>
    public static async Task MemberOfAsync(HttpContext http)
    {
        var id = Graph.Id(http);
        await using var db = await Graph.DatabaseAsync(http);
        if (!await Objects(db).AnyAsync(row => row.ObjectId == id, http.RequestAborted))
            throw Graph.NotFound("directory object", id);
        var ids = await http.RequestServices.GetRequiredService<Npgsql.NpgsqlDataSource>().GroupsOfAsync(id, http.RequestAborted);
        await Graph.PageAsync(http, Objects(db).Where(row => ids.Contains(row.ObjectId)), MemberFilters, "directoryObjects");
    }

    public static async Task AddMemberAsync(HttpContext http)
    {
        var reference = await Graph.ReadAsync<Reference>(http);
        var member = reference.OdataId.Split('/')[^1].ToLowerInvariant();
        await using var db = await Graph.DatabaseAsync(http);
        var group = await FindAsync(db, http);
        Graph.Demand(
            (Guid.TryParse(member, out _), "@odata.id", "must end with the object id of a member, such as https://{host}/v1.0/directoryObjects/{id}"),
            (member != group.ObjectId, "@odata.id", "must not name the group itself"));
        if (!await Objects(db).AnyAsync(row => row.ObjectId == member, http.RequestAborted))
            throw Graph.NotFound("directory object", member);
        db.Add(new GroupMemberRow { GroupId = group.ObjectId, MemberId = member });
        await db.SaveAsync("members", http.RequestAborted);
        await Graph.NoContentForgetAsync(http);
    }

    public static async Task RemoveMemberAsync(HttpContext http)
    {
        var (group, member) = (Graph.Id(http), Graph.Id(http, "member"));
        await using var db = await Graph.DatabaseAsync(http);
        if (await db.Set<GroupMemberRow>().Where(row => row.GroupId == group && row.MemberId == member).ExecuteDeleteAsync(http.RequestAborted) == 0)
            throw Graph.NotFound($"member '{member}' in a group", group);
        await Graph.NoContentForgetAsync(http);
    }

    private static IQueryable<DirectoryObjectRow> Objects(ControlPlaneDb db) => db.Set<DirectoryObjectRow>().AsNoTracking();

    private static async Task<GroupRow> FindAsync(ControlPlaneDb db, HttpContext http)
    {
        var id = Graph.Id(http);
        return await db.Set<GroupRow>().FirstOrDefaultAsync(row => row.ObjectId == id, http.RequestAborted) ?? throw Graph.NotFound("group", id);
    }

    private static void Check(GroupBody body) => Graph.Demand(
        (Graph.IsName(body.DisplayName), "displayName", "must have 1 to 256 characters and no control characters"),
        (body.Description is null or { Length: <= 1024 }, "description", "must have at most 1024 characters"),
        (body.MailEnabled is not true, "mailEnabled", "must be false: groups here are for access"),
        (body.SecurityEnabled is not false, "securityEnabled", "must be true: groups here are for access"),
        (body.GroupTypes is null or { Count: 0 }, "groupTypes", "must be empty"));
}
