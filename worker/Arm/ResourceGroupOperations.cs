using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Worker.Arm;

/// <summary>Deletes everything in a group, again and again until nothing is left or nothing moves any more (ARM RPC addendum, resource group deletion).</summary>
[RunsOn("delete")]
internal sealed class DeleteResourceGroup(Acceptor acceptor, NpgsqlDataSource source) : Operation<ResourceGroup, NoStatus>
{
    public override IReadOnlyList<Step<ResourceGroup, NoStatus>> Steps => [Try(DeleteResourcesAsync)];

    private async Task<StepResult> DeleteResourcesAsync(StepContext<ResourceGroup, NoStatus> context, CancellationToken stop)
    {
        var left = await source.ListResourcesAsync(new() { Within = context.Resource.ResourceId, Size = 500 }, stop);
        if (left.Count == 0)
            return StepResult.Done;

        var (started, blocked) = (0, new List<ErrorBody>());
        foreach (var resource in left.Where(resource => resource.State is not ProvisioningState.Deleting && resource.ManagedBy is null))
        {
            // What others refer to goes after them; what another resource made goes with it.
            if (await source.FindReferrerAsync(resource, stop) is { } referrer)
                blocked.Add(new("InUse", $"'{resource.Id}' is used by '{referrer}'.", resource.Id));
            else if (await StartDeleteAsync(context, resource, stop))
                started++;
        }

        var failed = left.Where(resource => resource.State is ProvisioningState.Failed or ProvisioningState.Canceled && context.Recall<bool>(resource.Key)).ToList();
        if (started == 0 && failed.Count + blocked.Count > 0 && left.All(resource => resource.State.IsTerminal()))
            throw new OperationFailedException("ResourceGroupDeletionFailed", $"{failed.Count + blocked.Count} resources of the group could not be deleted; see details.",
                [.. failed.Select(resource => new ErrorBody("DeletionFailed", $"'{resource.Id}' could not be deleted; its last operation says why.", resource.Id)), .. blocked]);
        context.Message = $"{left.Count} resources left.";
        return StepResult.WaitFor(TimeSpan.FromMilliseconds(500));
    }

    /// <summary>False when the resource was tried before and failed, or is changing at this moment.</summary>
    private async Task<bool> StartDeleteAsync(StepContext<ResourceGroup, NoStatus> context, ResourceRow resource, CancellationToken stop)
    {
        if (context.Recall<bool>(resource.Key))
            return false;
        var started = false;
        await context.InTransactionAsync(async (transaction, token) =>
        {
            await transaction.Transaction.SaveAsync("resource", token);
            var outcome = await acceptor.AcceptAsync(transaction.Connection, Deletion.Of(resource, context.Operation), token);
            started = outcome is AcceptOutcome.Accepted;
            if (!started)
                await transaction.Transaction.RollbackAsync("resource", token);
        }, stop);
        if (started)
            context.Remember(resource.Key, true);
        return started;
    }
}

/// <summary>The write that starts the deletion of a resource as part of another operation.</summary>
internal static class Deletion
{
    public static AcceptedWrite Of(ResourceRow resource, OperationRow cause) => ResourceTypes.Find(resource.ResourceId.Type).IsDeletedAtOnce
        ? Begun(resource, cause) with { Operation = null, Gone = true }
        : Begun(resource, cause);

    private static AcceptedWrite Begun(ResourceRow resource, OperationRow cause) => new()
    {
        Id = resource.ResourceId,
        ExpectedVersion = resource.Version,
        Location = resource.Location,
        Tags = resource.Tags,
        Properties = resource.Properties,
        UniqueKey = resource.UniqueKey,
        References = resource.References,
        State = ProvisioningState.Deleting,
        Operation = new(Guid.CreateVersion7(), "delete", resource.Location ?? cause.Location, TimeSpan.FromHours(3), TraceParent: cause.TraceParent),
        Supersede = true,
        Action = $"{resource.Type}/delete",
        Caller = new(cause.Principal, "Application", cause.CorrelationId),
    };
}
