using ControlPlane.Api.BareMetal;
using ControlPlane.Api.Clusters;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>Every resource type that the front door serves, one list per domain.</summary>
internal static class ResourceProviders
{
    public static IReadOnlyList<RegisteredType> All { get; } =
    [
        new RegisteredType<ResourceGroup, NoStatus>(),
        .. ClustersProvider.Types,
        .. BareMetalProvider.Types,
    ];

    private static readonly Dictionary<ResourceType, RegisteredType> ByType = All.ToDictionary(type => type.Type);

    public static RegisteredType Find(ResourceType type) => ByType[type];
}
