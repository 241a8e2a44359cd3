using System.Text.Json;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Where one machine's resources are and of what family its BMC is. Found once per connection.</summary>
internal sealed record MachineFacts
{
    public required Uri System { get; init; }
    public required Uri? Manager { get; init; }
    public required Uri? Chassis { get; init; }
    public required VendorProfile Profile { get; init; }
    public required string? Vendor { get; init; }
    public required string? Product { get; init; }
    public required string? ServiceUuid { get; init; }
    public required string? RedfishVersion { get; init; }

    /// <summary>The TaskService of the BMC, if any.</summary>
    public required string? Tasks { get; init; }

    /// <param name="systemPath">Null takes the only system there is.</param>
    /// <exception cref="RedfishException">Rejected when there are several and the address names none, or when there is none.</exception>
    public static async Task<MachineFacts> FindAsync(RedfishClient client, string? systemPath, CancellationToken stop)
    {
        var root = await client.OpenAsync(stop);
        var systemUri = systemPath is null ? await OnlySystemAsync(client, root, stop) : client.Resolve(systemPath);
        var system = (await client.GetAsync(systemUri, stop)).Body;

        var managerLink = system.Items("Links", "ManagedBy").Select(link => link.Text("@odata.id")).OfType<string>().FirstOrDefault();
        var managerUri = managerLink is not null ? client.Resolve(managerLink) : (await client.MembersAsync(root.Link("Managers"), stop)).FirstOrDefault();
        var chassisLink = system.Items("Links", "Chassis").Select(link => link.Text("@odata.id")).OfType<string>().FirstOrDefault();
        var manager = managerUri is null ? default : (await client.FindAsync(managerUri, stop))?.Body ?? default;
        var vendor = root.Text("Vendor") ?? system.Text("Manufacturer");
        return new()
        {
            System = systemUri,
            Manager = managerUri,
            Chassis = chassisLink is null ? null : client.Resolve(chassisLink),
            Profile = VendorProfiles.Choose(vendor, root.Text("Product"), manager.Text("Model"), manager.Text("FirmwareVersion"), system.Text("ProcessorSummary", "Model")),
            Vendor = vendor,
            Product = root.Text("Product"),
            ServiceUuid = root.Text("UUID"),
            RedfishVersion = root.Text("RedfishVersion"),
            Tasks = root.Link("Tasks") ?? root.Link("TaskService"),
        };
    }

    private static async Task<Uri> OnlySystemAsync(RedfishClient client, JsonElement root, CancellationToken stop)
    {
        var systems = await client.MembersAsync(root.Link("Systems"), stop);
        return systems switch
        {
            [var only] => only,
            [] => throw new RedfishException(RedfishFailure.Rejected, "The BMC lists no system."),
            _ => throw new RedfishException(RedfishFailure.Rejected,
                $"The BMC has {systems.Count} systems; its address must carry the path of one: {string.Join(", ", systems.Take(8).Select(system => system.AbsolutePath))}."),
        };
    }
}
