using System.Collections.Concurrent;
using System.Net.Sockets;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Clusters;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// The API servers of members, by the key of their cluster. Connections stay open, for a TLS handshake costs more than a hundred writes; but each takes about 80 KB, most of it OpenSSL's, so
/// that only so many clusters keep theirs. Clusters with the same authority share a handler.
/// </summary>
internal sealed class MemberConnections(NpgsqlDataSource source, SecretBox secrets, IOptions<BindingOptions> options, TimeProvider clock) : IDisposable
{
    /// <summary>Longer than the time between two looks at a cluster, so that of two connections to it the one that was only needed for a moment is closed.</summary>
    private static readonly TimeSpan Warm = TimeSpan.FromSeconds(90);

    /// <summary>Longer than a look pauses between two requests.</summary>
    private static readonly TimeSpan Passing = TimeSpan.FromSeconds(1);

    /// <summary>A cluster that nobody has asked for that long is gone, or others look at it.</summary>
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<string, Known> known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<((string?, string?) Identity, bool IsWarm), HttpClient> clients = new();
    private int warm;
    private long swept = clock.GetTimestamp();

    /// <summary>The connection of each cluster; one whose resource has changed since is made anew, and one without credentials is left out.</summary>
    public async Task<IReadOnlyDictionary<string, MemberApi>> FindAsync(IReadOnlyCollection<(string ClusterKey, long Version)> clusters, CancellationToken stop)
    {
        var stale = clusters.Where(cluster => !known.TryGetValue(cluster.ClusterKey, out var one) || one.Version != cluster.Version).Select(cluster => cluster.ClusterKey).Distinct(StringComparer.Ordinal).ToArray();
        if (stale.Length > 0)
        {
            var given = await SecretsAsync(stale, stop);
            foreach (var row in await source.FindResourcesAsync(stale, stop))
            {
                var before = known.GetValueOrDefault(row.Key);
                if (ClusterAddress.Of(row.Read<ConnectedCluster>(), given.GetValueOrDefault((row.Key, ClusterAddress.TokenPath)), given.GetValueOrDefault((row.Key, ClusterAddress.KubeconfigPath))) is { } address)
                    known[row.Key] = Open(row.Version, address, before?.IsWarm ?? MayBeWarm());
                else if (known.TryRemove(row.Key, out var lost))
                    Cool(lost);
            }
        }

        var found = new Dictionary<string, MemberApi>(StringComparer.Ordinal);
        foreach (var (key, _) in clusters)
        {
            if (known.TryGetValue(key, out var one))
            {
                one.UsedAt = clock.GetTimestamp();
                found[key] = one.Api;
            }
        }

        Forget();
        return found;
    }

    public void Dispose()
    {
        foreach (var client in clients.Values)
            client.Dispose();
    }

    /// <summary>Clusters that are gone make room for others.</summary>
    private void Forget()
    {
        var before = Interlocked.Read(ref swept);
        if (clock.GetElapsedTime(before) < Warm || Interlocked.CompareExchange(ref swept, clock.GetTimestamp(), before) != before)
            return;
        foreach (var one in known.Where(one => clock.GetElapsedTime(one.Value.UsedAt) > Forgotten))
        {
            if (known.TryRemove(one))
                Cool(one.Value);
        }
    }

    private bool MayBeWarm()
    {
        if (Interlocked.Increment(ref warm) <= options.Value.WarmConnections)
            return true;
        Interlocked.Decrement(ref warm);
        return false;
    }

    private void Cool(Known gone)
    {
        if (gone.IsWarm)
            Interlocked.Decrement(ref warm);
    }

    private Known Open(long version, ClusterAddress address, bool isWarm)
    {
        // What is kept of ten thousand clusters counts: the certificates of the address are not needed any more.
        var authorization = address.Authorization;
        return new(version, isWarm, new MemberApi(clients.GetOrAdd((address.Identity, isWarm), _ => Client(address, isWarm ? Warm : Passing)), address.ApiServer, () => authorization)) { UsedAt = clock.GetTimestamp() };
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

    private static HttpClient Client(ClusterAddress address, TimeSpan idle)
    {
        var handler = new SocketsHttpHandler
        {
            PooledConnectionIdleTimeout = idle, PooledConnectionLifetime = TimeSpan.FromHours(1), ConnectTimeout = TimeSpan.FromSeconds(15), AllowAutoRedirect = false, UseCookies = false, UseProxy = false,
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

    /// <summary>Not a record: it is told from others by itself, however much they are alike.</summary>
    private sealed class Known(long version, bool isWarm, MemberApi api)
    {
        public long Version { get; } = version;
        public bool IsWarm { get; } = isWarm;
        public MemberApi Api { get; } = api;

        /// <summary>A timestamp of the clock.</summary>
        public long UsedAt { get; set; }
    }
}
