using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>What all machines share: time, the journal, the network they stand in.</summary>
internal sealed class World(VirtualClock clock, Journal journal, MachineNetwork network)
{
    public VirtualClock Clock => clock;
    public Journal Journal => journal;
    public MachineNetwork Network => network;

    /// <summary>Base address that DHCP hands to PXE firmware; null = no PXE service on this network.</summary>
    public Uri? PxeServer { get; set; }

    /// <summary>Told when a node's machine loses power; the cluster marks the node as lost after its grace period.</summary>
    public Action<string>? NodeLost { get; set; }
}
