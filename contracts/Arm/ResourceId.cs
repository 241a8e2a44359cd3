using System.Diagnostics.CodeAnalysis;

namespace ControlPlane.Contracts.Arm;

/// <summary>
/// The path of one resource: a subscription, a resource group, or a resource of a provider below either. Two ids are the same resource when they
/// differ only in case (ARM RPC, "case insensitivity"), so <see cref="Key"/> is what is stored and compared and <see cref="Text"/> is what is shown.
/// </summary>
public sealed class ResourceId : IEquatable<ResourceId>
{
    private ResourceId(string subscription, string? resourceGroup, ResourceType type, IReadOnlyList<string> names, string text)
    {
        (Subscription, ResourceGroup, Type, Names, Text) = (subscription, resourceGroup, type, names, text);
        Key = text.ToLowerInvariant();
    }

    public string Subscription { get; }

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
            ? Create(Subscription, ResourceGroup, new(Type.Provider, string.Join('/', Type.Segments.SkipLast(1))), [.. Names.SkipLast(1)])
        : ResourceGroup is null ? OfSubscription(Subscription)
        : Group(Subscription, ResourceGroup);

    public static ResourceId OfSubscription(string subscription) =>
        new(subscription, null, ResourceType.Subscription, [subscription], $"/subscriptions/{subscription}");

    public static ResourceId Group(string subscription, string group) =>
        new(subscription, group, ResourceType.ResourceGroup, [group], $"/subscriptions/{subscription}/resourceGroups/{group}");

    public static ResourceId Create(string subscription, string? group, ResourceType type, IReadOnlyList<string> names)
    {
        var scope = group is null ? $"/subscriptions/{subscription}" : $"/subscriptions/{subscription}/resourceGroups/{group}";
        var path = string.Join('/', type.Segments.Zip(names, (segment, name) => $"{segment}/{name}"));
        return new(subscription, group, type, names, $"{scope}/providers/{type.Provider}/{path}");
    }

    /// <summary>The id of a sibling: same scope and type, another name.</summary>
    public ResourceId Sibling(ResourceType type, string name) => Create(Subscription, ResourceGroup, type, [name]);

    public static bool TryParse(string? text, [NotNullWhen(true)] out ResourceId? id)
    {
        id = null;
        var parts = (text ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 2 || !Is(parts[0], "subscriptions"))
            return false;
        var subscription = parts[1];
        if (parts.Length == 2)
        {
            id = OfSubscription(subscription);
            return true;
        }

        var (next, group) = (2, (string?)null);
        if (Is(parts[2], "resourceGroups"))
        {
            if (parts.Length < 4)
                return false;
            (next, group) = (4, parts[3]);
            if (parts.Length == 4)
            {
                id = Group(subscription, group);
                return true;
            }
        }

        var rest = parts.Length - next - 2;
        if (rest < 2 || rest % 2 != 0 || !Is(parts[next], "providers"))
            return false;
        var segments = new List<string>();
        var names = new List<string>();
        for (var at = next + 2; at < parts.Length; at += 2)
        {
            segments.Add(parts[at]);
            names.Add(parts[at + 1]);
        }

        id = Create(subscription, group, new(parts[next + 1], string.Join('/', segments)), names);
        return true;
    }

    public static ResourceId Parse(string text) => TryParse(text, out var id) ? id : throw new FormatException($"'{text}' is not a resource id.");

    public bool Equals(ResourceId? other) => other is not null && Key == other.Key;

    public override bool Equals(object? obj) => Equals(obj as ResourceId);

    public override int GetHashCode() => Key.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;

    private static bool Is(string part, string word) => part.Equals(word, StringComparison.OrdinalIgnoreCase);
}
