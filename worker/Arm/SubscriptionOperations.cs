using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Worker.Arm;

/// <summary>Deletes every resource group of a subscription, then what stands directly below it (ARM RPC, subscription lifecycle: Deleted).</summary>
[RunsOn("delete")]
internal sealed class DeleteSubscription(Acceptor acceptor, NpgsqlDataSource source) : Operation<Subscription, NoStatus>
{
    public override IReadOnlyList<Step<Subscription, NoStatus>> Steps => [Try(DeleteGroupsAsync), Try(DeleteRestAsync)];

    private async Task<StepResult> DeleteGroupsAsync(StepContext<Subscription, NoStatus> context, CancellationToken stop)
    {
        var groups = await source.ListResourcesAsync(new() { Within = context.Resource.ResourceId, Types = [ResourceType.ResourceGroup.ToString()], Size = 500 }, stop);
        foreach (var group in groups.Where(group => group.State is not ProvisioningState.Deleting))
            await StartAsync(context, group, stop);
        context.Message = $"{groups.Count} resource groups left.";
        return groups.Count == 0 ? StepResult.Done : StepResult.WaitFor(TimeSpan.FromMilliseconds(500));
    }

    private async Task<StepResult> DeleteRestAsync(StepContext<Subscription, NoStatus> context, CancellationToken stop)
    {
        var left = await source.ListResourcesAsync(new() { Within = context.Resource.ResourceId, Size = 500 }, stop);
        foreach (var resource in left.Where(resource => resource.State is not ProvisioningState.Deleting))
            await StartAsync(context, resource, stop);
        return left.Count == 0 ? StepResult.Done : StepResult.WaitFor(TimeSpan.FromMilliseconds(500));
    }

    private Task StartAsync(StepContext<Subscription, NoStatus> context, ResourceRow resource, CancellationToken stop) => context.InTransactionAsync(async (transaction, token) =>
    {
        await transaction.Transaction.SaveAsync("resource", token);
        if (await acceptor.AcceptAsync(transaction.Connection, Deletion.Of(resource, context.Operation), token) is not AcceptOutcome.Accepted)
            await transaction.Transaction.RollbackAsync("resource", token);
    }, stop);
}
