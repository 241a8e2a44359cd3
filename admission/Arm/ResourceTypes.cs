using System.Reflection;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>Every resource type: each record of the contracts that declares itself one. Writing the record is all it takes to be served.</summary>
internal static class ResourceTypes
{
    /// <summary>The resource group first, then by name.</summary>
    public static IReadOnlyList<RegisteredType> All { get; } =
    [
        .. typeof(ResourceId).Assembly.GetTypes().SelectMany(Declared)
            .OrderBy(type => type.Type != ResourceType.ResourceGroup).ThenBy(type => type.Type.ToString(), StringComparer.Ordinal),
    ];

    private static readonly Dictionary<ResourceType, RegisteredType> ByType = All.ToDictionary(type => type.Type);

    private static readonly Dictionary<string, VersionLadder> Ladders = All.Where(type => type.Ladder.Steps.Count > 0).ToDictionary(type => type.Type.ToString(), type => type.Ladder, StringComparer.OrdinalIgnoreCase);

    /// <summary>The ladder of a type, by its name; null for one whose api-versions have all the same properties.</summary>
    public static VersionLadder? LadderOf(string type) => Ladders.GetValueOrDefault(type);

    public static RegisteredType Find(ResourceType type) => ByType[type];

    public static RegisteredType? TryFind(ResourceType type) => ByType.GetValueOrDefault(type);

    /// <summary>The route patterns of everything that an extension may stand below: the tenant (empty), subscriptions, groups, and resources of every type.</summary>
    public static IEnumerable<string> Extended() =>
        ["", "/subscriptions/{subscription}", "/subscriptions/{subscription}/resourceGroups/{resourceGroup}", .. All.Where(type => !type.IsExtension && type.Type != ResourceType.ResourceGroup).SelectMany(type => type.Templates([]))];

    private static IEnumerable<RegisteredType> Declared(Type record) =>
        record.GetInterfaces().Where(one => one.IsGenericType && one.GetGenericTypeDefinition() == typeof(IResource<,>))
            .Select(one => (RegisteredType)Activator.CreateInstance(typeof(RegisteredType<,>).MakeGenericType(one.GetGenericArguments()), nonPublic: true)!);
}
