using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Admission.Fleets;

/// <summary>What a remediation does, to which members.</summary>
internal sealed record Remedy(RemediationTarget Target, IReadOnlyList<string> Members)
{
    /// <summary>The members that are meant, and the target as it was said or as the catalogue has it; the reason why there is none otherwise.</summary>
    public static async Task<(Remedy? Remedy, ErrorBody? Fault)> FindAsync(NpgsqlDataSource source, ResourceId fleet, RemediateParameters parameters, CancellationToken cancel)
    {
        var all = parameters.Cve is { Length: > 0 } ? await Exposure.ReadAsync(source, fleet, cancel) : [];
        var hits = all.Where(hit => hit.Cve.Equals(parameters.Cve, StringComparison.OrdinalIgnoreCase)).ToList();
        if ((parameters.Target ?? Fixed(hits)) is not { } target)
            return (null, new("RemediationTargetUnknown", hits.Count == 0 ? $"Nothing that the fleet runs carries {parameters.Cve}." : $"The catalogue does not say the one thing in which {parameters.Cve} is fixed; give 'target'.", "target"));
        // A new node image remedies what images carry, and an add-on what that add-on carries.
        hits = [.. hits.Where(hit => target.NodeImage is { Length: > 0 } ? hit.Component.NodeImage is not null : target.AddOn!.Equals(hit.Component.AddOn, StringComparison.OrdinalIgnoreCase))];
        var selection = FleetSelection.Parse(parameters.Filter);
        var members = await MembersAsync(source, fleet, hits, parameters.Cve is { Length: > 0 } cve ? selection.ExposedTo(cve) : selection, cancel);
        return members.Count == 0 ? (null, new("NothingToRemediate", "No cluster of the fleet is meant: GET insights/clusters with the same filter shows which there are.")) : (new(target, members), null);
    }

    /// <summary>What everything that is hit is fixed in, when it is one thing. Pure.</summary>
    public static RemediationTarget? Fixed(IReadOnlyList<Hit> hits)
    {
        var targets = hits.Where(hit => hit.FixedIn is not null)
            .Select(hit => hit.Component.AddOn is { } addOn ? new RemediationTarget { AddOn = addOn, Version = hit.FixedIn } : new RemediationTarget { NodeImage = hit.FixedIn }).Distinct().ToList();
        return targets is [var one] ? one : null;
    }

    private static async Task<IReadOnlyList<string>> MembersAsync(NpgsqlDataSource source, ResourceId fleet, IReadOnlyList<Hit> hits, FleetSelection selection, CancellationToken cancel)
    {
        await using var command = FleetScorecards.Command(source, fleet.Key, hits);
        command.CommandText = $"with {FleetScorecards.Hits} select m.name from {FleetScorecards.Members}{selection.Where(command)} and not m.is_leaving order by m.name";
        await using var row = await command.ExecuteReaderAsync(cancel);
        var members = new List<string>();
        while (await row.ReadAsync(cancel))
            members.Add(row.GetString(0));
        return members;
    }
}
