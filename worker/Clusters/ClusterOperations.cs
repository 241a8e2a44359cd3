using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Clusters;
using ControlPlane.Worker.Arm;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Worker.Clusters;

internal static class ClustersWorker
{
    public static IServiceCollection AddClusters(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ClusterOptions>().Bind(configuration.GetSection("Clusters"));
        services.AddSingleton<ClusterApis>();
        return services;
    }
}

[RunsOn("put")]
internal sealed class ConnectCluster(ClusterApis clusters, IOptions<ClusterOptions> options) : Operation<ConnectedCluster, ConnectedClusterStatus>
{
    public override IReadOnlyList<Step<ConnectedCluster, ConnectedClusterStatus>> Steps => [Do(AskForVersionAsync)];

    /// <summary>Its version, and what else it lets be seen. From here on it is looked at again and again, or its agent is listened to.</summary>
    private async Task AskForVersionAsync(StepContext<ConnectedCluster, ConnectedClusterStatus> context, CancellationToken stop)
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
        var api = clusters.Connect(context, address);
        var version = await api.VersionAsync(stop);
        context.Status = context.Status with { KubernetesVersion = version, ConnectivityStatus = ClusterConnectivity.Connected, LastConnectivityTime = context.Clock.GetUtcNow(), ConnectivityMessage = null };
        var seen = await SeenAsync(api, version, stop);
        if (seen is not null)
            context.Status = context.Status with { TotalNodeCount = seen.Nodes, TotalCoreCount = seen.Cores, Inventory = seen.Inventory };
        context.Also(async (transaction, token) =>
        {
            await transaction.ExecuteAsync(InventorySql.Watch, token, context.Resource.Key, true);
            await ForgetAsync(transaction, context.Resource.Key, [context.Wanted.ApiServer is null ? ClusterAddress.TokenPath : ClusterAddress.KubeconfigPath], token);
            if (seen is not null)
                await transaction.ExecuteAsync(InventorySql.Seen, token, ObservedClusters.Columns(options.Value.LookEvery, [(context.Resource.Key, seen)]));
        });
    }

    /// <summary>Credentials by which the cluster is reached no more.</summary>
    private static Task<int> ForgetAsync(FencedTransaction transaction, string key, string[] paths, CancellationToken stop) =>
        transaction.ExecuteAsync("delete from secrets where resource_key = $1 and path = any ($2)", stop, key, paths);

    /// <summary>The rest of what the cluster is; what it does not say now, it says when it is looked at next.</summary>
    private static async Task<ObservedCluster?> SeenAsync(ClusterApi api, string version, CancellationToken stop)
    {
        try
        {
            return await ClusterLook.LookAsync(api.LookAsync, version, stop);
        }
        catch (Exception failure) when (failure is TransientStepException or OperationFailedException or FormatException)
        {
            return null;
        }
    }
}

[RunsOn("delete")]
internal sealed class DisconnectCluster(Acceptor acceptor, NpgsqlDataSource source) : Operation<ConnectedCluster, ConnectedClusterStatus>
{
    /// <summary>Nothing else in the cluster is ours alone.</summary>
    public override IReadOnlyList<Step<ConnectedCluster, ConnectedClusterStatus>> Steps => [Try(DeletePoolsAsync)];

    private async Task<StepResult> DeletePoolsAsync(StepContext<ConnectedCluster, ConnectedClusterStatus> context, CancellationToken stop)
    {
        var left = await source.ListResourcesAsync(new() { Within = context.Id, Size = 500 }, stop);
        if (left.Count == 0)
            return StepResult.Done;
        if (left.FirstOrDefault(row => row.State is ProvisioningState.Failed && context.Recall<bool>(row.Key)) is { } failed)
            throw new OperationFailedException("NodePoolDeletionFailed", $"'{failed.Id}' could not be deleted; its last operation says why. DELETE it with forceDeletion=true to leave its nodes as they are.");
        foreach (var row in left.Where(row => row.State is not ProvisioningState.Deleting && !context.Recall<bool>(row.Key)))
        {
            await context.InTransactionAsync(async (transaction, token) =>
            {
                await transaction.Transaction.SaveAsync("pool", token);
                var deletion = Deletion.Of(row, context.Operation);
                if (await acceptor.AcceptAsync(transaction.Connection, deletion with { Operation = deletion.Operation! with { Parameters = context.Operation.Parameters } }, token) is AcceptOutcome.Accepted)
                    context.Remember(row.Key, true);
                else
                    await transaction.Transaction.RollbackAsync("pool", token);
            }, stop);
        }

        context.Message = $"{left.Count} node pools left.";
        return StepResult.WaitFor(TimeSpan.FromMilliseconds(300));
    }
}
