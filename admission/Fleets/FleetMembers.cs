using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Admission.Fleets;

/// <summary>The members of a fleet, as the scheduler wants them.</summary>
internal static class FleetMembers
{
    /// <summary>What somebody wrote and what policies put on them keep placements away alike.</summary>
    private const string Members = """
        select id, name, labels, properties, case when policy_taints = '[]' then taints else taints || (select jsonb_agg(taint - 'owner') from jsonb_array_elements(policy_taints) taint) end, is_leaving, unreachable
        from fleet_members where fleet_key = $1 order by name collate "C"
        """;

    private const string Places = """
        select coalesce(b.bound, '{}'), coalesce((select array_agg(e.member) from placement_evictions e where e.placement_id = p.id), '{}'), coalesce(b.is_leaving, false)
        from placements p, lateral (select array_agg(member_id) filter (where not is_unscheduled) as bound, bool_or(is_unscheduled) as is_leaving from placement_bindings where placement_id = p.id) b
        where p.resource_key = $1
        """;

    public static async Task<IReadOnlyList<SchedulableMember>> ReadAsync(NpgsqlDataSource source, string fleet, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, Members, fleet);
        return await ReadAsync(command, cancel);
    }

    public static async Task<IReadOnlyList<SchedulableMember>> ReadAsync(NpgsqlConnection connection, string fleet, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, Members, fleet);
        return await ReadAsync(command, cancel);
    }

    /// <summary>Where a placement is, and from where it was evicted; nowhere when it was never carried out.</summary>
    public static async Task<PlacementPlaces> PlacesAsync(NpgsqlDataSource source, string placement, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        return await PlacesAsync(connection, placement, cancel);
    }

    public static async Task<PlacementPlaces> PlacesAsync(NpgsqlConnection connection, string placement, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, Places, placement);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var (bound, evicted, isLeaving) = await row.ReadAsync(cancel) ? (row.GetFieldValue<int[]>(0), row.GetFieldValue<string[]>(1), row.GetBoolean(2)) : ([], [], false);
        return new(bound.ToHashSet(), evicted.ToHashSet(StringComparer.OrdinalIgnoreCase), isLeaving);
    }

    private static async Task<IReadOnlyList<SchedulableMember>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var members = new List<SchedulableMember>();
        // Of ten thousand clusters few differ in these: what is written alike is read once.
        var (properties, taints) = (new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal), new Dictionary<string, IReadOnlyList<Taint>>(StringComparer.Ordinal));
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
        {
            members.Add(new()
            {
                Id = row.GetInt32(0),
                Name = row.GetString(1),
                Labels = Json.Read<Dictionary<string, string>>(row.GetString(2)),
                Properties = Once(properties, row.GetString(3), Json.Read<Dictionary<string, string>>),
                Taints = Once(taints, row.GetString(4), Json.Read<List<Taint>>),
                IsLeaving = row.GetBoolean(5),
                IsUnreachable = !row.IsDBNull(6),
            });
        }

        return members;
    }

    private static T Once<T>(Dictionary<string, T> known, string text, Func<string, T> read) => known.TryGetValue(text, out var value) ? value : known[text] = read(text);
}
