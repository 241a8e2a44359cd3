using ControlPlane.Admission.Authorization;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Admission.Arm;

/// <summary>What is looked up before a write is decided: the resource, what is around it, and what its properties name.</summary>
internal sealed class ResourceLookup(NpgsqlDataSource source)
{
    private readonly GenerationalCache<string, Governing> governing = new(2_000);

    /// <summary>The resource as it is and everything around it that has a say.</summary>
    /// <param name="below">With true also the locks of what is below it, for a deletion.</param>
    public async Task<Surroundings> SurroundingsAsync(ResourceId id, bool below, CancellationToken cancel)
    {
        string[] keys = [.. id.WithAncestors().Select(one => one.Key)];
        var (rows, mark) = await source.FindGovernedAsync(keys, cancel);
        var around = Surroundings.Of(id, rows, mark is null ? Governing.Nothing : governing.TryGet(mark, out var known) ? known : await GoverningAsync(keys, cancel));
        return below ? around with { LocksBelow = await source.FindLocksBelowAsync(id, cancel) } : around;
    }

    /// <summary>The conflict of a write with an operation that has not ended.</summary>
    public async Task<ArmException> BusyAsync(ResourceRow current, CancellationToken cancel) =>
        current.Type == ResourceType.ResourceGroup.ToString() ? ArmErrors.GroupDeleting(current.Name)
            : ArmErrors.OperationInProgress(current.ResourceId, (await ActiveAsync(current.ResourceId, cancel))?.Id ?? Guid.Empty);

    /// <summary>Every id among the properties must name a resource that is there to stay, and that the caller may read. The answer is the keys of those that must stay.</summary>
    public async Task<IReadOnlyList<string>> DemandReferencesAsync(ResourceId id, IReadOnlyList<Reference> references, Grants grants, Caller caller, CancellationToken cancel)
    {
        if (references.Count == 0)
            return [];
        var faults = new List<ErrorBody>();
        var wanted = new List<(Reference Reference, ResourceId Id)>();
        foreach (var reference in references)
        {
            var type = ResourceTypes.TryFind(reference.Type);
            if (!ResourceId.TryParse(reference.Id, out var target) || target.Type != reference.Type)
                faults.Add(Shape.Fault($"properties.{reference.Target}", $"must be the id of a {reference.Type}"));
            else if (type?.BuiltIn(target.Name) is not null)
                continue;
            else if (target.Subscription.Length > 0 && !target.Subscription.Equals(id.Subscription, StringComparison.OrdinalIgnoreCase))
                faults.Add(Shape.Fault($"properties.{reference.Target}", "must name a resource of the same subscription"));
            else if (type is not null && !grants.Allows($"{type.Permissions}/read", target.Key))
                throw ArmErrors.LinkedForbidden(caller.Principal, $"{id.Type}/write", id.Text, $"{type.Permissions}/read", target.Text);
            else
                wanted.Add((reference, target));
        }

        var found = await source.FindResourcesAsync([.. wanted.Select(w => w.Id.Key)], cancel);
        faults.AddRange(wanted.Where(w => found.All(row => row.Key != w.Id.Key || row.State is ProvisioningState.Deleting))
            .Select(w => new ErrorBody("LinkedResourceNotFound", $"'properties.{w.Reference.Target}' names '{w.Id.Text}', which does not exist.", $"properties.{w.Reference.Target}")));
        return faults.Count > 0 ? throw ArmErrors.Invalid(faults) : [.. wanted.Where(w => w.Reference.Keeps).Select(w => w.Id.Key)];
    }

    /// <summary>The operation that has not ended, or null.</summary>
    public Task<NewOperation?> ActiveAsync(ResourceId id, CancellationToken cancel) =>
        OperationAsync("select id, request, location from operations where resource_key = $1 and ended_at is null", cancel, id.Key);

    /// <summary>The operation that the same request has started before, or null.</summary>
    public Task<NewOperation?> RetriedAsync(ResourceId id, string request, string clientRequestId, CancellationToken cancel) =>
        OperationAsync("select id, request, location from operations where resource_key = $1 and request = $2 and client_request_id = $3", cancel, id.Key, request, clientRequestId);

    /// <summary>Whether an operation of this id has been accepted.</summary>
    public Task<NewOperation?> AcceptedAsync(Guid operation, CancellationToken cancel) =>
        OperationAsync("select id, request, location from operations where id = $1", cancel, operation);

    /// <summary>What is missing: the resource, or its group already, or even its subscription.</summary>
    public async Task<ArmException> MissingAsync(ResourceId id, CancellationToken cancel)
    {
        var above = id.Subscription.Length == 0 ? [] : await source.FindResourcesAsync([ResourceId.OfSubscription(id.Subscription).Key, id.GroupId?.Key ?? ""], cancel);
        return id.Subscription.Length > 0 && above.All(row => row.Type != ResourceType.Subscription.ToString()) ? ArmErrors.SubscriptionNotFound(id.Subscription)
            : id.Type == ResourceType.ResourceGroup || (id.ResourceGroup is not null && above.Count < 2) ? ArmErrors.ResourceGroupNotFound(id.ResourceGroup!)
            : ArmErrors.ResourceNotFound(id);
    }

    /// <summary>They may have changed since their mark was read, and are then known by the mark that they have now.</summary>
    private async Task<Governing> GoverningAsync(IReadOnlyList<string> keys, CancellationToken cancel)
    {
        var (rows, mark) = await source.FindGoverningAsync(keys, cancel);
        var found = new Governing(rows);
        if (mark is not null)
            governing.Set(mark, found);
        return found;
    }

    private async Task<NewOperation?> OperationAsync(string sql, CancellationToken cancel, params object?[] values)
    {
        await using var command = Sql.Command(source, sql, values);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? new(reader.GetGuid(0), reader.GetString(1), reader.GetString(2), TimeSpan.Zero) : null;
    }
}
