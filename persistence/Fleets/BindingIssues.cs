using ControlPlane.Contracts.Fleets;
using Npgsql;

namespace ControlPlane.Persistence.Fleets;

/// <summary>A binding that was compared, and all in which it differs.</summary>
/// <param name="Claim">Under which it was looked at; null for the agent of a cluster, which has nobody beside it.</param>
public sealed record ComparedBinding(int PlacementId, int MemberId, long? Claim, long Generation, IReadOnlyList<ObjectDifference> Differences);

public static class BindingIssues
{
    /// <summary>What differs is kept, what differs no more is forgotten; nothing happens where nobody was compared.</summary>
    public static async Task StoreAsync(NpgsqlConnection connection, IReadOnlyList<ComparedBinding> compared, CancellationToken stop)
    {
        if (compared.Count == 0)
            return;
        var found = compared.SelectMany(one => one.Differences.Take(ObjectDifference.Most).Select(difference => (Binding: one, Difference: difference))).ToList();
        await using var command = Sql.Command(connection, BindingSql.Differ,
            compared.Select(one => one.PlacementId).ToArray(), compared.Select(one => one.MemberId).ToArray(), compared.Select(one => one.Claim).ToArray(), compared.Select(one => one.Generation).ToArray(),
            found.Select(one => one.Binding.PlacementId).ToArray(), found.Select(one => one.Binding.MemberId).ToArray(), found.Select(one => one.Difference.Kind.ToString()).ToArray(), found.Select(one => one.Difference.Object).ToArray(),
            found.Select(one => one.Difference.Path).ToArray(), found.Select(one => one.Difference.ValueInMember).ToArray(), found.Select(one => one.Difference.ValueInHub).ToArray());
        await command.ExecuteNonQueryAsync(stop);
    }
}
