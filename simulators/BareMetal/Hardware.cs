using System.Security.Cryptography;
using System.Text;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>What a server model is made of.</summary>
internal sealed record HardwareModel
{
    public required string Name { get; init; }
    public required string Manufacturer { get; init; }
    public required string Sku { get; init; }
    public required string CpuModel { get; init; }
    public required int Sockets { get; init; }
    public required int CoresPerSocket { get; init; }
    public required int MemoryGiB { get; init; }
    public required int Dimms { get; init; }
    public required string BiosVersion { get; init; }
    public required string BmcModel { get; init; }
    public required string BmcFirmware { get; init; }
    public string? GpuModel { get; init; }
    public int Gpus { get; init; }

    private static HardwareModel Dell(string name, string sku, string cpu, int cores, int memory, string bios) => new()
    {
        Name = name, Manufacturer = "Dell Inc.", Sku = sku, CpuModel = cpu, Sockets = 2, CoresPerSocket = cores, MemoryGiB = memory, Dimms = 16,
        BiosVersion = bios, BmcModel = name.EndsWith("60", StringComparison.Ordinal) ? "16G Monolithic" : "15G Monolithic", BmcFirmware = "7.10.50.00",
    };

    private static HardwareModel Hpe(string name, string sku, string cpu, int cores, int memory, string bios, string bmc, string firmware) => new()
    {
        Name = name, Manufacturer = "HPE", Sku = sku, CpuModel = cpu, Sockets = 2, CoresPerSocket = cores, MemoryGiB = memory, Dimms = 16,
        BiosVersion = bios, BmcModel = bmc, BmcFirmware = firmware,
    };

    private static readonly HardwareModel[] all =
    [
        Dell("PowerEdge R650", "0B1F", "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", 32, 512, "1.14.1"),
        Dell("PowerEdge R750", "0B20", "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", 32, 512, "1.14.1"),
        Dell("PowerEdge R660", "0C04", "Intel(R) Xeon(R) Gold 6430", 32, 512, "2.2.7"),
        Dell("PowerEdge R760", "0C05", "Intel(R) Xeon(R) Gold 6430", 32, 512, "2.2.7"),
        Dell("PowerEdge XE9680", "0C0A", "Intel(R) Xeon(R) Platinum 8480+", 56, 2048, "2.1.5") with { GpuModel = "NVIDIA H100 80GB HBM3", Gpus = 8, Dimms = 32 },
        Hpe("ProLiant DL360 Gen10 Plus", "P28948-B21", "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", 32, 512, "U46 v2.00", "iLO 5", "iLO 5 v3.04"),
        Hpe("ProLiant DL380 Gen10 Plus", "P05172-B21", "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", 32, 512, "U46 v2.00", "iLO 5", "iLO 5 v3.04"),
        Hpe("ProLiant DL360 Gen11", "P52499-B21", "Intel(R) Xeon(R) Gold 6430", 32, 512, "U54 v2.16", "iLO 6", "iLO 6 v1.57"),
        Hpe("ProLiant DL380 Gen11", "P52534-B21", "Intel(R) Xeon(R) Gold 6430", 32, 512, "U54 v2.16", "iLO 6", "iLO 6 v1.57"),
        Hpe("SYS-621C-TN12R", "SYS-621C-TN12R", "Intel(R) Xeon(R) Gold 6430", 32, 256, "2.1", "AST2600", "01.02.14") with { Manufacturer = "Supermicro" },
        Hpe("MegaRAC SP-X Reference", "AMI-1", "AMD EPYC 9354 32-Core Processor", 32, 256, "5.27", "AST2600", "13.06.01") with { Manufacturer = "AMI", Sockets = 1 },
        Hpe("Standard PC (Q35 + ICH9, 2009)", "pc-q35-7.2", "QEMU Virtual CPU version 2.5+", 4, 16, "2022.11", "Simulated", "1.0") with { Manufacturer = "QEMU", Sockets = 1, Dimms = 1 },
    ];

    public static HardwareModel Named(string name) => all.First(model => string.Equals(model.Name, name, StringComparison.Ordinal));
}

/// <summary>What tells one machine from another. The same seed and slot give the same identity in every run.</summary>
internal sealed record MachineIdentity(string Serial, Guid Uuid, string Mac, string SecondMac, string BmcMac, Guid BmcUuid)
{
    public static MachineIdentity For(int seed, int slot)
    {
        var place = $"{slot >> 8:x2}:{slot & 0xff:x2}";
        return new MachineIdentity($"CZ3D{slot:0000}", Derive(seed, slot, "system"), $"02:c0:ff:{place}:00", $"02:c0:ff:{place}:01",
            $"02:b0:ff:{place}:00", Derive(seed, slot, "bmc"));
    }

    /// <summary>A UUID of the form of version 4 (RFC 9562) that depends on its arguments only.</summary>
    private static Guid Derive(int seed, int slot, string purpose)
    {
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes($"{purpose}/{seed}/{slot}")).AsSpan(0, 16);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}

/// <summary>What is on a disk.</summary>
internal enum DiskContent
{
    /// <summary>A previous owner's operating system: it boots, and it must not any more after a wipe.</summary>
    OldSystem,
    Empty,

    /// <summary>A write was begun and not finished: does not boot, because the boot sector is written last.</summary>
    Partial,
    Image,
}

/// <summary>One NVMe drive.</summary>
internal sealed class Disk(string name, string serial, long sizeBytes, DiskContent content)
{
    public string Name => name;
    public string Serial => serial;
    public long SizeBytes => sizeBytes;

    /// <summary>IEEE EUI-64 in the form that udev shows.</summary>
    public string Wwn { get; } = "eui." + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(serial)).AsSpan(0, 8));

    public DiskContent Content { get; set; } = content;

    /// <summary>The system that a finished write put there.</summary>
    public InstalledSystem? Installed { get; set; }

    public int Wipes { get; set; }
}
