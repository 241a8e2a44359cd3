using ControlPlane.Contracts.Fleets;
using ControlPlane.Contracts.Metering;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Admission.Fleets;

/// <summary>The scorecards of a fleet, from its rows in one statement: one for each group.</summary>
internal static class FleetScorecards
{
    /// <summary>What the front door and the drill-down start from: $1 the fleet, $2 to $5 the hits.</summary>
    public const string Hits = "hits as (select * from unnest($2::text[], $3::text[], $4::text[], $5::text[]) h(cve, image, add_on, version))";

    public const string Members = "fleet_members m join resources c on c.key = m.cluster_key left join cluster_inventories i on i.cluster_key = m.cluster_key where m.fleet_key = $1";

    /// <summary>What the state of a binding <c>b</c> follows from, no finer than that: there may be millions of them.</summary>
    private const string Bindings = "b.is_unscheduled, b.health, least(b.desired_revision, 1) as desired_revision, (b.observed_generation >= b.generation)::int as observed_generation, 1 as generation, count(*) as bindings from";

    private const string AllBindings = $"select '' as grp, {Bindings} placement_bindings b where b.placement_id in (select id from placements where fleet_key = $1)";
    private const string ChosenBindings = $"select c.grp, {Bindings} chosen c join placement_bindings b on b.member_id = c.id";

    /// <summary>
    /// {0} is the filter, {1} the values that a member is grouped by, {2} a condition on images <c>e</c> where groups are images, {3} where the states of bindings are from. Clusters that are the same
    /// in all that is counted are counted first: ten thousand of them are of a few dozen kinds.
    /// </summary>
    private static readonly string Sections = $$"""
        with {{Hits}},
        members as (
            select m.id, m.cluster_key, m.labels, m.policy_taints <> '[]' as is_cordoned, coalesce(c.location, '') as region, coalesce(c.status->>'connectivityStatus', 'Connecting') as connectivity,
                i.kubernetes_version, coalesce(i.node_count, 0) as node_count, coalesce(i.core_count, 0) as core_count, coalesce(i.memory_bytes, 0) as memory_bytes, coalesce(i.node_images, '{}') as node_images, coalesce(i.add_ons, '{}') as add_ons
            from {{Members}} {0}),
        chosen as materialized (
            select m.id, m.cluster_key, m.is_cordoned, m.region, m.connectivity, m.kubernetes_version, m.node_count, m.core_count, m.memory_bytes, m.node_images, m.add_ons, coalesce(g.value, '') as grp
            from members m left join lateral ({1}) g(value) on true),
        kinds as materialized (
            select row_number() over () as kind, grp, region, connectivity, kubernetes_version, node_images, add_ons, count(*) as clusters, sum(node_count) as nodes, sum(core_count) as cores, sum(memory_bytes) as memory
            from chosen group by grp, region, connectivity, kubernetes_version, node_images, add_ons),
        images as materialized (select k.kind, k.grp, k.region, k.clusters, e.key as image, e.value::bigint * k.clusters as nodes from kinds k cross join lateral jsonb_each_text(k.node_images) e where {2}),
        add_ons as materialized (select k.kind, k.grp, k.region, k.clusters, k.nodes, e.key as name, e.value as version from kinds k cross join lateral jsonb_each_text(k.add_ons) e),
        exposed as materialized (
            select x.kind, x.grp, x.region, x.clusters, h.cve, x.image, x.nodes from images x join hits h on h.image = x.image
            union all select x.kind, x.grp, x.region, x.clusters, h.cve, null, x.nodes from add_ons x join hits h on h.add_on = x.name and h.version = x.version),
        judged as materialized (select s.resource_key, bool_and(s.is_compliant) as complies from policy_states s where s.effect <> 'disabled' and s.resource_key in (select cluster_key from chosen) group by s.resource_key)
        select 'connectivity', grp, connectivity, null, sum(clusters)::bigint, sum(nodes)::numeric from kinds group by grp, connectivity
        union all select 'size', grp, null, null, sum(cores)::bigint, sum(memory)::numeric from kinds group by grp
        union all select 'version', grp, kubernetes_version, null, sum(clusters)::bigint, sum(nodes)::numeric from kinds group by grp, kubernetes_version
        union all select 'image', grp, image, null, sum(clusters)::bigint, sum(nodes)::numeric from images group by grp, image
        union all select 'addOn', grp, name, version, sum(clusters)::bigint, 0 from add_ons group by grp, name, version
        union all select 'placement', b.grp, {{BindingSql.State}}, null, sum(b.bindings)::bigint, 0 from ({3} group by 1, 2, 3, 4, 5) b group by 2, 3
        union all select 'compliance', c.grp, case j.complies when true then 'Compliant' when false then 'NonCompliant' else 'NotJudged' end, null, count(*), (count(*) filter (where c.is_cordoned))::numeric
            from chosen c left join judged j on j.resource_key = c.cluster_key group by c.grp, j.complies
        union all select 'hours', c.grp, k.currency, null, 0, sum(k.node_hours) from chosen c join cluster_costs k on k.cluster_key = c.cluster_key group by c.grp, k.currency
        union all select 'cost', c.grp, k.currency, null, 0, sum(k.cost) from chosen c join cluster_costs k on k.cluster_key = c.cluster_key group by c.grp, k.currency
        union all select 'exposed', grp, null, null, sum(clusters)::bigint, 0 from (select distinct kind, grp, clusters from exposed) e group by grp
        union all select 'cve', grp, cve, null, sum(clusters)::bigint, sum(nodes)::numeric from (select kind, grp, cve, clusters, sum(nodes) as nodes from exposed group by kind, grp, cve, clusters) e group by grp, cve
        union all select 'cveImage', grp, cve, image, sum(clusters)::bigint, 0 from (select distinct kind, grp, cve, image, clusters from exposed where image is not null) e group by grp, cve, image
        union all select 'cveRegion', grp, cve, region, sum(clusters)::bigint, 0 from (select distinct kind, grp, cve, region, clusters from exposed) e group by grp, cve, region
        """;

    /// <summary>By the value of what they are grouped by, the largest group first; a cluster without a value, and everything together, is the group with the empty name.</summary>
    public static async Task<IReadOnlyList<(string Group, FleetScorecard Card)>> ReadAsync(NpgsqlDataSource source, string fleet, IReadOnlyList<Hit> hits, FleetSelection selection, string? groupBy, CancellationToken cancel)
    {
        await using var command = Command(source, fleet, hits);
        var (where, groups) = (selection.Where(command), FleetSelection.Groups(command, groupBy));
        command.CommandText = Sections.Replace("{0}", where, StringComparison.Ordinal).Replace("{1}", groups, StringComparison.Ordinal).Replace("{2}", FleetSelection.IsByImage(groupBy) ? "e.key = k.grp" : "true", StringComparison.Ordinal)
            .Replace("{3}", where.Length == 0 && groupBy is null ? AllBindings : ChosenBindings, StringComparison.Ordinal);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var rows = new List<Line>();
        while (await row.ReadAsync(cancel))
            rows.Add(new(row.GetString(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetString(2), row.IsDBNull(3) ? "" : row.GetString(3), row.GetInt64(4), row.IsDBNull(5) ? 0 : row.GetDecimal(5)));
        var severities = hits.GroupBy(hit => hit.Cve, StringComparer.Ordinal).ToDictionary(same => same.Key, same => same.Max(hit => hit.Severity), StringComparer.Ordinal);
        return [.. rows.GroupBy(one => one.Group, StringComparer.Ordinal).Select(group => (group.Key, Card([.. group], severities))).OrderByDescending(group => group.Item2.Clusters.Total).ThenBy(group => group.Key, StringComparer.Ordinal)];
    }

    /// <summary>The scorecard of no cluster.</summary>
    public static FleetScorecard Nothing { get; } = Card([], new(StringComparer.Ordinal));

    /// <summary>A command with the first five parameters.</summary>
    public static NpgsqlCommand Command(NpgsqlDataSource source, string fleet, IReadOnlyList<Hit> hits) =>
        Sql.Command(source, "", fleet, hits.Select(hit => hit.Cve).ToArray(), hits.Select(hit => hit.Component.NodeImage).ToArray(), hits.Select(hit => hit.Component.AddOn).ToArray(), hits.Select(hit => hit.Component.Version).ToArray());

    private static FleetScorecard Card(IReadOnlyList<Line> lines, Dictionary<string, VulnerabilitySeverity> severities)
    {
        var sections = lines.OrderByDescending(line => line.Clusters).ThenByDescending(line => line.Amount).ThenBy(line => line.Key, StringComparer.Ordinal).ThenBy(line => line.Other, StringComparer.Ordinal).ToLookup(line => line.Section, StringComparer.Ordinal);
        int Count(string section, string key) => (int)sections[section].Where(line => line.Key == key).Sum(line => line.Clusters);
        return new()
        {
            Clusters = new()
            {
                Total = (int)sections["connectivity"].Sum(line => line.Clusters),
                Connected = Count("connectivity", "Connected"), Connecting = Count("connectivity", "Connecting"), Offline = Count("connectivity", "Offline"), Expired = Count("connectivity", "Expired"),
                Nodes = (long)sections["connectivity"].Sum(line => line.Amount), Cores = sections["size"].Sum(line => line.Clusters), MemoryBytes = (long)sections["size"].Sum(line => line.Amount),
            },
            KubernetesVersions = [.. sections["version"].Select(line => new VersionCount(line.Key, (int)line.Clusters, (long)line.Amount))],
            NodeImages = [.. sections["image"].Select(line => new NodeImageCount(line.Key!, (int)line.Clusters, (long)line.Amount))],
            AddOns = [.. sections["addOn"].OrderBy(line => line.Key, StringComparer.Ordinal).Select(line => new AddOnCount(line.Key!, line.Other, (int)line.Clusters))],
            Placements = new()
            {
                Available = Count("placement", "Available"), Progressing = Count("placement", "Progressing"), Failed = Count("placement", "Failed"), Offline = Count("placement", "Offline"),
                Pending = Count("placement", "Pending"), Removing = Count("placement", "Removing"),
            },
            Cost = [.. Costs(sections)],
            Compliance = new()
            {
                Compliant = Count("compliance", "Compliant"), NonCompliant = Count("compliance", "NonCompliant"), NotJudged = Count("compliance", "NotJudged"), Cordoned = (int)sections["compliance"].Sum(line => line.Amount),
            },
            ExposedClusters = (int)sections["exposed"].Sum(line => line.Clusters),
            Vulnerabilities =
            [
                .. sections["cve"].OrderByDescending(line => severities[line.Key!]).Select(line => new ExposureCount(line.Key!, severities[line.Key!], (int)line.Clusters, (long)line.Amount, Values("cveImage", line.Key), Values("cveRegion", line.Key))),
            ],
        };

        IReadOnlyList<ValueCount> Values(string section, string? cve) => [.. sections[section].Where(line => line.Key == cve).Select(line => new ValueCount(line.Other, (int)line.Clusters))];
    }

    /// <summary>Node hours in each currency and those without a price; and the fleet itself, which is free of charge however many clusters it has.</summary>
    private static IEnumerable<CostLine> Costs(ILookup<string, Line> sections)
    {
        var node = Meter.Find(Meter.ClusterNode)!;
        foreach (var hours in sections["hours"].OrderBy(line => line.Key, StringComparer.Ordinal))
        {
            yield return hours.Key is { Length: > 0 } currency
                ? new(node.Name, node.Product, hours.Amount, node.UnitOfMeasure, currency, sections["cost"].First(line => line.Key == currency).Amount, Note: null)
                : new(node.Name, node.Product, hours.Amount, node.UnitOfMeasure, Currency: null, Cost: null, "No price sheet has a price for these node hours.");
        }

        yield return new("fleet-clusters", "Fleet", Quantity: 0, "1 Month", Currency: null, Cost: 0, "There is no fee for a fleet, and none per cluster.");
    }

    private sealed record Line(string Section, string Group, string? Key, string Other, long Clusters, decimal Amount);
}
