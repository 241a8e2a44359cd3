using ControlPlane.Api.Arm;
using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Api.BareMetal;

internal static class BareMetalProvider
{
    public static IReadOnlyList<RegisteredType> Types { get; } =
    [
        new RegisteredType<BareMetalMachine, BareMetalMachineStatus>(),
        new RegisteredType<Rack, RackStatus>(),
        new RegisteredType<OsImage, OsImageStatus>(),
    ];
}
