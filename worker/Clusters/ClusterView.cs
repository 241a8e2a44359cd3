using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Clusters;
using Npgsql;

namespace ControlPlane.Worker.Clusters;

/// <summary>A cluster's inventory, and what readers see of it now.</summary>
internal sealed record ClusterView
{
    public required string Key { get; init; }
    public required ClusterInventoryRow Row { get; init; }

    /// <summary>The status that its resource has.</summary>
    public required string Shown { get; init; }

    public required DateTimeOffset Now { get; init; }

    public Connectivity Connectivity(TimeSpan offlineAfter) => Contracts.Clusters.Connectivity.Of(Row.LastSeen, Row.AgentCertificateExpiresAt, Now, offlineAfter);

    /// <summary>What the resource should show. Pure. The time of the last sign of life moves only with something else, or once it is old: a heartbeat is no change.</summary>
    public ConnectedClusterStatus Status(TimeSpan offlineAfter)
    {
        var before = Json.Read<ConnectedClusterStatus>(Shown);
        var status = new ConnectedClusterStatus
        {
            KubernetesVersion = Row.KubernetesVersion,
            TotalNodeCount = Row.InventoryAt is null ? null : Row.NodeCount,
            TotalCoreCount = Row.InventoryAt is null ? null : Row.CoreCount,
            AgentVersion = Row.AgentVersion,
            ConnectivityStatus = Connectivity(offlineAfter).Status,
            LastConnectivityTime = before.LastConnectivityTime,
            ManagedIdentityCertificateExpirationTime = Row.AgentCertificateExpiresAt,
            ConnectivityMessage = Row.Error,
            Inventory = Row.InventoryAt is null ? null : new()
            {
                Distribution = Row.Distribution, ReadyNodeCount = Row.ReadyNodeCount, MemoryBytes = Row.MemoryBytes,
                NodeImages = Json.Read<Dictionary<string, int>>(Row.NodeImages), AddOns = Json.Read<Dictionary<string, string>>(Row.AddOns),
            },
        };
        var isOld = Row.LastSeen is { } seen && (before.LastConnectivityTime is not { } shown || seen - shown >= offlineAfter);
        return isOld || !Same(status, before) ? status with { LastConnectivityTime = Row.LastSeen } : status;
    }

    /// <summary>The status to be written; null where it is as it should be.</summary>
    public ConnectedClusterStatus? Change(TimeSpan offlineAfter) => Status(offlineAfter) is var status && Same(status, Json.Read<ConnectedClusterStatus>(Shown)) ? null : status;

    public static async Task<ClusterView?> FindAsync(NpgsqlConnection connection, string key, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, InventorySql.Find, key);
        await using var row = await command.ExecuteReaderAsync(stop);
        return await row.ReadAsync(stop) ? Read(row) : null;
    }

    public static async Task<IReadOnlyList<ClusterView>> DueAsync(NpgsqlConnection connection, int most, CancellationToken stop)
    {
        var due = new List<ClusterView>();
        await using var command = Sql.Command(connection, InventorySql.Due, most);
        await using var row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
            due.Add(Read(row));
        return due;
    }

    private static ClusterView Read(NpgsqlDataReader row) => new()
    {
        Key = row.GetString(0),
        Row = new()
        {
            ClusterKey = row.GetString(0),
            LastSeen = Time(row, 1),
            KubernetesVersion = Text(row, 2),
            Distribution = Text(row, 3),
            NodeCount = row.GetInt32(4),
            ReadyNodeCount = row.GetInt32(5),
            CoreCount = row.GetInt32(6),
            MemoryBytes = row.GetInt64(7),
            AllocatableMilliCpu = row.GetInt64(8),
            AllocatableMemoryBytes = row.GetInt64(9),
            NodeImages = row.GetString(10),
            AddOns = row.GetString(11),
            AgentVersion = Text(row, 12),
            AgentCertificateExpiresAt = Time(row, 13),
            Error = Text(row, 14),
            InventoryAt = Time(row, 15),
        },
        Shown = row.GetString(16),
        Now = row.GetFieldValue<DateTimeOffset>(17),
    };

    /// <summary>Whatever the order of their members, which PostgreSQL has its own of.</summary>
    private static bool Same(ConnectedClusterStatus one, ConnectedClusterStatus other) => JsonElement.DeepEquals(Json.Element(one), Json.Element(other));

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
