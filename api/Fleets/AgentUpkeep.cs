using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Api.Fleets;

/// <summary>What an agent is to do with its cluster beside what is placed on it: the updates of runs, and cordoning for policies.</summary>
internal sealed record AgentUpkeep(IReadOnlyList<AgentUpdate> Updates, AgentCordon? Cordon)
{
    /// <summary>Names what the nodes of a member shall be: it changes with the taints of policies, and the agent's answers say which they are about. The worker moves the time of members that it calls only.</summary>
    public const string CordonGeneration = "(extract(epoch from m.cordon_due_at) * 1000000)::bigint";

    /// <summary>What it is now, for each of several clusters; <paramref name="known"/> are node images that are known though no cluster runs them yet.</summary>
    public static async Task<IReadOnlyList<AgentUpkeep>> ReadAsync(NpgsqlDataSource source, IReadOnlyList<string> clusters, IReadOnlyList<string> known)
    {
        var (found, unnoted) = (clusters.Distinct(StringComparer.Ordinal).ToDictionary(cluster => cluster, _ => new AgentUpkeep([], Cordon: null), StringComparer.Ordinal), new List<string>());
        await using (var command = Sql.Command(source, $"""
            select {CordonGeneration}, m.policy_taints::text, m.cordoned_at is not null, w.run_id, w.epoch, w.node_images, w.properties, w.images, m.cluster_key
            from fleet_members m left join lateral (
                select u.run_id, u.epoch, r.node_images, p.properties, {UpdateRunSql.KnownImages} as images
                from update_run_members u join update_runs r on r.id = u.run_id join resources p on p.key = r.resource_key where u.member_id = m.id and {UpdateRunSql.IsWanted}) w on true
            where m.cluster_key = any ($1) and m.is_pull and (m.cordon_due_at is not null or w.run_id is not null) order by w.run_id
            """, (object)found.Keys.ToArray()))
        {
            await using var row = await command.ExecuteReaderAsync();
            while (await row.ReadAsync())
            {
                var (cluster, upkeep) = (row.GetString(8), found[row.GetString(8)]);
                if (!row.IsDBNull(0))
                {
                    upkeep = upkeep with { Cordon = new(row.GetInt64(0), [.. Json.Read<List<PolicyTaint>>(row.GetString(1)).Select(taint => taint.Owner)]) };
                    if (upkeep.Cordon.Owners.Count > 0 && !row.GetBoolean(2))
                        unnoted.Add(cluster);
                }

                if (!row.IsDBNull(3))
                {
                    var (update, chosen) = (Json.Read<UpdateRun>(row.GetString(6)).ManagedClusterUpdate, row.GetFieldValue<string[]>(5));
                    upkeep = upkeep with { Updates = [.. upkeep.Updates, new() { Run = row.GetInt64(3), Claim = row.GetInt32(4), Update = update, NodeImages = NodeImages.Candidates(update, chosen, [.. known, .. row.GetFieldValue<string[]>(7)]) }] };
                }

                found[cluster] = upkeep;
            }
        }

        if (unnoted.Count > 0)
            await NoteAsync(source, unnoted);
        return [.. clusters.Select(cluster => found[cluster])];
    }

    /// <summary>Of outcomes for one run the last one counts.</summary>
    public static async Task StoreAsync(NpgsqlConnection connection, int member, IReadOnlyList<AgentUpdateOutcome> outcomes, long? settled, CancellationToken cancel)
    {
        foreach (var outcome in outcomes.GroupBy(one => one.Run).Select(one => one.Last()).OrderBy(one => one.Run))
        {
            // The next look is the agent's own affair: that there will be one is all that the row says.
            object again = outcome.State is RolloutMemberState.Updating or RolloutMemberState.Deferred ? (object)0d : NpgsqlDbType.Double;
            var message = AgentReports.Short(outcome.Message, AgentReports.LongestText);
            await using var store = Sql.Command(connection, UpdateRunSql.Store, outcome.Run, member, outcome.Claim, (short)outcome.State, message, 0, again);
            await store.ExecuteNonQueryAsync(cancel);
        }

        if (settled is not { } generation)
            return;
        await using var uncordoned = Sql.Command(connection, $"update fleet_members m set cordoned_at = null, cordon_due_at = null where id = $1 and is_pull and policy_taints = '[]' and {CordonGeneration} = $2", member, generation);
        await uncordoned.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Before the agents hear of it: from then on nodes may be cordoned.</summary>
    private static async Task NoteAsync(NpgsqlDataSource source, List<string> clusters)
    {
        await using var command = Sql.Command(source, "update fleet_members set cordoned_at = now() where cluster_key = any ($1) and is_pull and policy_taints <> '[]' and cordoned_at is null", (object)clusters.ToArray());
        await command.ExecuteNonQueryAsync();
    }
}
