using System.Globalization;
using System.Text.Json;
using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Who a BMC and its machine are.</summary>
internal sealed record BmcIdentity
{
    public string? Vendor { get; init; }
    public string? Product { get; init; }

    /// <summary>The service root's UUID: the BMC's own.</summary>
    public string? BmcUuid { get; init; }

    public string? BmcMacAddress { get; init; }
    public string? BmcModel { get; init; }
    public string? BmcFirmwareVersion { get; init; }
    public string? Manufacturer { get; init; }
    public string? Model { get; init; }
    public string? SerialNumber { get; init; }
    public string? SystemUuid { get; init; }

    /// <summary>The path of the system, to be stored with the machine.</summary>
    public required string SystemPath { get; init; }

    /// <summary>The BMC's clock minus ours: more than minutes and its TLS to the boot server fails.</summary>
    public TimeSpan? ClockSkew { get; init; }
}

/// <summary>Reads the tree of one machine. Optional parts that are missing stay null or empty.</summary>
internal sealed class Inspector(RedfishClient client, MachineFacts facts, TimeProvider clock)
{
    public async Task<BmcIdentity> IdentifyAsync(CancellationToken stop)
    {
        var system = (await client.GetAsync(facts.System, stop)).Body;
        var manager = await FindAsync(facts.Manager, stop);
        return new()
        {
            Vendor = facts.Vendor,
            Product = facts.Product,
            BmcUuid = facts.ServiceUuid ?? manager.Text("UUID"),
            BmcMacAddress = await BmcMacAsync(manager, stop),
            BmcModel = manager.Text("Model"),
            BmcFirmwareVersion = manager.Text("FirmwareVersion"),
            Manufacturer = system.Text("Manufacturer"),
            Model = system.Text("Model"),
            SerialNumber = await SerialAsync(system, stop),
            SystemUuid = system.Text("UUID"),
            SystemPath = facts.System.AbsolutePath,
            ClockSkew = DateTimeOffset.TryParse(manager.Text("DateTime"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time - clock.GetUtcNow() : null,
        };
    }

    public async Task<HardwareInventory> InspectAsync(CancellationToken stop)
    {
        var system = (await client.GetAsync(facts.System, stop)).Body;
        var manager = await FindAsync(facts.Manager, stop);
        var processors = await ReadAllAsync(system.Link("Processors"), stop);
        return new()
        {
            Manufacturer = system.Text("Manufacturer"),
            Model = system.Text("Model"),
            SerialNumber = await SerialAsync(system, stop),
            Sku = system.Text("SKU"),
            Uuid = system.Text("UUID"),
            BiosVersion = system.Text("BiosVersion"),
            BmcFirmwareVersion = manager.Text("FirmwareVersion"),
            BmcModel = manager.Text("Model"),
            BmcMacAddress = await BmcMacAsync(manager, stop),
            MemoryGiB = await MemoryAsync(system, stop),
            Processors = [.. processors.Where(p => p.Text("ProcessorType") is "CPU" or null).Select(Processor)],
            Gpus = [.. processors.Where(p => p.Text("ProcessorType") is "GPU" or "Accelerator").Select(Gpu)],
            Disks = await new DiskInspector(client).ReadAsync(system, stop),
            Nics = await NicsAsync(system, stop),
            BootMethods = [.. BootMethodsOf(system, manager)],
        };
    }

    private async Task<string?> SerialAsync(JsonElement system, CancellationToken stop) =>
        system.Text("SerialNumber") ?? (await FindAsync(facts.Chassis, stop)).Text("SerialNumber");

    /// <summary>The summary, else the sum of the modules' CapacityMiB (VolatileSizeMiB lies: bmclib#450).</summary>
    private async Task<double?> MemoryAsync(JsonElement system, CancellationToken stop)
    {
        if (system.Number("MemorySummary", "TotalSystemMemoryGiB") is { } total and > 0) return total;
        var modules = await ReadAllAsync(system.Link("Memory"), stop);
        var mebibytes = modules.Sum(module => module.Number("CapacityMiB") ?? 0);
        return mebibytes > 0 ? mebibytes / 1024 : null;
    }

    private async Task<NicInventory[]> NicsAsync(JsonElement system, CancellationToken stop) =>
    [
        .. (await ReadAllAsync(system.Link("EthernetInterfaces"), stop))
            .Select(port => new NicInventory
            {
                Name = port.Text("Id") ?? port.Text("Name"),
                MacAddress = Mac(port),
                LinkStatus = port.Text("LinkStatus"),
                SpeedMbps = port.Integer("SpeedMbps"),
            })
            .Where(port => port.MacAddress is not null), // A disabled port shows an empty or zero address.
    ];

    private async Task<string?> BmcMacAsync(JsonElement manager, CancellationToken stop) =>
        (await ReadAllAsync(manager.Link("EthernetInterfaces"), stop)).Select(Mac).OfType<string>().FirstOrDefault();

    private IEnumerable<BootMethod> BootMethodsOf(JsonElement system, JsonElement manager)
    {
        var boot = BootConfiguration.Of(system, default);
        var hasMedia = system.Link("VirtualMedia") is not null || manager.Link("VirtualMedia") is not null;
        if (boot.AllowableTargets.Contains("UefiHttp") || facts.Profile.HttpBoot != HttpBootMeans.BootUri) yield return BootMethod.UefiHttp;
        if (hasMedia && (boot.Offers("Cd") || boot.Offers("UsbCd"))) yield return BootMethod.VirtualMedia;
        if (boot.Offers("Pxe")) yield return BootMethod.Pxe;
    }

    private static ProcessorInventory Processor(JsonElement processor) => new()
    {
        Name = processor.Text("Socket") ?? processor.Text("Id"),
        Model = processor.Text("Model"),
        InstructionSet = processor.Text("InstructionSet"),
        TotalCores = processor.Integer("TotalCores"),
        TotalThreads = processor.Integer("TotalThreads"),
    };

    private static GpuInventory Gpu(JsonElement gpu) => new()
    {
        Name = gpu.Text("Name") ?? gpu.Text("Id"),
        Manufacturer = gpu.Text("Manufacturer"),
        Model = gpu.Text("Model"),
        MemoryGiB = gpu.Number("MemorySummary", "TotalMemorySizeMiB") / 1024,
    };

    /// <summary>Lower case with colons, whichever of the three names in use carries it; null for none and for 00:00….</summary>
    public static string? Mac(JsonElement port)
    {
        var text = port.Text("MACAddress") ?? port.Text("PermanentMACAddress") ?? port.Text("MacAddress");
        var digits = string.Concat((text ?? "").Where(char.IsAsciiHexDigit)).ToLowerInvariant();
        return digits.Length != 12 || digits.All(digit => digit == '0') ? null : string.Join(':', digits.Chunk(2).Select(pair => new string(pair)));
    }

    private async Task<JsonElement> FindAsync(Uri? resource, CancellationToken stop) =>
        resource is null ? default : (await client.FindAsync(resource, stop))?.Body ?? default;

    private Task<List<JsonElement>> ReadAllAsync(string? collection, CancellationToken stop) => client.ReadMembersAsync(collection, stop);
}
