using System.Text.RegularExpressions;
using ControlPlane.Admission.Arm;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Admission.Fleets;

/// <summary>
/// Which clusters of a fleet are meant, as a filter says it, and by what they are grouped. What somebody wrote reaches PostgreSQL as parameters and nothing else. A name that is not one of
/// <see cref="Names"/> is a label of the member; <c>labels/region</c> is the label whose name is taken.
/// </summary>
internal sealed partial class FleetSelection
{
    public const string Names = "region, kubernetesVersion, nodeImage, connectivity, compliance, cve, addOns/{name}, labels/{name} or a label's name";

    /// <summary>Every cluster.</summary>
    public static readonly FleetSelection All = new([]);

    private readonly IReadOnlyList<(string Name, bool IsNot, string Value)> terms;

    private FleetSelection(IReadOnlyList<(string, bool, string)> terms) => this.terms = terms;

    /// <summary>Terms <c>{name} eq|ne '{value}'</c>, joined by and.</summary>
    public static FleetSelection Parse(string? filter)
    {
        if (string.IsNullOrWhiteSpace(filter))
            return All;
        var read = new List<(string, bool, string)>();
        for (var at = 0; at < filter.Length;)
        {
            var term = Term().Match(filter, at);
            if (!term.Success || filter.Contains('\0', StringComparison.Ordinal))
                throw ArmErrors.InvalidFilter(filter.Replace('\0', '?'), $"at character {at + 1}: expected {{name}} eq|ne '{{value}}'; names are {Names}; terms are joined by and.");
            read.Add((term.Groups["name"].Value, term.Groups["not"].Success, term.Groups["value"].Value.Replace("''", "'", StringComparison.Ordinal)));
            at = term.Index + term.Length;
        }

        return new(read);
    }

    /// <summary>Only those of them that are also exposed to a CVE.</summary>
    public FleetSelection ExposedTo(string cve) => new([.. terms, ("cve", false, cve)]);

    /// <summary>The condition on a member <c>m</c>, its cluster <c>c</c> and inventory <c>i</c>, beginning with and; its values become parameters of the command.</summary>
    public string Where(NpgsqlCommand command) => string.Concat(terms.Select(term => $" and {(term.IsNot ? "not " : "")}coalesce({Condition(command, term.Name, term.Value)}, false)"));

    /// <summary>A query of the values by which a member <c>m</c> of the CTE is grouped: none for everything together.</summary>
    public static string Groups(NpgsqlCommand command, string? groupBy) => Canonical(groupBy ?? "") switch
    {
        "" => "select ''",
        "region" => "select m.region",
        "kubernetesVersion" => "select m.kubernetes_version",
        "nodeImage" => "select jsonb_object_keys(m.node_images)",
        "connectivity" => "select m.connectivity",
        "cve" or "compliance" => throw ArmErrors.InvalidQuery("groupBy", "must be region, kubernetesVersion, nodeImage, connectivity, addOns/{name}, labels/{name} or a label's name."),
        var name when AddOn(name) is { } addOn => $"select m.add_ons->>{Parameter(command, addOn)}",
        var name => $"select m.labels->>{Parameter(command, Label(name))}",
    };

    /// <summary>Whether the groups are node images, of which a cluster may have several.</summary>
    public static bool IsByImage(string? groupBy) => Canonical(groupBy ?? "") is "nodeImage";

    private static string Condition(NpgsqlCommand command, string name, string value) => Canonical(name) switch
    {
        "region" => $"c.location = {Parameter(command, Locations.Normalise(value))}",
        "kubernetesVersion" => $"i.kubernetes_version = {Parameter(command, value)}",
        "nodeImage" => $"jsonb_exists(i.node_images, {Parameter(command, value)})",
        "connectivity" => $"lower(coalesce(c.status->>'connectivityStatus', 'Connecting')) = lower({Parameter(command, value)})",
        "compliance" => $"""
            lower({Parameter(command, value)}) = coalesce((select case bool_and(s.is_compliant) when true then 'compliant' when false then 'noncompliant' end from policy_states s
                where s.subscription = c.subscription and s.resource_key = m.cluster_key and s.effect <> 'disabled'), 'notjudged')
            """,
        "cve" => $"exists (select from hits h where h.cve = upper({Parameter(command, value)}) and (jsonb_exists(i.node_images, h.image) or i.add_ons->>h.add_on = h.version))",
        var other when AddOn(other) is { } addOn => $"i.add_ons->>{Parameter(command, addOn)} = {Parameter(command, value)}",
        var other => $"m.labels->>{Parameter(command, Label(other))} = {Parameter(command, value)}",
    };

    private static string Canonical(string name) => name.ToLowerInvariant() switch
    {
        "region" or "location" => "region",
        "kubernetesversion" or "version" => "kubernetesVersion",
        "nodeimage" or "image" => "nodeImage",
        "connectivity" or "connectivitystatus" => "connectivity",
        "compliance" or "compliancestate" => "compliance",
        "cve" => "cve",
        _ => name,
    };

    private static string? AddOn(string name) => name.StartsWith("addOns/", StringComparison.OrdinalIgnoreCase) ? name["addOns/".Length..] : null;

    private static string Label(string name) => name.StartsWith("labels/", StringComparison.OrdinalIgnoreCase) ? name["labels/".Length..] : name;

    private static string Parameter(NpgsqlCommand command, string value)
    {
        command.Parameters.Add(Sql.Parameter(value));
        return $"${command.Parameters.Count}";
    }

    [GeneratedRegex(@"\G\s*(?<name>[\w./-]+)\s+(?:eq|(?<not>ne))\s+'(?<value>(?:[^']|'')*)'\s*(?:and\s+(?=\S)|$)", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();
}
