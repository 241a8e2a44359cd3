namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>A task or, on Dell, a configuration job.</summary>
internal sealed class BmcTask(string id, string name, DateTimeOffset created)
{
    public string Id => id;
    public string Name => name;
    public DateTimeOffset Created => created;

    /// <summary>Redfish TaskState: Pending until a reset, then Completed.</summary>
    public string State { get; set; } = "Pending";
}

/// <summary>One virtual media slot.</summary>
internal sealed class MediaSlot(string id, string[] types)
{
    public string Id => id;
    public IReadOnlyList<string> Types => types;
    public bool IsDisc { get; } = types.Contains("CD", StringComparer.Ordinal) || types.Contains("DVD", StringComparer.Ordinal);
    public string? Image { get; set; }
    public bool Inserted => Image is not null;
    public bool WriteProtected { get; set; } = true;
    public string? TransferProtocol { get; set; }
}

/// <summary>An event subscription.</summary>
internal sealed record Subscription(string Id, string Destination, string? Context, string Protocol);

/// <summary>What the BMC remembers besides the server's power and boot override.</summary>
internal sealed class BmcState
{
    private int taskNumber;

    public BmcState(Personality personality)
    {
        Bios = new BiosState();
        Media = personality.SingleMediaSlot
            ? [new MediaSlot("1", ["CD", "DVD", "USBStick"])]
            : personality.HttpBoot == HttpBootBy.DellHttpDevice
                ? [new MediaSlot("CD", ["CD", "DVD"]), new MediaSlot("RemovableDisk", ["USBStick"])]
                : personality.Vendor == "Contoso"
                    ? [new MediaSlot("1", ["Floppy", "USBStick"]), new MediaSlot("2", ["CD", "DVD"]), new MediaSlot("3", ["CD", "DVD"])]
                    : [new MediaSlot("1", ["Floppy", "USBStick"]), new MediaSlot("2", ["CD", "DVD"])];
    }

    public BmcSessions Sessions { get; } = new();
    public BiosState Bios { get; }
    public IReadOnlyList<MediaSlot> Media { get; }
    public List<BmcTask> Tasks { get; } = [];
    public List<Subscription> Subscriptions { get; } = [];

    /// <summary>Dell's OEM attribute that makes the virtual disc the next boot device.</summary>
    public bool VirtualDiscNext { get; set; }

    public bool SecureBoot { get; set; }

    public BmcTask NewTask(Machine machine, string name)
    {
        var number = ++taskNumber;
        var id = machine.Personality.BiosChangesAreJobs ? $"JID_{machine.Slot:0000}{number:00000000}" : $"{number}";
        var task = new BmcTask(id, name, machine.World.Clock.Now);
        Tasks.Add(task);
        return task;
    }
}
