using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.NodePools;
using ControlPlane.Worker.Arm;
using PoolContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.NodePools.NodePool, ControlPlane.Contracts.NodePools.NodePoolStatus>;
using PoolStep = ControlPlane.Worker.Arm.Step<ControlPlane.Contracts.NodePools.NodePool, ControlPlane.Contracts.NodePools.NodePoolStatus>;

namespace ControlPlane.Worker.NodePools;

internal static class NodePoolsWorker
{
    public static IServiceCollection AddNodePools(this IServiceCollection services) => services.AddSingleton<PoolNodes>().AddSingleton<MachineDeployments>().AddSingleton<PooledMachines>();
}

/// <summary>As many nodes as are wanted, of the wanted version and image, with the pool's labels and taints.</summary>
[RunsOn("put"), RunsOn("scale")]
internal sealed class ReachNodePool(MachineDeployments deployments, PooledMachines machines, PoolNodes nodes) : Operation<NodePool, NodePoolStatus>
{
    public override IReadOnlyList<PoolStep> Steps => [Do(TakeCountAsync), Try(ReachCountAsync), Do(nodes.DressAsync), Do(nodes.LookAsync)];

    /// <summary>What an action asks for is from then on what is wanted.</summary>
    private static async Task TakeCountAsync(PoolContext context, CancellationToken stop)
    {
        if (context.Operation.Request != "scale")
            return;
        var wanted = context.Wanted with { Count = Json.Read<ScaleParameters>(context.Operation.Parameters!).Count };
        var properties = JsonSerializer.Serialize(wanted, Json.WithoutSecrets);
        await context.InTransactionAsync((transaction, token) => transaction.ExecuteAsync("update resources set properties = $2::jsonb, version = version + 1 where key = $1", token, context.Resource.Key, properties), stop);
        context.Wanted = wanted;
    }

    private Task<StepResult> ReachCountAsync(PoolContext context, CancellationToken stop) =>
        context.Wanted.Kind is NodePoolKind.Virtual ? deployments.ReachAsync(context, stop) : machines.ReachAsync(context, context.Wanted.Count, stop);
}

/// <summary>Machines are given back, and a MachineDeployment that the pool created goes; one that was there before stays as it is.</summary>
[RunsOn("delete")]
internal sealed class DeleteNodePool(MachineDeployments deployments, PooledMachines machines) : Operation<NodePool, NodePoolStatus>
{
    public override IReadOnlyList<PoolStep> Steps => [Try(GiveBackAsync)];

    private Task<StepResult> GiveBackAsync(PoolContext context, CancellationToken stop) =>
        context.Parameters<DeleteParameters>().ForceDeletion ? Task.FromResult(StepResult.Done)
        : context.Wanted.Kind is NodePoolKind.Virtual ? deployments.DeleteAsync(context, stop)
        : machines.ReachAsync(context, 0, stop);
}

[RunsOn("cordon")]
internal sealed class CordonNodePool(PoolNodes nodes) : Operation<NodePool, NodePoolStatus>
{
    public override IReadOnlyList<PoolStep> Steps => [Do(nodes.CordonAsync), Do(nodes.LookAsync)];
}

[RunsOn("uncordon")]
internal sealed class UncordonNodePool(PoolNodes nodes) : Operation<NodePool, NodePoolStatus>
{
    public override IReadOnlyList<PoolStep> Steps => [Do(nodes.UncordonAsync), Do(nodes.LookAsync)];
}

[RunsOn("drain")]
internal sealed class DrainNodePool(PoolNodes nodes) : Operation<NodePool, NodePoolStatus>
{
    public override IReadOnlyList<PoolStep> Steps => [Do(nodes.CordonAsync), Try(nodes.DrainAsync), Do(nodes.LookAsync)];
}
