using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>Processors, memory, disks and network ports of the system.</summary>
internal static class InventoryPages
{
    public static RedfishPage? Find(Machine machine, string[] path) => path switch
    {
        ["Processors"] => Members(machine, "Processors", "ProcessorCollection", Processors(machine)),
        ["Processors", var id] => Number(id, "CPU.", machine.Model.Sockets) is { } cpu ? Cpu(machine, cpu)
            : Number(id, "GPU.", machine.Model.Gpus) is { } gpu ? Gpu(machine, gpu) : null,
        ["Memory"] => Members(machine, "Memory", "MemoryCollection", Names("DIMM.", machine.Model.Dimms)),
        ["Memory", var id] => Number(id, "DIMM.", machine.Model.Dimms) is { } dimm ? Dimm(machine, dimm) : null,
        ["Storage"] => Members(machine, "Storage", "StorageCollection", ["1"]),
        ["Storage", "1"] => Storage(machine),
        ["Storage", "1", "Volumes"] => Members(machine, "Storage/1/Volumes", "VolumeCollection", []),
        ["Storage", "1", "Drives", var id] => Number(id, "Disk.", machine.Disks.Count) is { } disk ? Drive(machine, disk) : null,
        ["SimpleStorage"] => Members(machine, "SimpleStorage", "SimpleStorageCollection", ["1"]),
        ["SimpleStorage", "1"] => SimpleStorage(machine),
        ["EthernetInterfaces"] => Members(machine, "EthernetInterfaces", "EthernetInterfaceCollection", Names("NIC.", Ports(machine))),
        ["EthernetInterfaces", var id] => Number(id, "NIC.", Ports(machine)) is { } nic ? Nic(machine, nic) : null,
        _ => null,
    };

    public static JsonObject Healthy() => new() { ["State"] = "Enabled", ["Health"] = "OK", ["HealthRollup"] = "OK" };

    private static int Ports(Machine machine) => machine.Personality.DisabledPortListed ? 3 : 2;

    private static IEnumerable<string> Names(string prefix, int count) => Enumerable.Range(1, count).Select(number => $"{prefix}{number}");

    private static IEnumerable<string> Processors(Machine machine) => Names("CPU.", machine.Model.Sockets).Concat(Names("GPU.", machine.Model.Gpus));

    private static int? Number(string id, string prefix, int count) =>
        id.StartsWith(prefix, StringComparison.Ordinal) && int.TryParse(id.AsSpan(prefix.Length), out var number) && number >= 1 && number <= count ? number : null;

    private static RedfishPage Members(Machine machine, string tail, string type, IEnumerable<string> ids) =>
        Collection(machine.UnderSystem(tail), type, tail, ids.Select(id => machine.UnderSystem($"{tail}/{id}")));

    private static RedfishPage Cpu(Machine machine, int number) =>
        Of(machine.UnderSystem($"Processors/CPU.{number}"), "#Processor.v1_18_0.Processor", $"CPU.{number}", $"CPU {number}", new JsonObject
        {
            ["Socket"] = $"CPU.{number}", ["ProcessorType"] = "CPU", ["ProcessorArchitecture"] = "x86", ["InstructionSet"] = "x86-64",
            ["Manufacturer"] = machine.Model.CpuModel.StartsWith("AMD", StringComparison.Ordinal) ? "AMD" : "Intel", ["Model"] = machine.Model.CpuModel,
            ["TotalCores"] = machine.Model.CoresPerSocket, ["TotalThreads"] = machine.Model.CoresPerSocket * 2, ["MaxSpeedMHz"] = 3200, ["Status"] = Healthy(),
        });

    private static RedfishPage Gpu(Machine machine, int number) =>
        Of(machine.UnderSystem($"Processors/GPU.{number}"), "#Processor.v1_18_0.Processor", $"GPU.{number}", $"GPU {number}", new JsonObject
        {
            ["ProcessorType"] = "GPU", ["Manufacturer"] = "NVIDIA", ["Model"] = machine.Model.GpuModel, ["Status"] = Healthy(),
        });

    private static RedfishPage Dimm(Machine machine, int number) =>
        Of(machine.UnderSystem($"Memory/DIMM.{number}"), "#Memory.v1_18_0.Memory", $"DIMM.{number}", $"DIMM {number}", new JsonObject
        {
            ["CapacityMiB"] = machine.Model.MemoryGiB * 1024 / machine.Model.Dimms, ["MemoryDeviceType"] = "DDR5", ["OperatingSpeedMhz"] = 4800, ["Status"] = Healthy(),
        });

    private static RedfishPage Storage(Machine machine) =>
        Of(machine.UnderSystem("Storage/1"), "#Storage.v1_15_0.Storage", "1", "NVMe storage", new JsonObject
        {
            ["Drives@odata.count"] = machine.Disks.Count,
            ["Drives"] = new JsonArray([.. Names("Disk.", machine.Disks.Count).Select(id => (JsonNode)Link(machine.UnderSystem($"Storage/1/Drives/{id}")))]),
            ["StorageControllers"] = new JsonArray(new JsonObject { ["MemberId"] = "0", ["Name"] = "PCIe controller", ["SupportedDeviceProtocols"] = Json.Array(["NVMe"]), ["Status"] = Healthy() }),
            ["Volumes"] = Link(machine.UnderSystem("Storage/1/Volumes")), ["Status"] = Healthy(),
        });

    private static RedfishPage Drive(Machine machine, int number)
    {
        var disk = machine.Disks[number - 1];
        return Of(machine.UnderSystem($"Storage/1/Drives/Disk.{number}"), "#Drive.v1_17_0.Drive", $"Disk.{number}", $"Disk {number}", new JsonObject
        {
            ["CapacityBytes"] = disk.SizeBytes, ["MediaType"] = "SSD", ["Protocol"] = "NVMe", ["Manufacturer"] = "SAMSUNG", ["Model"] = "MZQL2960HCJR",
            ["SerialNumber"] = disk.Serial, ["BlockSizeBytes"] = 512, ["FailurePredicted"] = false, ["EncryptionAbility"] = "None", ["Status"] = Healthy(),
            ["Identifiers"] = new JsonArray(new JsonObject { ["DurableName"] = disk.Wwn, ["DurableNameFormat"] = "EUI" }),
        });
    }

    private static RedfishPage SimpleStorage(Machine machine) =>
        Of(machine.UnderSystem("SimpleStorage/1"), "#SimpleStorage.v1_3_1.SimpleStorage", "1", "Simple Storage Controller", new JsonObject
        {
            ["Devices"] = new JsonArray([.. machine.Disks.Select(disk => (JsonNode)new JsonObject
            {
                ["Name"] = disk.Serial, ["Model"] = "MZQL2960HCJR", ["CapacityBytes"] = disk.SizeBytes, ["Status"] = Healthy(),
            })]),
        });

    private static RedfishPage Nic(Machine machine, int number)
    {
        var (mac, link) = number switch
        {
            1 => (machine.Identity.Mac, "LinkUp"),
            2 => (machine.Identity.SecondMac, "NoLink"),
            _ => ("00:00:00:00:00:00", "NoLink"),
        };
        return Of(machine.UnderSystem($"EthernetInterfaces/NIC.{number}"), "#EthernetInterface.v1_9_0.EthernetInterface", $"NIC.{number}", $"Port {number}", new JsonObject
        {
            ["MACAddress"] = mac.ToUpperInvariant(), ["PermanentMACAddress"] = mac.ToUpperInvariant(), ["SpeedMbps"] = link == "LinkUp" ? 25000 : 0, ["LinkStatus"] = link,
            ["UefiDevicePath"] = $"PciRoot(0x0)/Pci(0x2,0x0)/MAC({mac.Replace(":", "", StringComparison.Ordinal).ToUpperInvariant()},0x1)",
            ["Status"] = number > 2 ? new JsonObject { ["State"] = "Disabled" } : Healthy(),
        });
    }
}
