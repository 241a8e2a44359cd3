using System.Collections.Concurrent;
using System.Net.Sockets;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Clusters;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// The API servers of members, by the key of their cluster. Connections stay open, for a TLS handshake costs more than a hundred writes; clusters with the same authority share a handler, which
/// keeps one connection to each.
/// </summary>
internal sealed class MemberConnections(NpgsqlDataSource source, SecretBox secrets) : IDisposable
{
    private readonly ConcurrentDictionary<string, (long Version, MemberApi Api)> known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string?, string?), HttpClient> clients = new();

    /// <summary>The connection of each cluster; one whose resource has changed since is made anew, and one without credentials is left out.</summary>
    public async Task<IReadOnlyDictionary<string, MemberApi>> FindAsync(IReadOnlyCollection<(string ClusterKey, long Version)> clusters, CancellationToken stop)
    {
        var stale = clusters.Where(cluster => !known.TryGetValue(cluster.ClusterKey, out var one) || one.Version != cluster.Version).Select(cluster => cluster.ClusterKey).Distinct(StringComparer.Ordinal).ToArray();
        if (stale.Length > 0)
        {
            var given = await SecretsAsync(stale, stop);
            foreach (var row in await source.FindResourcesAsync(stale, stop))
            {
                if (ClusterAddress.Of(row.Read<ConnectedCluster>(), given.GetValueOrDefault((row.Key, ClusterAddress.TokenPath)), given.GetValueOrDefault((row.Key, ClusterAddress.KubeconfigPath))) is { } address)
                    known[row.Key] = (row.Version, new(clients.GetOrAdd(address.Identity, _ => Client(address)), address.ApiServer, () => address.Authorization));
                else
                    known.TryRemove(row.Key, out _);
            }
        }

        return clusters.Select(cluster => cluster.ClusterKey).Distinct(StringComparer.Ordinal).Where(known.ContainsKey).ToDictionary(key => key, key => known[key].Api, StringComparer.Ordinal);
    }

    public void Dispose()
    {
        foreach (var client in clients.Values)
            client.Dispose();
    }

    private async Task<Dictionary<(string Key, string Path), string>> SecretsAsync(string[] keys, CancellationToken stop)
    {
        await using var command = Sql.Command(source, "select resource_key, path, ciphertext, wrapped_key, key_version from secrets where resource_key = any ($1) and path = any ($2)",
            keys, (string[])[ClusterAddress.TokenPath, ClusterAddress.KubeconfigPath]);
        await using var row = await command.ExecuteReaderAsync(stop);
        var found = new Dictionary<(string, string), string>();
        while (await row.ReadAsync(stop))
            found[(row.GetString(0), row.GetString(1))] = secrets.Open($"{row.GetString(0)}#{row.GetString(1)}", new(row.GetFieldValue<byte[]>(2), row.GetFieldValue<byte[]>(3), row.GetString(4)));
        return found;
    }

    private static HttpClient Client(ClusterAddress address)
    {
        var handler = new SocketsHttpHandler
        {
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(15), PooledConnectionLifetime = TimeSpan.FromHours(1), ConnectTimeout = TimeSpan.FromSeconds(15), AllowAutoRedirect = false, UseCookies = false, UseProxy = false,
            MaxConnectionsPerServer = 2, ConnectCallback = ConnectAsync,
        };
        address.Secure(handler.SslOptions);
        return new(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = 64 * 1024 * 1024 };
    }

    /// <summary>A host that swallows packets is given up sooner than one whose handshake waits for a busy processor.</summary>
    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(3));
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, patience.Token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (OperationCanceledException failure) when (!stop.IsCancellationRequested)
        {
            socket.Dispose();
            throw new HttpRequestException($"{context.DnsEndPoint.Host}:{context.DnsEndPoint.Port} does not accept the connection", failure);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
