using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>Node images that are known though no cluster runs them yet.</summary>
internal sealed class FleetOptions
{
    /// <summary>Such as AKSUbuntu-2204gen2containerd-202602.10.0.</summary>
    public IReadOnlyList<string> NodeImages { get; init; } = [];
}

internal static class FleetImages
{
    /// <summary>What the clusters of a fleet run.</summary>
    public static async Task<IReadOnlyList<string>> KnownAsync(NpgsqlConnection connection, string fleet, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select distinct i.node_images::text from cluster_inventories i join fleet_members m on m.cluster_key = i.cluster_key where m.fleet_key = $1", fleet);
        await using var row = await command.ExecuteReaderAsync(stop);
        var known = new List<string>();
        while (await row.ReadAsync(stop))
            known.AddRange(Json.Read<Dictionary<string, JsonElement>>(row.GetString(0)).Keys);
        return known;
    }
}
