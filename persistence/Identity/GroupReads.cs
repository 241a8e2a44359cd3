using Npgsql;

namespace ControlPlane.Persistence.Identity;

/// <summary>The groups of a principal, which authorization asks for at every fresh decision.</summary>
public static class GroupReads
{
    /// <summary>How many groups in groups are followed.</summary>
    public const int Depth = 10;

    /// <summary>How many groups are counted for one principal.</summary>
    public const int Most = 2000;

    /// <summary>
    /// Common table expressions: <c>groups</c> has the ids of the groups in which the principal <c>$1</c> is, directly and through groups. A group is visited at most once for each level, so cycles end.
    /// </summary>
    public static string Up { get; } = $"""
        up(group_id, depth) as (
            select group_id, 1 from group_members where member_id = $1
            union
            select m.group_id, up.depth + 1 from up join group_members m on m.member_id = up.group_id where up.depth < {Depth}),
        groups as (select group_id, min(depth) as depth from up group by group_id order by min(depth), group_id limit {Most})
        """;

    /// <summary>The ids of the groups in which the principal is, the nearest first.</summary>
    public static async Task<IReadOnlyList<string>> GroupsOfAsync(this NpgsqlDataSource source, string principalId, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, $"with recursive {Up} select group_id from groups order by depth, group_id", principalId);
        return await ReadAsync(command, cancel);
    }

    /// <summary>The ids of everything in the group, directly and through groups.</summary>
    public static async Task<IReadOnlyList<string>> MembersOfAsync(this NpgsqlDataSource source, string groupId, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, $"""
            with recursive down(member_id, depth) as (
                select member_id, 1 from group_members where group_id = $1
                union
                select m.member_id, down.depth + 1 from down join group_members m on m.group_id = down.member_id where down.depth < {Depth})
            select distinct member_id from down
            """, groupId);
        return await ReadAsync(command, cancel);
    }

    /// <summary>Those of the ids that stand in this directory.</summary>
    public static async Task<IReadOnlyList<string>> KnownAsync(this NpgsqlDataSource source, string[] ids, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, "select object_id from directory_objects where object_id = any($1)", [ids]);
        return await ReadAsync(command, cancel);
    }

    private static async Task<List<string>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var ids = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            ids.Add(reader.GetString(0));
        return ids;
    }
}
