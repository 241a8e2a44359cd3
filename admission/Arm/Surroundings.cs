using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>A resource as it is when a write to it is decided, and everything around it that has a say: its subscription, group and parents, and the locks and policy assignments that hold for it.</summary>
internal sealed record Surroundings(ResourceId Id, ResourceRow? Current, IReadOnlyList<ResourceRow> Ancestors, Governing Governing)
{
    public ResourceRow? Subscription => Ancestors.FirstOrDefault(row => row.Type == ResourceType.Subscription.ToString());

    /// <summary>For a deletion: the locks of what stands below it.</summary>
    public IReadOnlyList<ResourceRow> LocksBelow { get; init; } = [];

    public static Surroundings Of(ResourceId id, IReadOnlyList<ResourceRow> rows, Governing governing)
    {
        var ancestors = id.WithAncestors().Skip(1).Select(ancestor => rows.FirstOrDefault(row => row.Key == ancestor.Key)).OfType<ResourceRow>().ToList();
        return new(id, rows.FirstOrDefault(row => row.Key == id.Key), ancestors, governing);
    }

    /// <summary>Makes sure that what the resource stands below exists and takes writes.</summary>
    public void DemandPlace()
    {
        if (Id.Subscription.Length > 0 && Id.Type != ResourceType.Subscription && Subscription is null)
            throw ArmErrors.SubscriptionNotFound(Id.Subscription);
        if (Id.Type != ResourceType.ResourceGroup && Id.GroupId is { } groupId)
        {
            var group = Ancestors.FirstOrDefault(row => row.Key == groupId.Key) ?? throw ArmErrors.ResourceGroupNotFound(Id.ResourceGroup!);
            if (group.State is ProvisioningState.Deleting)
                throw ArmErrors.GroupDeleting(group.Name);
        }

        if (Id.Parent is { } parent && Ancestors.All(row => row.Key != parent.Key))
            throw ArmErrors.ParentNotFound(parent);
    }

    /// <summary>The subscription's own word: whether it takes writes at all, and whether it has registered the namespace.</summary>
    public void DemandSubscription(RegisteredType type, bool isDelete)
    {
        if (Subscription is not { } row)
            return;
        var subscription = row.Read<Subscription>();
        if (!subscription.TakesWrites && !isDelete)
            throw ArmErrors.SubscriptionReadOnly(row.Name, subscription.State.ToString());
        if (!isDelete && subscription.Unregistered.Contains(type.Type.Provider, StringComparer.OrdinalIgnoreCase))
            throw ArmErrors.MissingSubscriptionRegistration(type.Type.Provider);
    }

    /// <summary>Locks bind everybody but those who write locks (Azure Resource Manager, locks).</summary>
    public void DemandUnlocked(string action, bool isDelete)
    {
        if (action.StartsWith("Microsoft.Authorization/locks/", StringComparison.OrdinalIgnoreCase))
            return;
        // A lock is a resource too: it does not bind itself.
        var locks = (isDelete ? [.. Governing.Locks, .. LocksBelow] : Governing.ReadOnlyLocks).Where(row => row.Key != Id.Key).ToList();
        if (locks.Count > 0)
            throw ArmErrors.ScopeLocked(Id, isDelete ? "delete" : "write", locks);
    }
}
