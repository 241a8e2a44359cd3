using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Api.Clusters;

internal static class ClustersProvider
{
    public static IReadOnlyList<RegisteredType> Types { get; } = [new RegisteredType<ConnectedCluster, ConnectedClusterStatus>()];
}
