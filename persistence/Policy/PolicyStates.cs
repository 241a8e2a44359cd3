using Npgsql;

namespace ControlPlane.Persistence.Policy;

/// <summary>A resource as it must be judged, with the group that it is in.</summary>
public sealed record DueResource(string Key, string Id, string Type, string? ResourceGroup, string? Location, string Tags, string Properties, string Status, long Version, string? GroupId, string? GroupLocation, string? GroupTags)
{
    /// <summary>What a connected cluster was last seen to be, as JSON; null for everything else.</summary>
    public string? Inventory { get; init; }

    /// <summary>Says whether the inventory has changed since.</summary>
    public string? InventoryHash { get; init; }
}

/// <summary>Which resources an assignment has a say about, and of which version of the assignment and its definition.</summary>
/// <param name="Types">Names of types as stored.</param>
public sealed record PolicyReach(string Assignment, long AssignmentVersion, string Definition, long DefinitionVersion, string Subscription, string Scope, IReadOnlyList<string> NotScopes, IReadOnlyList<string> Types);

/// <summary>The statements of policy evaluation.</summary>
public static class PolicyStates
{
    /// <summary>Never judged, judged as something else than it is now or seems to be now, judged more than an hour ago, or asked for since.</summary>
    private const string Due = """
        select r.key, r.id, r.type, r.resource_group, r.location, r.tags, r.properties, r.status, r.version, g.id, g.location, g.tags, i.inventory, i.hash
        from resources r
        left join lateral (
            select inventory::text, md5(inventory::text) as hash from (
                select jsonb_build_object('kubernetesVersion', n.kubernetes_version, 'distribution', n.distribution, 'agentVersion', n.agent_version, 'nodeCount', n.node_count, 'readyNodeCount', n.ready_node_count, 'coreCount', n.core_count,
                    'memoryBytes', n.memory_bytes, 'nodeImages', (select coalesce(jsonb_agg(image order by image), '[]') from jsonb_object_keys(n.node_images) image), 'addOns', n.add_ons) as inventory
                from cluster_inventories n where n.cluster_key = r.key and n.inventory_at is not null) seen) i on true
        left join policy_states s on s.assignment_key = $1 and s.resource_key = r.key
        left join resources g on g.key = '/subscriptions/' || r.subscription || '/resourcegroups/' || r.resource_group
        where r.subscription = $4 and (r.key = $5 or (r.key >= $5 || '/' and r.key < $5 || '0')) and r.type = any($7) and r.state <> 'Deleting'
          and not exists (select from unnest($6) n(scope) where r.key = n.scope or starts_with(r.key, n.scope || '/'))
          and (s.resource_key is null or s.resource_version <> r.version or s.assignment_version <> $2 or s.definition_version <> $3 or s.inventory_hash is distinct from i.hash or s.evaluated_at < now() - interval '1 hour'
               or exists (select from policy_evaluations e where e.ended_at is null and s.evaluated_at < e.requested_at and (r.key = e.scope or starts_with(r.key, e.scope || '/'))))
        order by r.key limit $8
        """;

    /// <summary>A resource or an assignment that went meanwhile is left out.</summary>
    private const string Save = """
        insert into policy_states (assignment_key, resource_key, definition_key, assignment_version, definition_version, resource_version, effect, is_compliant, subscription, evaluated_at, changed_at, inventory_hash)
        select $1, r.key, $3, $2, $4, j.version, $5, j.compliant, $6, now(), now(), j.inventory
        from unnest($7, $8, $9, $10) j(key, version, compliant, inventory) join resources r on r.key = j.key join resources a on a.key = $1
        on conflict (assignment_key, resource_key) do update set definition_key = excluded.definition_key, assignment_version = excluded.assignment_version, definition_version = excluded.definition_version,
            resource_version = excluded.resource_version, effect = excluded.effect, is_compliant = excluded.is_compliant, evaluated_at = excluded.evaluated_at,
            changed_at = case when policy_states.is_compliant = excluded.is_compliant then policy_states.changed_at else excluded.changed_at end, inventory_hash = excluded.inventory_hash
        """;

    public static async Task<IReadOnlyList<DueResource>> DueAsync(NpgsqlConnection connection, PolicyReach reach, int limit, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, Due, reach.Assignment, reach.AssignmentVersion, reach.DefinitionVersion, reach.Subscription, reach.Scope, reach.NotScopes.ToArray(), reach.Types.ToArray(), limit);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var due = new List<DueResource>();
        string? Text(int column) => row.IsDBNull(column) ? null : row.GetString(column);
        while (await row.ReadAsync(cancel))
            due.Add(new(row.GetString(0), row.GetString(1), row.GetString(2), Text(3), Text(4), row.GetString(5), row.GetString(6), row.GetString(7), row.GetInt64(8), Text(9), Text(10), Text(11)) { Inventory = Text(12), InventoryHash = Text(13) });
        return due;
    }

    public static async Task SaveAsync(NpgsqlConnection connection, PolicyReach reach, string effect, IReadOnlyList<(DueResource Resource, bool IsCompliant)> judged, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, Save, reach.Assignment, reach.AssignmentVersion, reach.Definition, reach.DefinitionVersion, effect, reach.Subscription,
            judged.Select(one => one.Resource.Key).ToArray(), judged.Select(one => one.Resource.Version).ToArray(), judged.Select(one => one.IsCompliant).ToArray(), judged.Select(one => one.Resource.InventoryHash).ToArray());
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Once all that is due was judged, what an earlier version of the assignment judged is what it no longer reaches.</summary>
    public static async Task ForgetAsync(NpgsqlConnection connection, PolicyReach reach, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, "delete from policy_states where assignment_key = $1 and assignment_version <> $2", reach.Assignment, reach.AssignmentVersion);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
