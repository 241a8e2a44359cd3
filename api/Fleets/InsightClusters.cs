using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>The clusters of a fleet one by one, with what each is exposed to.</summary>
internal static class InsightClusters
{
    private const string Page = $$"""
        with {{FleetScorecards.Hits}}
        select m.name, r.id, c.id, c.location, coalesce(c.status->>'connectivityStatus', 'Connecting'), i.kubernetes_version, coalesce(i.node_count, 0), coalesce(i.node_images, '{}')::text, coalesce(i.add_ons, '{}')::text, m.labels::text,
            coalesce((select case bool_and(s.is_compliant) when true then 'Compliant' when false then 'NonCompliant' end from policy_states s where s.subscription = c.subscription and s.resource_key = m.cluster_key and s.effect <> 'disabled'), 'NotJudged'),
            array(select distinct h.cve from hits h where jsonb_exists(i.node_images, h.image) or i.add_ons->>h.add_on = h.version order by 1), m.policy_taints::text, m.cordoned_at
        from fleet_members m join resources r on r.key = m.resource_key join resources c on c.key = m.cluster_key left join cluster_inventories i on i.cluster_key = m.cluster_key
        where m.fleet_key = $1
        """;

    public static async Task<IReadOnlyList<InsightCluster>> ReadAsync(NpgsqlDataSource source, ResourceRow fleet, FleetSelection selection, string after, int limit, CancellationToken cancel)
    {
        await using var command = FleetScorecards.Command(source, fleet.Key, await Exposure.ReadAsync(source, fleet.ResourceId, cancel));
        var where = selection.Where(command);
        command.Parameters.Add(Sql.Parameter(after));
        command.Parameters.Add(Sql.Parameter(limit));
        command.CommandText = $"{Page}{where} and m.name > ${command.Parameters.Count - 1} order by m.name limit ${command.Parameters.Count}";
        await using var row = await command.ExecuteReaderAsync(cancel);
        var clusters = new List<InsightCluster>();
        while (await row.ReadAsync(cancel))
        {
            clusters.Add(new($"{fleet.Id}/insights/clusters/{row.GetString(0)}", row.GetString(0), "Microsoft.ContainerService/fleets/insights/clusters", new()
            {
                MemberId = row.GetString(1),
                ClusterId = row.GetString(2),
                Region = row.IsDBNull(3) ? null : row.GetString(3),
                ConnectivityStatus = row.GetString(4),
                KubernetesVersion = row.IsDBNull(5) ? null : row.GetString(5),
                NodeCount = row.GetInt32(6),
                NodeImages = Json.Read<Dictionary<string, int>>(row.GetString(7)),
                AddOns = Json.Read<Dictionary<string, string>>(row.GetString(8)),
                Labels = Json.Read<Dictionary<string, string>>(row.GetString(9)),
                ComplianceState = row.GetString(10),
                Cves = row.GetFieldValue<string[]>(11),
                PolicyTaints = Json.Read<List<PolicyTaint>>(row.GetString(12)),
                CordonedAt = row.IsDBNull(13) ? null : row.GetFieldValue<DateTimeOffset>(13),
            }));
        }

        return clusters;
    }
}
