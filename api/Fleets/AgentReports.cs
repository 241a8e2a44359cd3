using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Clusters;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>What the agent of a cluster has said.</summary>
internal sealed record AgentReport(string Cluster, AgentStatus Status);

/// <summary>Stores what agents say of their clusters, by the statements with which the worker stores what it saw itself. What they say of anything that is not their own finds no row.</summary>
internal static class AgentReports
{
    public const int LongestText = 1000;
    private const int LongestName = 200;
    private const int MostNames = 200;

    /// <summary>All of them, or none. Of two that say something of the same, the later one counts: one statement writes a row once.</summary>
    /// <returns>The placements that they were about.</returns>
    public static async Task<IReadOnlyList<int>> StoreAsync(NpgsqlDataSource source, IReadOnlyList<AgentReport> reports)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var seen = reports.Where(one => one.Status.Inventory is not null).GroupBy(one => one.Cluster, StringComparer.Ordinal).OrderBy(one => one.Key, StringComparer.Ordinal).Select(one => one.Last()).ToList();
        if (seen.Count > 0)
            await StoreInventoriesAsync(connection, seen);
        var members = await MembersAsync(connection, reports);
        var said = reports.Where(one => members.ContainsKey(one.Cluster)).Select(one => (Member: members[one.Cluster], one.Status)).ToList();
        var outcomes = said.SelectMany(one => one.Status.Items.Select(item => (one.Member, Item: item))).GroupBy(one => (one.Item.Placement, one.Member)).OrderBy(one => one.Key).Select(one => one.Last()).ToList();
        var placements = outcomes.Count > 0 ? await StoreOutcomesAsync(connection, outcomes) : [];
        foreach (var (member, status) in said.Where(one => one.Status.Updates.Count > 0 || one.Status.SettledCordon is not null).OrderBy(one => one.Member))
            await AgentUpkeep.StoreAsync(connection, member, status.Updates, status.SettledCordon, CancellationToken.None);
        await transaction.CommitAsync();
        return placements;
    }

    private static async Task<IReadOnlyList<int>> StoreOutcomesAsync(NpgsqlConnection connection, List<(int Member, AgentOutcome Item)> outcomes)
    {
        var kept = outcomes.Where(one => !one.Item.IsGone).ToList();
        if (kept.Count > 0)
        {
            await BindingIssues.StoreAsync(connection, [.. kept.Where(one => one.Item.Differences is not null).Select(one => new ComparedBinding(one.Item.Placement, one.Member, Claim: null, one.Item.Generation, [.. one.Item.Differences!.Take(ObjectDifference.Most).Select(Short)]))], CancellationToken.None);
            T[] Column<T>(Func<AgentOutcome, T> value) => [.. kept.Select(one => value(one.Item))];
            // The next look is the agent's own affair: that there will be one is all that the row says.
            await using var store = Sql.Command(connection, BindingSql.Store,
                Column(one => one.Placement), kept.Select(one => one.Member).ToArray(), new long?[kept.Count], Column(one => one.Generation), Column(one => (short)one.Health), Column(one => Math.Min(one.ObservedGeneration, one.Generation)),
                Column(one => one.IsOpen || one.Health is not BindingHealth.Available ? 0d : (double?)null), new int[kept.Count], Column(one => Short(one.ErrorCode, LongestName)), Column(one => Short(one.Error, LongestText)), Column(one => one.IsClean),
                Column(one => one.IsUntracked), Column(one => Short(one.Repaired, LongestText)), Column(one => one.Repaired is null ? null : one.RepairedAt?.ToUniversalTime()), TimeSpan.Zero);
            await store.ExecuteNonQueryAsync();
        }

        var gone = outcomes.Where(one => one.Item.IsGone).ToList();
        if (gone.Count > 0)
        {
            await using var forget = Sql.Command(connection, BindingSql.ForgetReported, gone.Select(one => one.Item.Placement).ToArray(), gone.Select(one => one.Item.Generation).ToArray(), gone.Select(one => one.Member).ToArray());
            await forget.ExecuteNonQueryAsync();
        }

        await using var mark = Sql.Command(connection, """
            with own as (
                select p.id, p.status_due from placements p where p.id in (
                    select a.placement_id from unnest($1::int[], $2::int[]) a (placement_id, member_id) join fleet_members m on m.id = a.member_id join placements q on q.id = a.placement_id and q.fleet_key = m.fleet_key)),
            marked as (update placements set status_due = true where id in (select p.id from placements p join own on own.id = p.id where not own.status_due for no key update of p skip locked))
            select coalesce(array_agg(id), '{}') from own
            """, outcomes.Select(one => one.Item.Placement).ToArray(), outcomes.Select(one => one.Member).ToArray());
        return (int[])(await mark.ExecuteScalarAsync())!;
    }

    private static async Task<Dictionary<string, int>> MembersAsync(NpgsqlConnection connection, IReadOnlyList<AgentReport> reports)
    {
        var members = new Dictionary<string, int>(StringComparer.Ordinal);
        await using var command = Sql.Command(connection, "select cluster_key, id from fleet_members where cluster_key = any ($1) and is_pull", (object)reports.Select(one => one.Cluster).Distinct(StringComparer.Ordinal).ToArray());
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
            members[row.GetString(0)] = row.GetInt32(1);
        return members;
    }

    private static async Task StoreInventoriesAsync(NpgsqlConnection connection, List<AgentReport> seen)
    {
        T[] Column<T>(Func<AgentInventory, T> value) => [.. seen.Select(one => value(one.Status.Inventory!))];
        var clusters = seen.Select(one => one.Cluster).ToArray();
        await using (var command = Sql.Command(connection, InventorySql.Seen,
            clusters, new double?[seen.Count], Column(one => Short(one.KubernetesVersion, LongestName)), Column(one => Short(one.Distribution, LongestName)), Column(one => one.NodeCount), Column(one => one.ReadyNodeCount),
            Column(one => one.CoreCount), Column(one => one.MemoryBytes), Column(one => one.AllocatableMilliCpu), Column(one => one.AllocatableMemoryBytes),
            Column(one => Json.Write(Few(one.NodeImages, count => count))), Column(one => Json.Write(Few(one.AddOns, text => Short(text, LongestName))))))
            await command.ExecuteNonQueryAsync();
        await using var agents = Sql.Command(connection, """
            update cluster_inventories i set agent_version = a.version, show_at = now() from unnest($1::text[], $2::text[]) a (cluster_key, version) where i.cluster_key = a.cluster_key and i.agent_version is distinct from a.version
            """, clusters, seen.Select(one => Short(one.Status.AgentVersion, LongestName)).ToArray());
        await agents.ExecuteNonQueryAsync();
    }

    private static Dictionary<string, TValue> Few<TValue>(IReadOnlyDictionary<string, TValue> all, Func<TValue, TValue?> shorten) =>
        all.OrderBy(one => one.Key, StringComparer.Ordinal).Where(one => one.Key.Length <= LongestName).Take(MostNames).ToDictionary(one => one.Key, one => shorten(one.Value)!, StringComparer.Ordinal);

    private static ObjectDifference Short(ObjectDifference one) => one with
    {
        Object = Short(one.Object.Count(c => c == '/') == 3 ? one.Object : "///", ObjectDifference.LongestObject)!, Path = Short(one.Path, ObjectDifference.LongestPath)!,
        ValueInMember = Short(one.ValueInMember, ObjectDifference.LongestValue), ValueInHub = Short(one.ValueInHub, ObjectDifference.LongestValue),
    };

    public static string? Short(string? text, int most) => text?.Length > most ? text[..most] : text;
}
