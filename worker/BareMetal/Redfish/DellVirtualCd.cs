using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// Old iDRAC 9: the override's Cd is the physical drive, and the virtual one is chosen by attributes of the manager
/// (iDRAC-Redfish-Scripting#90).
/// </summary>
internal sealed class DellVirtualCd(RedfishClient client, MachineFacts facts)
{
    private const string Device = "ServerBoot.1.FirstBootDevice";
    private const string Once = "ServerBoot.1.BootOnce";

    public async Task<BootOutcome> SelectAsync(BootConfiguration boot, CancellationToken stop)
    {
        await SetAsync("VCD-DVD", stop);
        var stuck = await DeviceAsync(stop) == "VCD-DVD";
        return new() { Stuck = stuck, ReadBack = boot with { Target = "Cd", Enabled = "Once" }, Problem = stuck ? null : "The iDRAC accepted the virtual CD as first boot device and reads back something else." };
    }

    public async Task<BootPart> DeselectAsync(CancellationToken stop)
    {
        if (await DeviceAsync(stop) != "VCD-DVD") return BootPart.Done;
        await SetAsync("HDD", stop);
        var stuck = await DeviceAsync(stop) != "VCD-DVD";
        return new(stuck, null, stuck ? null : "The iDRAC keeps the virtual CD as first boot device.");
    }

    private Task<RedfishAnswer?> SetAsync(string device, CancellationToken stop) => client.UpdateAsync(Attributes(), current =>
        current.Text("Attributes", Device) == device && current.Text("Attributes", Once) == "Enabled"
            ? null
            : new() { ["Attributes"] = new JsonObject { [Device] = device, [Once] = "Enabled" } }, stop);

    private async Task<string?> DeviceAsync(CancellationToken stop) => (await client.FindAsync(Attributes(), stop))?.Body.Text("Attributes", Device);

    private Uri Attributes() => facts.Manager is { } manager
        ? client.Resolve($"{manager.AbsolutePath.TrimEnd('/')}/Attributes")
        : throw new RedfishException(RedfishFailure.Protocol, "The BMC names no manager.");
}
