using System.Diagnostics.CodeAnalysis;

namespace ControlPlane.Contracts.Arm;

/// <summary>
/// The path of one resource: a subscription, a resource group, a resource of a provider below either or below the tenant, or an extension of any of
/// these (<c>{scope}/providers/{namespace}/{type}/{name}</c>). Two ids are the same resource when they differ only in case (ARM RPC, "case insensitivity"), so <see cref="Key"/> is what is stored and compared and <see cref="Text"/> is what is shown.
/// </summary>
public sealed class ResourceId : IEquatable<ResourceId>
{
    private ResourceId(string subscription, string? resourceGroup, ResourceType type, IReadOnlyList<string> names, string text, ResourceId? scope = null)
    {
        (Subscription, ResourceGroup, Type, Names, Text, Scope) = (subscription, resourceGroup, type, names, text, scope);
        Key = text.ToLowerInvariant();
    }

    /// <summary>Empty for a resource of the tenant.</summary>
    public string Subscription { get; }

    /// <summary>The subscription, group or resource that its <c>/providers/</c> segment follows; null for a subscription, a resource group, and a resource of the tenant.</summary>
    public ResourceId? Scope { get; }

    /// <summary>Null for a subscription and for a resource directly below one.</summary>
    public string? ResourceGroup { get; }

    public ResourceType Type { get; }

    /// <summary>One name per segment of the type.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The last name.</summary>
    public string Name => Names[^1];

    /// <summary>The id as its last writer spelled it, with ARM's own segments in canonical case.</summary>
    public string Text { get; }

    /// <summary>The lower-case id.</summary>
    public string Key { get; }

    public ResourceId? GroupId => ResourceGroup is null ? null : Group(Subscription, ResourceGroup);

    /// <summary>What must exist before this can: the parent resource, else the resource group, else the subscription.</summary>
    public ResourceId? Parent =>
        Type == ResourceType.Subscription ? null
        : Type == ResourceType.ResourceGroup ? OfSubscription(Subscription)
        : Names.Count > 1 && !Type.Segments[0].Equals("locations", StringComparison.OrdinalIgnoreCase)
            ? Below(Scope, new(Type.Provider, string.Join('/', Type.Segments.SkipLast(1))), [.. Names.SkipLast(1)])
        : Scope;

    /// <summary>Itself and everything above it, the subscription last; nothing above a resource of the tenant.</summary>
    public IEnumerable<ResourceId> WithAncestors()
    {
        for (var at = this; at is not null; at = at.Parent)
            yield return at;
    }

    public static ResourceId OfSubscription(string subscription) =>
        new(subscription, null, ResourceType.Subscription, [subscription], $"/subscriptions/{subscription}");

    public static ResourceId Group(string subscription, string group) =>
        new(subscription, group, ResourceType.ResourceGroup, [group], $"/subscriptions/{subscription}/resourceGroups/{group}");

    public static ResourceId Create(string subscription, string? group, ResourceType type, IReadOnlyList<string> names) =>
        Below(group is null ? OfSubscription(subscription) : Group(subscription, group), type, names);

    /// <summary>The resource of this type and name below a scope; null is the tenant.</summary>
    public static ResourceId Below(ResourceId? scope, ResourceType type, IReadOnlyList<string> names)
    {
        var path = string.Join('/', type.Segments.Zip(names, (segment, name) => $"{segment}/{name}"));
        return new(scope?.Subscription ?? "", scope?.ResourceGroup, type, names, $"{scope?.Text}/providers/{type.Provider}/{path}", scope);
    }

    /// <summary>The id of a sibling: same scope and type, another name.</summary>
    public ResourceId Sibling(ResourceType type, string name) => Below(Scope, type, [name]);

    public static bool TryParse(string? text, [NotNullWhen(true)] out ResourceId? id)
    {
        id = null;
        var parts = (text ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        var next = 0;
        if (parts.Length >= 2 && Is(parts[0], "subscriptions"))
        {
            (id, next) = (OfSubscription(parts[1]), 2);
            if (parts.Length >= 4 && Is(parts[2], "resourceGroups"))
                (id, next) = (Group(parts[1], parts[3]), 4);
        }

        while (next < parts.Length)
        {
            var end = next + 2;
            while (end + 1 < parts.Length && !Is(parts[end], "providers"))
                end += 2;
            if (!Is(parts[next], "providers") || end == next + 2 || end > parts.Length || (end < parts.Length && !Is(parts[end], "providers")))
            {
                id = null;
                return false;
            }

            var pairs = parts[(next + 2)..end];
            id = Below(id, new(parts[next + 1], string.Join('/', pairs.Where((_, at) => at % 2 == 0))), [.. pairs.Where((_, at) => at % 2 == 1)]);
            next = end;
        }

        return id is not null;
    }

    public static ResourceId Parse(string text) => TryParse(text, out var id) ? id : throw new FormatException($"'{text}' is not a resource id.");

    public bool Equals(ResourceId? other) => other is not null && Key == other.Key;

    public override bool Equals(object? obj) => Equals(obj as ResourceId);

    public override int GetHashCode() => Key.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;

    private static bool Is(string part, string word) => part.Equals(word, StringComparison.OrdinalIgnoreCase);
}
