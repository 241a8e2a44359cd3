using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Clusters;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>Stores what an agent says of its cluster, by the statements with which the worker stores what it saw itself. What it says of anything that is not its own finds no row.</summary>
internal static class AgentReports
{
    public const int LongestText = 1000;
    private const int LongestName = 200;
    private const int MostNames = 200;

    /// <returns>The placements that it was about.</returns>
    public static async Task<IReadOnlyList<int>> StoreAsync(NpgsqlDataSource source, string cluster, AgentStatus status, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (status.Inventory is { } inventory)
            await StoreAsync(connection, cluster, inventory, status.AgentVersion, cancel);
        // Of two outcomes for one placement the later one counts: one statement writes a row once.
        var outcomes = status.Items.GroupBy(item => item.Placement).Select(one => one.Last()).ToList();
        IReadOnlyList<int> placements = [];
        if ((outcomes.Count > 0 || status.Updates.Count > 0 || status.SettledCordon is not null) && await MemberAsync(connection, cluster, cancel) is { } member)
        {
            placements = outcomes.Count > 0 ? await StoreAsync(connection, member, outcomes, cancel) : [];
            await AgentUpkeep.StoreAsync(connection, member, status.Updates, status.SettledCordon, cancel);
        }

        await transaction.CommitAsync(cancel);
        return placements;
    }

    private static async Task<IReadOnlyList<int>> StoreAsync(NpgsqlConnection connection, int member, List<AgentOutcome> outcomes, CancellationToken cancel)
    {
        var gone = outcomes.Where(one => one.IsGone).ToList();
        var kept = outcomes.Where(one => !one.IsGone).ToList();
        if (kept.Count > 0)
        {
            await BindingIssues.StoreAsync(connection, [.. kept.Where(one => one.Differences is not null).Select(one => new ComparedBinding(one.Placement, member, Claim: null, one.Generation, [.. one.Differences!.Take(ObjectDifference.Most).Select(Short)]))], cancel);
            // The next look is the agent's own affair: that there will be one is all that the row says.
            await using var store = Sql.Command(connection, BindingSql.Store,
                kept.Select(one => one.Placement).ToArray(), kept.Select(_ => member).ToArray(), new long?[kept.Count], kept.Select(one => one.Generation).ToArray(),
                kept.Select(one => (short)one.Health).ToArray(), kept.Select(one => Math.Min(one.ObservedGeneration, one.Generation)).ToArray(), kept.Select(one => one.IsOpen || one.Health is not BindingHealth.Available ? 0d : (double?)null).ToArray(),
                new int[kept.Count], kept.Select(one => Short(one.ErrorCode, LongestName)).ToArray(), kept.Select(one => Short(one.Error, LongestText)).ToArray(), kept.Select(one => one.IsClean).ToArray(), kept.Select(one => one.IsUntracked).ToArray(),
                kept.Select(one => Short(one.Repaired, LongestText)).ToArray(), kept.Select(one => one.Repaired is null ? null : one.RepairedAt?.ToUniversalTime()).ToArray(), TimeSpan.Zero);
            await store.ExecuteNonQueryAsync(cancel);
        }

        if (gone.Count > 0)
        {
            await using var forget = Sql.Command(connection, BindingSql.ForgetReported, gone.Select(one => one.Placement).ToArray(), gone.Select(one => one.Generation).ToArray(), member);
            await forget.ExecuteNonQueryAsync(cancel);
        }

        await using var mark = Sql.Command(connection, """
            with own as (select id, status_due from placements where id = any ($1) and fleet_key = (select fleet_key from fleet_members where id = $2)),
            marked as (update placements set status_due = true where id in (select p.id from placements p join own on own.id = p.id where not own.status_due for no key update of p skip locked))
            select coalesce(array_agg(id), '{}') from own
            """, outcomes.Select(one => one.Placement).ToArray(), member);
        return (int[])(await mark.ExecuteScalarAsync(cancel))!;
    }

    private static async Task<int?> MemberAsync(NpgsqlConnection connection, string cluster, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, "select id from fleet_members where cluster_key = $1 and is_pull", cluster);
        return await command.ExecuteScalarAsync(cancel) as int?;
    }

    private static async Task StoreAsync(NpgsqlConnection connection, string cluster, AgentInventory inventory, string? version, CancellationToken cancel)
    {
        await using (var command = Sql.Command(connection, InventorySql.Seen,
            new[] { cluster }, new double?[1], new[] { Short(inventory.KubernetesVersion, LongestName) }, new[] { Short(inventory.Distribution, LongestName) }, new[] { inventory.NodeCount }, new[] { inventory.ReadyNodeCount },
            new[] { inventory.CoreCount }, new[] { inventory.MemoryBytes }, new[] { inventory.AllocatableMilliCpu }, new[] { inventory.AllocatableMemoryBytes },
            new[] { Json.Write(Few(inventory.NodeImages, count => count)) }, new[] { Json.Write(Few(inventory.AddOns, text => Short(text, LongestName))) }))
            await command.ExecuteNonQueryAsync(cancel);
        await using var agent = Sql.Command(connection, "update cluster_inventories set agent_version = $2, show_at = now() where cluster_key = $1 and agent_version is distinct from $2", cluster, Short(version, LongestName));
        await agent.ExecuteNonQueryAsync(cancel);
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
