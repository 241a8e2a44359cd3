using System.Text.Json;
using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>The drives of a system: from Storage, else from the older SimpleStorage.</summary>
internal sealed class DiskInspector(RedfishClient client)
{
    public async Task<DiskInventory[]> ReadAsync(JsonElement system, CancellationToken stop)
    {
        var drives = new List<DiskInventory>();
        foreach (var storage in await client.ReadMembersAsync(system.Link("Storage"), stop))
        {
            foreach (var link in storage.Items("Drives").Select(drive => drive.Text("@odata.id")).OfType<string>())
            {
                if (await client.FindAsync(client.Resolve(link), stop) is { } drive) drives.Add(Drive(drive.Body));
            }
        }

        if (drives.Count > 0) return [.. drives];
        var simple = await client.ReadMembersAsync(system.Link("SimpleStorage"), stop);
        return [.. simple.SelectMany(controller => controller.Items("Devices")).Where(device => device.Long("CapacityBytes") is > 0).Select(Device)];
    }

    private static DiskInventory Drive(JsonElement drive) => new()
    {
        Name = drive.Text("Name") ?? drive.Text("Id"),
        Model = drive.Text("Model"),
        SerialNumber = drive.Text("SerialNumber"),
        Wwn = drive.Items("Identifiers").Where(id => id.Text("DurableNameFormat") is "NAA" or "EUI" or "NGUID").Select(id => id.Text("DurableName")).FirstOrDefault(),
        CapacityBytes = drive.Long("CapacityBytes"),
        MediaType = drive.Text("MediaType"),
        Protocol = drive.Text("Protocol"),
    };

    private static DiskInventory Device(JsonElement device) => new()
    {
        Name = device.Text("Name"),
        Model = device.Text("Model"),
        CapacityBytes = device.Long("CapacityBytes"),
    };
}
