namespace ControlPlane.Contracts.BareMetal;

/// <summary>How a machine can be made to start something else than its disk.</summary>
public enum BootMethod
{
    /// <summary>The firmware fetches one EFI file over HTTP or HTTPS.</summary>
    UefiHttp,

    /// <summary>The BMC shows an image as a CD.</summary>
    VirtualMedia,

    /// <summary>The firmware asks DHCP and TFTP.</summary>
    Pxe,
}

/// <summary>What a BMC says about its machine, off or on. Whatever Redfish may omit is nullable: absent is not zero.</summary>
public sealed record HardwareInventory
{
    public string? Manufacturer { get; init; }
    public string? Model { get; init; }

    /// <summary>Trimmed; the chassis' number when the system has none.</summary>
    public string? SerialNumber { get; init; }

    public string? Sku { get; init; }

    /// <summary>The SMBIOS UUID.</summary>
    public string? Uuid { get; init; }

    public string? BiosVersion { get; init; }
    public string? BmcFirmwareVersion { get; init; }
    public string? BmcModel { get; init; }

    /// <summary>The MAC address of the BMC itself: together with <see cref="SerialNumber"/> it is the machine's identity.</summary>
    public string? BmcMacAddress { get; init; }

    public double? MemoryGiB { get; init; }
    public ProcessorInventory[] Processors { get; init; } = [];
    public GpuInventory[] Gpus { get; init; } = [];
    public DiskInventory[] Disks { get; init; } = [];
    public NicInventory[] Nics { get; init; } = [];

    /// <summary>What the BMC offers, best first. An offer is not yet a proof.</summary>
    public BootMethod[] BootMethods { get; init; } = [];
}

/// <summary>One CPU socket.</summary>
public sealed record ProcessorInventory
{
    public string? Name { get; init; }
    public string? Model { get; init; }
    public string? InstructionSet { get; init; }
    public int? TotalCores { get; init; }
    public int? TotalThreads { get; init; }
}

/// <summary>One accelerator.</summary>
public sealed record GpuInventory
{
    public string? Name { get; init; }
    public string? Manufacturer { get; init; }
    public string? Model { get; init; }
    public double? MemoryGiB { get; init; }
}

/// <summary>One drive. A wipe or a write names it by serial number or WWN, never by name.</summary>
public sealed record DiskInventory
{
    public string? Name { get; init; }
    public string? Model { get; init; }
    public string? SerialNumber { get; init; }

    /// <summary>NAA or EUI-64 identifier.</summary>
    public string? Wwn { get; init; }

    public long? CapacityBytes { get; init; }

    /// <summary>Redfish's word: HDD, SSD, SMR.</summary>
    public string? MediaType { get; init; }

    /// <summary>Redfish's word: NVMe, SAS, SATA …</summary>
    public string? Protocol { get; init; }
}

/// <summary>One network port of the host.</summary>
public sealed record NicInventory
{
    public string? Name { get; init; }

    /// <summary>Lower case with colons.</summary>
    public string? MacAddress { get; init; }

    /// <summary>Redfish's word: LinkUp, LinkDown, NoLink.</summary>
    public string? LinkStatus { get; init; }

    public int? SpeedMbps { get; init; }
}
