using System.Collections.Concurrent;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;

namespace ControlPlane.Worker.Clusters;

/// <summary>
/// The API servers this worker talks to: one look at a cluster's nodes for all machines that wait for theirs: a thousand machines joining cost
/// two lists a second, not a thousand.
/// </summary>
internal sealed class ClusterApis(TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan SnapshotAge = TimeSpan.FromMilliseconds(500);
    private readonly ConcurrentDictionary<(string Server, (string?, string?) Identity), Connection> connections = new();

    /// <summary>Clusters with the same authority share one: a handler with its trust and its pools costs more than all else that is kept of a cluster.</summary>
    private readonly ConcurrentDictionary<(string?, string?), SocketsHttpHandler> handlers = new();

    /// <summary>The API server as one step may use it.</summary>
    /// <param name="patience">How long a step may go on trying while the API server does not answer.</param>
    public ClusterApi Connect<T, TStatus>(StepContext<T, TStatus> context, ClusterAddress cluster, TimeSpan patience = default)
        where T : class, Contracts.Arm.IResource<T, TStatus>
        where TStatus : class, new() =>
        new(ConnectionTo(cluster).Http, cluster.Authorization, patience, new(context.Lease, context.IdempotencyKey));

    /// <summary>The nodes as they are now or were half a second ago.</summary>
    public async Task<ClusterSnapshot> SnapshotAsync(ClusterAddress cluster, TimeSpan patience, CancellationToken stop)
    {
        var connection = ConnectionTo(cluster);
        Task<ClusterSnapshot> look;
        lock (connection)
        {
            if (connection.Look is null || connection.Look.IsFaulted || connection.Look.IsCanceled || (connection.Look.IsCompleted && clock.GetElapsedTime(connection.LookedAt) > SnapshotAge))
            {
                connection.LookedAt = clock.GetTimestamp();
                // Shared by many: no single caller may cancel it; the HttpClient's own limit ends it.
                connection.Look = new ClusterApi(connection.Http, cluster.Authorization, patience).SnapshotAsync((name, request) => connection.Requests.GetOrAdd(name, _ => ClusterApi.NodeOf(request)), CancellationToken.None);
            }

            look = connection.Look;
        }

        return await look.WaitAsync(stop);
    }

    /// <summary>The cluster that a resource names, with its credentials in clear.</summary>
    public static async Task<ClusterAddress> FindAsync<T, TStatus>(StepContext<T, TStatus> context, string clusterId, CancellationToken stop)
        where T : class, Contracts.Arm.IResource<T, TStatus>
        where TStatus : class, new()
    {
        var row = await context.FindAsync(clusterId, stop) ?? throw new OperationFailedException("ClusterNotFound", $"The cluster '{clusterId}' does not exist any more.");
        var cluster = row.Read<ConnectedCluster>();
        if (cluster.Access is ClusterAccess.Pull)
            throw new OperationFailedException("ClusterNotReachable", $"The cluster '{clusterId}' is reached by an agent of its own (access Pull); machines join clusters with the access Push.");
        return ClusterAddress.Of(cluster, await context.SecretAsync(ClusterAddress.TokenPath, stop, row.Key), await context.SecretAsync(ClusterAddress.KubeconfigPath, stop, row.Key))
            ?? throw new OperationFailedException("ClusterCredentialsMissing", $"The cluster '{clusterId}' has no credentials; PUT it again with credentials.token or credentials.kubeconfig.");
    }

    public void Dispose()
    {
        foreach (var connection in connections.Values)
            connection.Http.Dispose();
        foreach (var handler in handlers.Values)
            handler.Dispose();
    }

    private Connection ConnectionTo(ClusterAddress cluster) => connections.GetOrAdd((cluster.ApiServer.ToString(), cluster.Identity), _ => new(Client(cluster)));

    private HttpClient Client(ClusterAddress cluster) =>
        new(handlers.GetOrAdd(cluster.Identity, _ => Handler(cluster)), disposeHandler: false) { BaseAddress = cluster.ApiServer, Timeout = TimeSpan.FromSeconds(30), MaxResponseContentBufferSize = 64 * 1024 * 1024 };

    private static SocketsHttpHandler Handler(ClusterAddress cluster)
    {
        var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), ConnectTimeout = TimeSpan.FromSeconds(10), AllowAutoRedirect = false, MaxConnectionsPerServer = 32 };
        cluster.Secure(handler.SslOptions);
        return handler;
    }

    private sealed class Connection(HttpClient http)
    {
        public HttpClient Http { get; } = http;
        public ConcurrentDictionary<string, string?> Requests { get; } = new(StringComparer.Ordinal);
        public long LookedAt { get; set; }
        public Task<ClusterSnapshot>? Look { get; set; }
    }
}
