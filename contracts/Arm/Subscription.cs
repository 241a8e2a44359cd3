using System.Text.Json.Serialization;

namespace ControlPlane.Contracts.Arm;

/// <summary>
/// Where a subscription stands (ARM RPC, subscription lifecycle): Registered takes everything; Warned and Suspended take GET and DELETE only and are not metered;
/// Unregistered has been given up; Deleted is gone with all that was in it.
/// </summary>
public enum SubscriptionState { Registered, Unregistered, Warned, Suspended, Deleted }

/// <summary>What is kept of a subscription. The verbs of resources do not apply to it; its deletion, as one operation, takes everything in it along.</summary>
public sealed record Subscription : IResource<Subscription, NoStatus>
{
    public static ResourceType Type => ResourceType.Subscription;
    public static IReadOnlyList<string> ApiVersions => Arm.ApiVersions.Azure;
    public static ResourceScopes Scopes => ResourceScopes.None;
    public static bool IsTracked => false;
    public static bool CompletesOnWrite => true;
    public static TimeSpan TimeLimit(string request) => TimeSpan.FromHours(12);

    public static IEnumerable<Violation> Violations(Subscription wanted, Subscription? current)
    {
        if (wanted.DisplayName.Length > 64)
            yield return new("displayName", "must have at most 64 characters");
    }

    public string DisplayName { get; init; } = "";
    public SubscriptionState State { get; init; } = SubscriptionState.Registered;

    /// <summary>Namespaces that the subscription has unregistered; every other one is registered.</summary>
    public IReadOnlyList<string> Unregistered { get; init; } = [];

    [JsonIgnore]
    public bool TakesWrites => State is SubscriptionState.Registered;

    /// <summary>The state as <c>GET /subscriptions</c> says it.</summary>
    [JsonIgnore]
    public string ShownState => State switch
    {
        SubscriptionState.Registered => "Enabled",
        SubscriptionState.Warned => "Warned",
        SubscriptionState.Deleted => "Deleted",
        _ => "Disabled",
    };
}
