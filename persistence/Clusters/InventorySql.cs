namespace ControlPlane.Persistence.Clusters;

/// <summary>The statements by which clusters are looked at and heard of. Each one is level-triggered: it says what is, and marks what readers see as due when that changed.</summary>
public static class InventorySql
{
    /// <summary>$1 cluster, $2 whether a worker looks at it (or else an agent speaks for it): due at once. The member that it is, is served in the same way from now on.</summary>
    public const string Watch = """
        with served as (update fleet_members set is_pull = not $2 where cluster_key = $1 and is_pull = $2)
        insert into cluster_inventories (cluster_key, node_count, ready_node_count, core_count, memory_bytes, allocatable_milli_cpu, allocatable_memory_bytes, node_images, add_ons, agent_epoch, attempts, due_at, show_at)
        values ($1, 0, 0, 0, 0, 0, 0, '{}', '{}', 0, 0, case when $2 then now() end, now())
        on conflict (cluster_key) do update set due_at = excluded.due_at, show_at = excluded.show_at, attempts = 0, error = null
        """;

    /// <summary>Clusters from before there were inventories. $1 the type of clusters.</summary>
    public const string Adopt = """
        insert into cluster_inventories (cluster_key, node_count, ready_node_count, core_count, memory_bytes, allocatable_milli_cpu, allocatable_memory_bytes, node_images, add_ons, agent_epoch, attempts, due_at, show_at)
        select key, 0, 0, 0, 0, 0, 0, '{}', '{}', 0, 0, case when coalesce(properties->>'access', 'Push') = 'Push' then now() end, now()
        from resources where type = $1 and state <> 'Deleting' on conflict (cluster_key) do nothing
        """;

    /// <summary>$1 how many, $2 for how long nobody else looks at them, $3 by how long a look must be overdue. The longest overdue first.</summary>
    public const string Claim = """
        with picked as (select cluster_key from cluster_inventories where due_at <= now() - $3 order by due_at limit $1 for update skip locked)
        update cluster_inventories i set due_at = now() + $2 from picked p join resources r on r.key = p.cluster_key
        where i.cluster_key = p.cluster_key returning i.cluster_key, r.version, i.attempts
        """;

    /// <summary>
    /// What was seen, by column: cluster, seconds until the next look (null: nobody looks), Kubernetes version, distribution, nodes, ready nodes, cores, memory, allocatable CPU and memory, node images, add-ons.
    /// A report of an agent is stored in the same way.
    /// </summary>
    public const string Seen = """
        update cluster_inventories i set
            last_seen = now(), inventory_at = now(), attempts = 0, error = null, due_at = case when i.due_at is not null then now() + make_interval(secs => a.again) end,
            kubernetes_version = a.version, distribution = a.distribution, node_count = a.nodes, ready_node_count = a.ready, core_count = a.cores, memory_bytes = a.memory,
            allocatable_milli_cpu = a.cpu_left, allocatable_memory_bytes = a.memory_left, node_images = a.images::jsonb, add_ons = a.add_ons::jsonb,
            show_at = case when i.connectivity is distinct from 'Connected' or i.error is not null
                or (i.kubernetes_version, i.distribution, i.node_count, i.ready_node_count, i.core_count, i.memory_bytes, i.allocatable_milli_cpu, i.allocatable_memory_bytes, i.node_images, i.add_ons)
                    is distinct from (a.version, a.distribution, a.nodes, a.ready, a.cores, a.memory, a.cpu_left, a.memory_left, a.images::jsonb, a.add_ons::jsonb)
                then now() else i.show_at end
        from unnest($1::text[], $2::float8[], $3::text[], $4::text[], $5::int[], $6::int[], $7::int[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[])
            as a (cluster_key, again, version, distribution, nodes, ready, cores, memory, cpu_left, memory_left, images, add_ons)
        where i.cluster_key = a.cluster_key
        """;

    /// <summary>Looks that failed, by column: cluster, seconds until the next one, attempts so far, why.</summary>
    public const string Failed = """
        update cluster_inventories i set attempts = a.attempts, error = a.error, due_at = case when i.due_at is not null then now() + make_interval(secs => a.again) end,
            show_at = case when i.error is distinct from a.error then now() else i.show_at end
        from unnest($1::text[], $2::float8[], $3::int[], $4::text[]) as a (cluster_key, again, attempts, error)
        where i.cluster_key = a.cluster_key
        """;

    /// <summary>$1 clusters that were heard of just now, in whatever way, many at once: it costs readers nothing unless it is news. A row that somebody else is writing is left to them: they have heard of it too.</summary>
    public const string Heartbeat = """
        update cluster_inventories set last_seen = now(), show_at = case when connectivity is distinct from 'Connected' then now() else show_at end
        where cluster_key in (select cluster_key from cluster_inventories where cluster_key = any ($1) for no key update skip locked)
        """;

    /// <summary>$1 cluster, $2 whether it counts as another agent: one registers, and the certificates of those before it are good no more. The answer is its number.</summary>
    public const string Register = """
        insert into cluster_inventories (cluster_key, node_count, ready_node_count, core_count, memory_bytes, allocatable_milli_cpu, allocatable_memory_bytes, node_images, add_ons, agent_epoch, attempts, show_at)
        values ($1, 0, 0, 0, 0, 0, 0, '{}', '{}', 1, 0, now())
        on conflict (cluster_key) do update set agent_epoch = cluster_inventories.agent_epoch + case when $2 then 1 else 0 end, agent_certificate = null, agent_certificate_expires_at = null, show_at = now() returning agent_epoch
        """;

    /// <summary>$1 how many: those whose readers are behind. A cluster that somebody is changing is shown by that operation, and again afterwards.</summary>
    public const string Due = """
        select i.cluster_key, i.last_seen, i.kubernetes_version, i.distribution, i.node_count, i.ready_node_count, i.core_count, i.memory_bytes, i.allocatable_milli_cpu, i.allocatable_memory_bytes,
            i.node_images, i.add_ons, i.agent_version, i.agent_certificate_expires_at, i.error, i.inventory_at, r.status, now()
        from cluster_inventories i join resources r on r.key = i.cluster_key
        where i.show_at <= now() and r.state in ('Succeeded', 'Failed', 'Canceled') order by i.show_at limit $1 for update of i, r skip locked
        """;

    /// <summary>One cluster's inventory in the same columns. $1 cluster.</summary>
    public const string Find = """
        select i.cluster_key, i.last_seen, i.kubernetes_version, i.distribution, i.node_count, i.ready_node_count, i.core_count, i.memory_bytes, i.allocatable_milli_cpu, i.allocatable_memory_bytes,
            i.node_images, i.add_ons, i.agent_version, i.agent_certificate_expires_at, i.error, i.inventory_at, r.status, now()
        from cluster_inventories i join resources r on r.key = i.cluster_key where i.cluster_key = $1
        """;

    /// <summary>What readers now see, by column: cluster, connectivity, when that may change, status of the resource (null: as it is).</summary>
    public const string Show = """
        with shown as (
            update cluster_inventories i set connectivity = a.connectivity, show_at = a.until
            from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[]) as a (cluster_key, connectivity, until, status)
            where i.cluster_key = a.cluster_key returning i.cluster_key, a.status)
        update resources r set status = s.status::jsonb, version = version + 1 from shown s where r.key = s.cluster_key and s.status is not null
        """;

    /// <summary>
    /// The members that clusters are, by column: cluster, properties, why it is unreachable (null: it is not). Where that changes anything, the placements of the fleet that it can concern are scheduled
    /// anew: those that choose by properties, or choose some. The answer is the members that are back, and how many placements are to be scheduled.
    /// </summary>
    public const string Follow = """
        with before as (
            select m.id, m.fleet_key, m.unreachable as was, a.unreachable, a.properties::jsonb as properties
            from unnest($1::text[], $2::text[], $3::text[]) as a (cluster_key, properties, unreachable) join fleet_members m on m.cluster_key = a.cluster_key
            where m.properties is distinct from a.properties::jsonb or m.unreachable is distinct from a.unreachable
            order by m.id for no key update of m),
        changed as (update fleet_members m set properties = b.properties, unreachable = b.unreachable from before b where m.id = b.id),
        concerned as (
            select p.id from placements p join resources r on r.key = p.resource_key
            where p.fleet_key in (select fleet_key from before)
                and (r.properties->'policy'->>'placementType' = 'PickN' or jsonb_path_exists(r.properties, '$.policy.affinity.**.propertySelector') or jsonb_path_exists(r.properties, '$.policy.affinity.**.propertySorter'))
            order by p.id for no key update of p),
        scheduled as (update placements p set schedule_due = true from concerned c where p.id = c.id returning p.id)
        select coalesce((select array_agg(id) from before where was is not null and unreachable is null), '{}'), (select count(*) from scheduled)::int
        """;

    /// <summary>$1 members that are back: what was to be brought to them is brought at once. A binding that somebody looks at right now is left to that.</summary>
    public const string Resume = """
        with back as (
            select placement_id, member_id from placement_bindings
            where member_id = any ($1) and (due_at > now() or (due_at is null and health <> 2)) and (desired_revision > 0 or is_unscheduled) for update skip locked)
        update placement_bindings b set due_at = now(), attempts = 0 from back where b.placement_id = back.placement_id and b.member_id = back.member_id
        """;

    /// <summary>What readers see of those members. $1 clusters, $2 their connectivity. One that somebody is changing is left to that operation.</summary>
    public const string ShowMembers = """
        with behind as (
            select r.key, a.connectivity from unnest($1::text[], $2::text[]) as a (cluster_key, connectivity) join fleet_members m on m.cluster_key = a.cluster_key join resources r on r.key = m.resource_key
            where r.state in ('Succeeded', 'Failed', 'Canceled') and r.status->>'connectivityStatus' is distinct from a.connectivity
            order by r.key for update of r skip locked)
        update resources r set status = r.status || jsonb_build_object('connectivityStatus', b.connectivity), version = version + 1 from behind b where r.key = b.key
        """;
}
