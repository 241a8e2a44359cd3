using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;

namespace ControlPlane.Worker.Clusters;

/// <summary>
/// The API servers this worker talks to: one HttpClient each, and one look at a cluster's nodes for all machines that wait for theirs: a thousand machines joining cost
/// two lists a second, not a thousand.
/// </summary>
internal sealed class ClusterApis(TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan SnapshotAge = TimeSpan.FromMilliseconds(500);
    private readonly ConcurrentDictionary<(string Server, string? Ca), Connection> connections = new();

    /// <param name="patience">How long a step may go on trying while the API server does not answer.</param>
    /// <summary>The API server as one step may use it.</summary>
    public ClusterApi Connect<T, TStatus>(StepContext<T, TStatus> context, ConnectedCluster cluster, string token, TimeSpan patience = default)
        where T : class, Contracts.Arm.IResource<T, TStatus>
        where TStatus : class, new() =>
        new(ConnectionTo(cluster).Http, token, patience, new(context.Lease, context.IdempotencyKey));

    /// <summary>The nodes as they are now or were half a second ago.</summary>
    public async Task<ClusterSnapshot> SnapshotAsync(ConnectedCluster cluster, string token, TimeSpan patience, CancellationToken stop)
    {
        var connection = ConnectionTo(cluster);
        Task<ClusterSnapshot> look;
        lock (connection)
        {
            if (connection.Look is null || connection.Look.IsFaulted || connection.Look.IsCanceled || (connection.Look.IsCompleted && clock.GetElapsedTime(connection.LookedAt) > SnapshotAge))
            {
                connection.LookedAt = clock.GetTimestamp();
                // Shared by many: no single caller may cancel it; the HttpClient's own limit ends it.
                connection.Look = new ClusterApi(connection.Http, token, patience).SnapshotAsync((name, request) => connection.Requests.GetOrAdd(name, _ => ClusterApi.NodeOf(request)), CancellationToken.None);
            }

            look = connection.Look;
        }

        return await look.WaitAsync(stop);
    }

    /// <summary>The cluster that a resource names, with its token in clear.</summary>
    public static async Task<(ConnectedCluster Cluster, string Token)> FindAsync<T, TStatus>(StepContext<T, TStatus> context, string clusterId, CancellationToken stop)
        where T : class, Contracts.Arm.IResource<T, TStatus>
        where TStatus : class, new()
    {
        var row = await context.FindAsync(clusterId, stop) ?? throw new OperationFailedException("ClusterNotFound", $"The cluster '{clusterId}' does not exist any more.");
        var token = await context.SecretAsync("credentials.token", stop, row.Key) ?? throw new OperationFailedException("ClusterCredentialsMissing", $"The cluster '{clusterId}' has no token; PUT it again with credentials.token.");
        var cluster = row.Read<ConnectedCluster>();
        return cluster.ApiServer is null ? throw new OperationFailedException("ClusterNotReachable", $"The cluster '{clusterId}' is reached by an agent of its own (access Pull); machines join clusters with the access Push.") : (cluster, token);
    }

    public void Dispose()
    {
        foreach (var connection in connections.Values)
            connection.Http.Dispose();
    }

    private Connection ConnectionTo(ConnectedCluster cluster) => connections.GetOrAdd((cluster.ApiServer!.ToString(), cluster.CaCertificate), _ => new(Client(cluster)));

    private static HttpClient Client(ConnectedCluster cluster)
    {
        var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), ConnectTimeout = TimeSpan.FromSeconds(10), AllowAutoRedirect = false, MaxConnectionsPerServer = 32 };
        if (cluster.CaCertificate is { } pem)
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPem(pem);
            handler.SslOptions.CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }

        return new(handler) { BaseAddress = cluster.ApiServer, Timeout = TimeSpan.FromSeconds(30), MaxResponseContentBufferSize = 64 * 1024 * 1024 };
    }

    private sealed class Connection(HttpClient http)
    {
        public HttpClient Http { get; } = http;
        public ConcurrentDictionary<string, string?> Requests { get; } = new(StringComparer.Ordinal);
        public long LookedAt { get; set; }
        public Task<ClusterSnapshot>? Look { get; set; }
    }
}
