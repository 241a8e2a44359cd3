using ControlPlane.Contracts.Clusters;
using ControlPlane.Persistence.Clusters;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.Fleets;
using Microsoft.Extensions.Options;

namespace ControlPlane.Worker.Clusters;

internal static class ClustersWorker
{
    public static IServiceCollection AddClusters(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ClusterOptions>().Bind(configuration.GetSection("Clusters"));
        services.AddSingleton<ClusterApis>();
        services.AddHostedService<InventoryLoop>();
        services.AddHostedService<ConnectivityLoop>();
        return services;
    }
}

[RunsOn("put")]
internal sealed class ConnectCluster(ClusterApis clusters, MemberConnections connections, IOptions<ClusterOptions> options) : Operation<ConnectedCluster, ConnectedClusterStatus>
{
    public override IReadOnlyList<Step<ConnectedCluster, ConnectedClusterStatus>> Steps => [Do(LookAsync)];

    /// <summary>From here on it is looked at again and again, or its agent is listened to.</summary>
    private async Task LookAsync(StepContext<ConnectedCluster, ConnectedClusterStatus> context, CancellationToken stop)
    {
        if (context.Wanted.Access is ClusterAccess.Pull)
        {
            context.Status = context.Status with { ConnectivityStatus = context.Status.ConnectivityStatus ?? ClusterConnectivity.Connecting };
            context.Also(async (transaction, token) =>
            {
                await transaction.ExecuteAsync(InventorySql.Watch, token, context.Resource.Key, false);
                await ForgetAsync(transaction, context.Resource.Key, [ClusterAddress.TokenPath, ClusterAddress.KubeconfigPath], token);
            });
            return;
        }

        var address = ClusterAddress.Of(context.Wanted, await context.SecretAsync(ClusterAddress.TokenPath, stop), await context.SecretAsync(ClusterAddress.KubeconfigPath, stop))
            ?? throw new OperationFailedException("ClusterCredentialsMissing", "The cluster has no credentials; PUT it again with credentials.token or credentials.kubeconfig.");
        var version = await clusters.Connect(context, address).VersionAsync(stop);
        context.Status = context.Status with { KubernetesVersion = version, ConnectivityStatus = ClusterConnectivity.Connected, LastConnectivityTime = context.Clock.GetUtcNow(), ConnectivityMessage = null };
        var seen = await SeenAsync(context, version, stop);
        if (seen is not null)
            context.Status = context.Status with { TotalNodeCount = seen.Nodes, TotalCoreCount = seen.Cores, Inventory = seen.Inventory };
        context.Also(async (transaction, token) =>
        {
            await transaction.ExecuteAsync(InventorySql.Watch, token, context.Resource.Key, true);
            await ForgetAsync(transaction, context.Resource.Key, [context.Wanted.ApiServer is null ? ClusterAddress.TokenPath : ClusterAddress.KubeconfigPath], token);
            if (seen is not null)
                await transaction.ExecuteAsync(InventorySql.Seen, token, InventoryLoop.Columns(options.Value.LookEvery, [(context.Resource.Key, seen)]));
        });
    }

    /// <summary>Credentials by which the cluster is reached no more.</summary>
    private static Task ForgetAsync(FencedTransaction transaction, string key, string[] paths, CancellationToken stop) =>
        transaction.ExecuteAsync("delete from secrets where resource_key = $1 and path = any ($2)", stop, key, paths);

    /// <summary>The rest of what the cluster is; what it does not say now, it says when it is looked at next.</summary>
    private async Task<ObservedCluster?> SeenAsync(StepContext<ConnectedCluster, ConnectedClusterStatus> context, string version, CancellationToken stop)
    {
        try
        {
            var known = await connections.FindAsync([(context.Resource.Key, context.Resource.Version)], stop);
            return known.GetValueOrDefault(context.Resource.Key) is { } api ? await ClusterLook.LookAsync(api, version, stop) : null;
        }
        catch (Exception failure) when (failure is MemberUnreachableException or MemberRefusedException)
        {
            return null;
        }
    }
}

[RunsOn("delete")]
internal sealed class DisconnectCluster : Operation<ConnectedCluster, ConnectedClusterStatus>
{
    /// <summary>Nothing in the cluster is ours alone: forgetting it is all there is to do.</summary>
    public override IReadOnlyList<Step<ConnectedCluster, ConnectedClusterStatus>> Steps => [];
}
