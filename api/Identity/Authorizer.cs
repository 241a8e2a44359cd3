using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Api.Identity;

/// <summary>The front door's question "may you": an Owner of the root or of a subscription may do everything there. What a principal owns is at most five seconds old.</summary>
internal sealed class Authorizer(IDbContextFactory<ControlPlaneDb> databases, TimeProvider time)
{
    private const string Root = "/";
    private const string SubscriptionPrefix = "/subscriptions/";
    public const string Owner = "Owner";
    private const int RememberedPrincipals = 10_000;
    private static readonly TimeSpan RememberedFor = TimeSpan.FromSeconds(5);

    private readonly GenerationalCache<string, Owned> remembered = new(RememberedPrincipals);

    /// <summary>Whether the principal may act on a subscription, given by its id alone in lower case.</summary>
    public async ValueTask<bool> CanAsync(Principal principal, string subscriptionKeyLower, CancellationToken cancel)
    {
        var owned = await OwnedByAsync(principal, cancel);
        return owned.Everything || owned.Subscriptions.Contains(subscriptionKeyLower);
    }

    /// <summary>The ids (lower case, sorted) of the subscriptions that the principal may see.</summary>
    public async ValueTask<IReadOnlyList<string>> VisibleSubscriptionsAsync(Principal principal, CancellationToken cancel)
    {
        var owned = await OwnedByAsync(principal, cancel);
        if (!owned.Everything)
            return [.. owned.Subscriptions.Order(StringComparer.Ordinal)];

        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Resources.Where(resource => resource.ParentKey == null && EF.Functions.ILike(resource.Type, "Microsoft.Resources/subscriptions"))
            .Select(resource => resource.Subscription).OrderBy(subscription => subscription).ToListAsync(cancel);
    }

    private ValueTask<Owned> OwnedByAsync(Principal principal, CancellationToken cancel) =>
        remembered.TryGet(principal.ObjectId, out var owned) && owned.Until > time.GetUtcNow() ? new(owned) : ReadAsync(principal, cancel);

    private async ValueTask<Owned> ReadAsync(Principal principal, CancellationToken cancel)
    {
        var until = time.GetUtcNow() + RememberedFor;
        await using var db = await databases.CreateDbContextAsync(cancel);
        var scopes = await db.RoleAssignments.Where(assignment => assignment.PrincipalId == principal.ObjectId && assignment.Role == Owner)
            .Select(assignment => assignment.Scope).ToListAsync(cancel);

        var owned = new Owned(
            scopes.Contains(Root, StringComparer.Ordinal),
            scopes.Where(scope => scope.StartsWith(SubscriptionPrefix, StringComparison.Ordinal)).Select(scope => scope[SubscriptionPrefix.Length..]).ToHashSet(StringComparer.Ordinal),
            until);
        remembered.Set(principal.ObjectId, owned);
        return owned;
    }

    private sealed record Owned(bool Everything, IReadOnlySet<string> Subscriptions, DateTimeOffset Until);
}
