using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Admission.Arm;

/// <summary>What the verbs look up before they decide: the resource and what is around it.</summary>
internal sealed class ResourceLookup(NpgsqlDataSource source)
{
    /// <summary>The resource as it is, after making sure that its group and parent exist and take writes.</summary>
    public async Task<ResourceRow?> SnapshotAsync(ResourceId id, CancellationToken cancel)
    {
        var parent = id.Parent!;
        string[] keys = id.ResourceGroup is null || id.Type == ResourceType.ResourceGroup ? [id.Key, parent.Key] : [id.Key, parent.Key, id.GroupId!.Key];
        var rows = await source.FindResourcesAsync(keys, cancel);
        if (id.Type != ResourceType.ResourceGroup && id.GroupId is { } groupId)
        {
            var group = rows.FirstOrDefault(row => row.Key == groupId.Key) ?? throw ArmErrors.ResourceGroupNotFound(id.ResourceGroup!);
            if (group.State is ProvisioningState.Deleting)
                throw ArmErrors.GroupDeleting(group.Name);
        }

        if (rows.All(row => row.Key != parent.Key))
            throw parent.Type == ResourceType.Subscription ? ArmErrors.SubscriptionNotFound(id.Subscription) : ArmErrors.ParentNotFound(parent);
        var current = rows.FirstOrDefault(row => row.Key == id.Key);
        if (current is not null && !current.State.IsTerminal())
            throw current.Type == ResourceType.ResourceGroup.ToString() ? ArmErrors.GroupDeleting(current.Name)
                : ArmErrors.OperationInProgress(id, (await ActiveAsync(id, cancel))?.Id ?? Guid.Empty);
        return current;
    }

    /// <summary>Every id among the properties must name a resource that is there to stay.</summary>
    public async Task CheckReferencesAsync(ResourceId id, IReadOnlyList<Reference> references, CancellationToken cancel)
    {
        if (references.Count == 0)
            return;
        var faults = new List<ErrorBody>();
        var wanted = new List<(Reference Reference, ResourceId Id)>();
        foreach (var reference in references)
        {
            if (!ResourceId.TryParse(reference.Id, out var target) || target.Type != reference.Type)
                faults.Add(Shape.Fault($"properties.{reference.Target}", $"must be the id of a {reference.Type}"));
            else if (!target.Subscription.Equals(id.Subscription, StringComparison.OrdinalIgnoreCase))
                faults.Add(Shape.Fault($"properties.{reference.Target}", "must name a resource of the same subscription"));
            else
                wanted.Add((reference, target));
        }

        var found = await source.FindResourcesAsync([.. wanted.Select(w => w.Id.Key)], cancel);
        faults.AddRange(wanted.Where(w => found.All(row => row.Key != w.Id.Key || row.State is ProvisioningState.Deleting))
            .Select(w => new ErrorBody("LinkedResourceNotFound", $"'properties.{w.Reference.Target}' names '{w.Id.Text}', which does not exist.", $"properties.{w.Reference.Target}")));
        if (faults.Count > 0)
            throw ArmErrors.Invalid(faults);
    }

    /// <summary>The operation that has not ended, or null.</summary>
    public async Task<NewOperation?> ActiveAsync(ResourceId id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select id, request, location from operations where resource_key = $1 and ended_at is null");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = id.Key });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? new(reader.GetGuid(0), reader.GetString(1), reader.GetString(2), TimeSpan.Zero) : null;
    }

    /// <summary>Whether it is the resource that is missing, or its group already.</summary>
    public async Task<ArmException> MissingAsync(ResourceId id, CancellationToken cancel) =>
        id.Type == ResourceType.ResourceGroup || await source.FindResourceAsync(id.GroupId!.Key, cancel) is null
            ? ArmErrors.ResourceGroupNotFound(id.ResourceGroup!)
            : ArmErrors.ResourceNotFound(id);
}
