using System.Text.Json.Nodes;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>The chassis, with as much of adapters and PCIe devices as an inspection looks at.</summary>
internal static class ChassisPages
{
    public static RedfishPage? Find(Machine machine, string[] path)
    {
        string Under(string tail) => machine.Path($"Chassis/{machine.Personality.ChassisId}/{tail}");
        return path switch
        {
            [] => Of(machine.ChassisPath, "#Chassis.v1_23_0.Chassis", machine.Personality.ChassisId, "Chassis", new JsonObject
            {
                ["ChassisType"] = "RackMount", ["Manufacturer"] = machine.Model.Manufacturer, ["Model"] = machine.Model.Name,
                ["SerialNumber"] = machine.Identity.Serial, ["PowerState"] = machine.Power.ToString(), ["Status"] = InventoryPages.Healthy(),
                ["NetworkAdapters"] = Link(Under("NetworkAdapters")), ["PCIeDevices"] = Link(Under("PCIeDevices")),
                ["Links"] = new JsonObject { ["ComputerSystems"] = new JsonArray(Link(machine.SystemPath)), ["ManagedBy"] = new JsonArray(Link(machine.ManagerPath)) },
            }),
            ["NetworkAdapters"] => Collection(Under("NetworkAdapters"), "NetworkAdapterCollection", "Network Adapters", [Under("NetworkAdapters/1")]),
            ["NetworkAdapters", "1"] => Of(Under("NetworkAdapters/1"), "#NetworkAdapter.v1_9_0.NetworkAdapter", "1", "Network Adapter", new JsonObject
            {
                ["Manufacturer"] = "Broadcom", ["Model"] = "BCM57414 NetXtreme-E 25Gb", ["Status"] = InventoryPages.Healthy(),
            }),
            ["PCIeDevices"] => Collection(Under("PCIeDevices"), "PCIeDeviceCollection", "PCIe Devices",
                Enumerable.Range(1, machine.Model.Gpus).Select(number => Under($"PCIeDevices/GPU.{number}"))),
            ["PCIeDevices", var id] when id.StartsWith("GPU.", StringComparison.Ordinal) && int.TryParse(id.AsSpan(4), out var number) && number >= 1 && number <= machine.Model.Gpus =>
                Of(Under($"PCIeDevices/{id}"), "#PCIeDevice.v1_12_0.PCIeDevice", id, "GPU", new JsonObject
                {
                    ["Manufacturer"] = "NVIDIA", ["Model"] = machine.Model.GpuModel, ["DeviceType"] = "SingleFunction", ["Status"] = InventoryPages.Healthy(),
                }),
            _ => null,
        };
    }
}
