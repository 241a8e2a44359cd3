using ControlPlane.Contracts.Clusters;
using ControlPlane.Worker.Arm;

namespace ControlPlane.Worker.Clusters;

internal static class ClustersWorker
{
    public static IServiceCollection AddClusters(this IServiceCollection services) => services.AddSingleton<ClusterApis>();
}

[RunsOn("put")]
internal sealed class ConnectCluster(ClusterApis clusters) : Operation<ConnectedCluster, ConnectedClusterStatus>
{
    public override IReadOnlyList<Step<ConnectedCluster, ConnectedClusterStatus>> Steps => [Do(AskForVersionAsync)];

    private async Task AskForVersionAsync(StepContext<ConnectedCluster, ConnectedClusterStatus> context, CancellationToken stop)
    {
        // The agent says the rest, once it has registered.
        if (context.Wanted.Access is ClusterAccess.Pull)
        {
            context.Status = context.Status with { ConnectivityStatus = context.Status.LastConnectivityTime is null ? "Connecting" : context.Status.ConnectivityStatus };
            return;
        }

        var token = await context.SecretAsync("credentials.token", stop)
            ?? throw new OperationFailedException("ClusterCredentialsMissing", "The cluster has no token; PUT it again with credentials.token.");
        var version = await clusters.Connect(context, context.Wanted, token).VersionAsync(stop);
        context.Status = context.Status with { KubernetesVersion = version, ConnectivityStatus = "Connected", LastConnectivityTime = context.Clock.GetUtcNow() };
    }
}

[RunsOn("delete")]
internal sealed class DisconnectCluster : Operation<ConnectedCluster, ConnectedClusterStatus>
{
    /// <summary>Nothing in the cluster is ours alone: forgetting it is all there is to do.</summary>
    public override IReadOnlyList<Step<ConnectedCluster, ConnectedClusterStatus>> Steps => [];
}
