using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.NodePools;
using ControlPlane.Kubernetes;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.Clusters;
using PoolContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.NodePools.NodePool, ControlPlane.Contracts.NodePools.NodePoolStatus>;

namespace ControlPlane.Worker.NodePools;

/// <summary>The nodes of a pool in their cluster, whoever made them.</summary>
internal sealed class PoolNodes(ClusterApis clusters)
{
    private const string MachineProvider = "controlplane://";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan DrainLimit = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    public async Task<ClusterApi> ApiAsync(PoolContext context, CancellationToken stop) =>
        clusters.Connect(context, await ClusterApis.FindAsync(context, context.Id.Parent!.Text, stop), Patience);

    /// <summary>Labels and taints of the pool on each of its nodes; taints that it put there before and wants no more go, and those of others stay.</summary>
    public async Task DressAsync(PoolContext context, CancellationToken stop)
    {
        var api = await ApiAsync(context, stop);
        var wanted = context.Wanted.NodeTaints.Select(NodeTaint.Parse).OfType<NodeTaint>().ToList();
        var before = (context.Status.AppliedTaints ?? []).Select(NodeTaint.Parse).OfType<NodeTaint>().ToList();
        foreach (var node in await OwnAsync(context, api, stop))
        {
            var missing = context.Wanted.NodeLabels.Where(label => node.Labels.GetValueOrDefault(label.Key) != label.Value).ToDictionary(StringComparer.Ordinal);
            if (missing.Count > 0)
                await api.SetLabelsAsync(node.Name, missing, stop);
            List<NodeTaint> taints = [.. node.Taints.Where(taint => !before.Contains(taint) && !wanted.Contains(taint)), .. wanted];
            if (taints.Count != node.Taints.Count || taints.Except(node.Taints).Any())
                await api.SetTaintsAsync(node.Name, taints, stop);
        }

        context.Status = context.Status with { AppliedTaints = wanted.Count == 0 ? null : [.. context.Wanted.NodeTaints] };
    }

    public async Task LookAsync(PoolContext context, CancellationToken stop)
    {
        var nodes = await OwnAsync(context, await ApiAsync(context, stop), stop);
        context.Status = context.Status with
        {
            ReadyCount = nodes.Count(node => node.IsReady),
            Nodes = [.. nodes.Select(node => new PoolNode
            {
                Name = node.Name, Ready = node.IsReady, Cordoned = node.IsCordoned, Image = node.Image,
                MachineId = node.ProviderId?.StartsWith(MachineProvider, StringComparison.Ordinal) is true ? node.ProviderId[MachineProvider.Length..] : null,
            })],
        };
    }

    public Task CordonAsync(PoolContext context, CancellationToken stop) => SetUnschedulableAsync(context, unschedulable: true, stop);

    public Task UncordonAsync(PoolContext context, CancellationToken stop) => SetUnschedulableAsync(context, unschedulable: false, stop);

    /// <summary>Evicts pods, honouring disruption budgets, until none is left.</summary>
    public async Task<StepResult> DrainAsync(PoolContext context, CancellationToken stop)
    {
        var api = await ApiAsync(context, stop);
        var left = 0;
        foreach (var node in await OwnAsync(context, api, stop))
            left += await api.EvictPodsAsync(node.Name, stop);
        if (left == 0)
            return StepResult.Done;
        if (context.InStepFor > DrainLimit)
            throw new OperationFailedException("DrainTimeout", $"{left} pods are still on the nodes of the pool after {DrainLimit}; a disruption budget may forbid their eviction.");
        context.Message = $"{left} pods left on the nodes.";
        return StepResult.WaitFor(Look);
    }

    private async Task SetUnschedulableAsync(PoolContext context, bool unschedulable, CancellationToken stop)
    {
        var api = await ApiAsync(context, stop);
        foreach (var node in (await OwnAsync(context, api, stop)).Where(node => node.IsCordoned != unschedulable))
            await api.SetUnschedulableAsync(node.Name, unschedulable, stop);
    }

    private static async Task<IReadOnlyList<ObservedNode>> OwnAsync(PoolContext context, ClusterApi api, CancellationToken stop) =>
        [.. (await api.NodesAsync(stop)).Where(node => IsOwn(node, context.Wanted, context.Id.Name)).OrderBy(node => node.Name, StringComparer.Ordinal)];

    /// <summary>Machines carry the pool's own label; what Cluster API made is known by the labels of those who use it, or by the MachineSet that it was made for. Pure.</summary>
    private static bool IsOwn(ObservedNode node, NodePool pool, string name)
    {
        if (pool.Kind is NodePoolKind.Physical)
            return node.Labels.GetValueOrDefault(PoolLabels.Pool) == name;
        var deployment = pool.MachineDeployment?.Name ?? name;
        return node.Labels.GetValueOrDefault(PoolLabels.ClusterApiPool) == name || node.Labels.GetValueOrDefault(PoolLabels.AgentPool) == deployment
            || (node.Owner?.StartsWith($"{deployment}-", StringComparison.Ordinal) is true && !node.Owner[(deployment.Length + 1)..].Contains('-', StringComparison.Ordinal));
    }
}
