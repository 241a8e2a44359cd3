namespace ControlPlane.Contracts.Arm;

/// <summary>A type name as it stands in a resource id, such as <c>ControlPlane.BareMetal/racks</c>; nested types have more segments.</summary>
public sealed record ResourceType(string Provider, string Name)
{
    public static ResourceType Subscription { get; } = new("Microsoft.Resources", "subscriptions");
    public static ResourceType ResourceGroup { get; } = new("Microsoft.Resources", "resourceGroups");

    /// <summary>The segments of <see cref="Name"/>: one for a top-level type.</summary>
    public IReadOnlyList<string> Segments { get; } = Name.Split('/');

    public override string ToString() => $"{Provider}/{Name}";

    public bool Equals(ResourceType? other) => other is not null
        && Provider.Equals(other.Provider, StringComparison.OrdinalIgnoreCase)
        && Name.Equals(other.Name, StringComparison.OrdinalIgnoreCase);

    public override int GetHashCode() => HashCode.Combine(
        Provider.GetHashCode(StringComparison.OrdinalIgnoreCase), Name.GetHashCode(StringComparison.OrdinalIgnoreCase));
}
