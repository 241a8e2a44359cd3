using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>A resource as it is when a write to it is decided, and everything around it that has a say: its subscription, group and parents, and the locks and policy assignments that hold for it.</summary>
internal sealed record Surroundings(ResourceId Id, ResourceRow? Current, IReadOnlyList<ResourceRow> Ancestors, IReadOnlyList<ResourceRow> Governing)
{
    /// <summary>Types whose rows hold for everything below what they extend.</summary>
    public static IReadOnlyList<string> GoverningTypes { get; } = ["Microsoft.Authorization/locks", "Microsoft.Authorization/policyAssignments"];

    public ResourceRow? Subscription => Ancestors.FirstOrDefault(row => row.Type == ResourceType.Subscription.ToString());

    public static Surroundings Of(ResourceId id, IReadOnlyList<ResourceRow> rows)
    {
        var ancestors = id.WithAncestors().Skip(1).Select(ancestor => rows.FirstOrDefault(row => row.Key == ancestor.Key)).OfType<ResourceRow>().ToList();
        // A lock is a resource too: it is not its own surroundings.
        var governing = rows.Where(row => row.ExtendsKey is not null && row.Key != id.Key && GoverningTypes.Contains(row.Type, StringComparer.Ordinal)).DistinctBy(row => row.Key, StringComparer.Ordinal).ToList();
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
        var locks = Governing.Where(row => row.Type == GoverningTypes[0] && (isDelete || IsReadOnly(row))).ToList();
        if (locks.Count > 0)
            throw ArmErrors.ScopeLocked(Id, isDelete ? "delete" : "write", locks);
    }

    private static bool IsReadOnly(ResourceRow row) => Json.Read<LockProperties>(row.Properties).Level == "ReadOnly";

    private sealed record LockProperties(string Level);
}
