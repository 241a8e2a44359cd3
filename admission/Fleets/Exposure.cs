using System.Text.Json;
using ControlPlane.Admission.Policy;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Admission.Fleets;

/// <summary>What clusters run, each thing once however many run it: a node image, or an add-on with its version.</summary>
internal sealed record RunningComponent(string? NodeImage, string? AddOn, string? Version);

/// <summary>A vulnerability as the catalogue has it.</summary>
internal sealed record KnownVulnerability(string Cve, VulnerabilitySeverity Severity, IReadOnlyList<AffectedComponent> Affects);

/// <summary>A component that carries a vulnerability, and what to run instead.</summary>
internal sealed record Hit(string Cve, VulnerabilitySeverity Severity, RunningComponent Component, string? FixedIn);

/// <summary>
/// Which of the things that a fleet's clusters run carry which vulnerability. A fleet of ten thousand clusters runs a few dozen different things: those are matched, and the clusters that run them
/// are found by equality.
/// </summary>
internal static class Exposure
{
    private const string Catalogue = """
        select name, coalesce(properties->>'severity', 'Unknown'), properties->'affects' from resources where type = $1 and state <> 'Deleting'
        union all
        select cve, 'Unknown', jsonb_agg(jsonb_build_object('nodeImage', image)) from (
            select image, cve from resources cross join lateral unnest(array[name, id]) image
                cross join lateral jsonb_array_elements_text(case jsonb_typeof(properties->'knownCves') when 'array' then properties->'knownCves' else '[]' end) cve
            where type = 'ControlPlane.BareMetal/osImages' and subscription = $2 and state <> 'Deleting') own
        group by cve
        """;

    private const string Running = """
        select distinct e.key, null, null from fleet_members m join cluster_inventories i on i.cluster_key = m.cluster_key cross join lateral jsonb_object_keys(i.node_images) e(key) where m.fleet_key = $1
        union all
        select distinct null, e.key, e.value from fleet_members m join cluster_inventories i on i.cluster_key = m.cluster_key cross join lateral jsonb_each_text(i.add_ons) e where m.fleet_key = $1
        """;

    /// <summary>Every hit in a fleet, in the order of the CVEs.</summary>
    public static async Task<IReadOnlyList<Hit>> ReadAsync(NpgsqlDataSource source, ResourceId fleet, CancellationToken cancel)
    {
        var known = await CatalogueAsync(source, fleet.Subscription.ToLowerInvariant(), cancel);
        return known.Count == 0 ? [] : Match(known, await RunningAsync(source, fleet.Key, cancel));
    }

    /// <summary>Pure. A component that is affected twice by the same CVE is one hit.</summary>
    public static IReadOnlyList<Hit> Match(IEnumerable<KnownVulnerability> known, IReadOnlyList<RunningComponent> running) =>
    [
        .. known.SelectMany(one => one.Affects.SelectMany(affected => Matching(affected, running).Select(component => new Hit(one.Cve.ToUpperInvariant(), one.Severity, component, affected.FixedIn))))
            .GroupBy(hit => (hit.Cve, hit.Component)).Select(same => same.OrderByDescending(hit => hit.Severity).ThenBy(hit => hit.FixedIn is null).First())
            .OrderBy(hit => hit.Cve, StringComparer.Ordinal),
    ];

    private static IEnumerable<RunningComponent> Matching(AffectedComponent affected, IReadOnlyList<RunningComponent> running)
    {
        var range = affected.Versions is { } versions ? VersionRange.TryParse(versions) : null;
        return running.Where(component => affected.AddOn is { } addOn
            ? component.AddOn?.Equals(addOn, StringComparison.OrdinalIgnoreCase) is true && (range?.Contains(component.Version) ?? true)
            : component.NodeImage is { } image && PolicyComparison.Like(image, affected.NodeImage) && (range?.Contains(VersionOf(image)) ?? true));
    }

    private static string VersionOf(string image) => image[(image.LastIndexOf('-') + 1)..];

    private static async Task<List<KnownVulnerability>> CatalogueAsync(NpgsqlDataSource source, string subscription, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, Catalogue, Vulnerability.Type.ToString(), subscription);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var known = new List<KnownVulnerability>();
        while (await row.ReadAsync(cancel))
            known.Add(new(row.GetString(0), Enum.Parse<VulnerabilitySeverity>(row.GetString(1)), JsonSerializer.Deserialize<List<AffectedComponent>>(row.GetString(2), Json.Options) ?? []));
        return known;
    }

    private static async Task<List<RunningComponent>> RunningAsync(NpgsqlDataSource source, string fleet, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, Running, fleet);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var running = new List<RunningComponent>();
        string? Text(int column) => row.IsDBNull(column) ? null : row.GetString(column);
        while (await row.ReadAsync(cancel))
            running.Add(new(Text(0), Text(1), Text(2)));
        return running;
    }
}
