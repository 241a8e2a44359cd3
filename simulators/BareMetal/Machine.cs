using ControlPlane.Simulators.BareMetal.Redfish;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>Redfish PowerState.</summary>
internal enum PowerState { Off, PoweringOn, On, PoweringOff }

/// <summary>How far a powered machine has come.</summary>
internal enum MachinePhase { Off, Post, Booting, Agent, System, Halted }

/// <summary>Boot override as the BMC shows it.</summary>
internal sealed record BootSettings
{
    public string Enabled { get; init; } = "Disabled";
    public string Target { get; init; } = "None";
    public string Mode { get; init; } = "UEFI";
    public string? HttpBootUri { get; init; }
    public string? UefiTarget { get; init; }
}

/// <summary>A destructive or committing step that really happened, and the attempt on whose behalf.</summary>
internal sealed record DestructiveStep(DateTimeOffset Time, string Kind, string Target, string Attempt);

/// <summary>
/// One server with its BMC: identity, hardware and everything that changes. Fields are read and written under <see cref="Gate"/>;
/// behaviour lives in <see cref="MachinePower"/>, <see cref="Firmware"/> and <see cref="ProvisioningAgent"/>.
/// </summary>
internal sealed class Machine
{
    private const long RootDiskBytes = 480_103_981_056;
    private const long DataDiskBytes = 3_840_755_982_336;

    public Machine(World world, int slot, int port, Personality personality, HardwareModel model, int seed)
    {
        World = world;
        Slot = slot;
        Port = port;
        Personality = personality;
        Model = model;
        Identity = MachineIdentity.For(seed, slot);
        Disks =
        [
            new Disk("nvme0n1", $"S6XNNE0T1{slot:00000}", RootDiskBytes, DiskContent.OldSystem),
            new Disk("nvme1n1", $"S6XNNE0T9{slot:00000}", DataDiskBytes, DiskContent.OldSystem),
        ];
        Bmc = new BmcState(personality);
    }

    public World World { get; }

    /// <summary>1-based place in the rack.</summary>
    public int Slot { get; }

    public int Port { get; }
    public MachineIdentity Identity { get; }
    public HardwareModel Model { get; }
    public IReadOnlyList<Disk> Disks { get; }
    public Lock Gate { get; } = new();

    public Personality Personality { get; set; }
    public Scenario Scenario { get; set; } = Scenario.None;
    public BmcState Bmc { get; }

    public PowerState Power { get; set; }
    public MachinePhase Phase { get; set; }
    public DateTimeOffset PowerChanged { get; set; }
    public BootSettings Boot { get; set; } = new();

    /// <summary>Boot settings that wait in the settings object for the next reset.</summary>
    public BootSettings? FutureBoot { get; set; }

    /// <summary>The run between power on and power off; replaced by a reset.</summary>
    public CancellationTokenSource? Run { get; set; }

    public List<string> BootedFrom { get; } = [];
    public List<DestructiveStep> DestructiveSteps { get; } = [];
    public List<string> WipedDisks { get; } = [];
    public int Wipes { get; set; }
    public int Writes { get; set; }
    public int Joins { get; set; }
    public int PowerTransitions { get; set; }
    public int MediaInserts { get; set; }

    /// <summary>Name of the Kubernetes node that runs here now.</summary>
    public string? NodeName { get; set; }

    public bool Has(Scenario scenario) => (Scenario & scenario) != Scenario.None;

    /// <summary>A path of this BMC's tree in its vendor's spelling.</summary>
    public string Path(string tail) => Personality.TrailingSlashes ? $"/redfish/v1/{tail}/" : $"/redfish/v1/{tail}";

    public string SystemPath => Path($"Systems/{Personality.SystemId}");
    public string ManagerPath => Path($"Managers/{Personality.ManagerId}");
    public string ChassisPath => Path($"Chassis/{Personality.ChassisId}");

    /// <summary>A path below the system, without caring about slashes.</summary>
    public string UnderSystem(string tail) => Path($"Systems/{Personality.SystemId}/{tail}");

    /// <summary>Realistic seconds, multiplied by the clock; ten times as long on a slow machine.</summary>
    public Task DelayAsync(double seconds, CancellationToken cancel) =>
        World.Clock.DelayAsync(TimeSpan.FromSeconds(Has(Scenario.Slow) ? seconds * 10 : seconds), cancel);

    public void Did(string effect) => World.Journal.Act(Slot, effect);
}
