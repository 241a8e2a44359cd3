using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>The BMC itself: its firmware, clock, network identity, job queue and OEM attributes.</summary>
internal static class ManagerPages
{
    public static RedfishPage? Find(Machine machine, string[] path)
    {
        var personality = machine.Personality;
        return path switch
        {
            [] => Manager(machine),
            ["EthernetInterfaces"] => Collection(Under(machine, "EthernetInterfaces"), "EthernetInterfaceCollection", "Manager Ethernet Interfaces", [Under(machine, "EthernetInterfaces/1")]),
            ["EthernetInterfaces", "1"] => Of(Under(machine, "EthernetInterfaces/1"), "#EthernetInterface.v1_9_0.EthernetInterface", "1", "Manager Ethernet Interface", new JsonObject
            {
                ["MACAddress"] = machine.Identity.BmcMac.ToUpperInvariant(), ["PermanentMACAddress"] = machine.Identity.BmcMac.ToUpperInvariant(), ["LinkStatus"] = "LinkUp",
                ["IPv4Addresses"] = new JsonArray(new JsonObject { ["Address"] = "127.0.0.1", ["AddressOrigin"] = "Static" }), ["Status"] = InventoryPages.Healthy(),
            }),
            ["VirtualMedia", .. var rest] when personality.MediaUnder.HasFlag(MediaUnder.Managers) => MediaPages.Find(machine, machine.ManagerPath, rest),
            ["Jobs"] or ["Oem", "Dell", "Jobs"] when personality.BiosChangesAreJobs => new RedfishPage
            {
                Body = Collection(Under(machine, "Oem/Dell/Jobs"), "DellJobCollection", "Job Queue", machine.Bmc.Tasks.Select(task => Under(machine, $"Oem/Dell/Jobs/{task.Id}"))).Body,
                Post = body => BiosPages.Schedule(machine, body),
            },
            ["Jobs", var id] when personality.BiosChangesAreJobs => Job(machine, id),
            ["Oem", "Dell", "Jobs", var id] when personality.BiosChangesAreJobs => Job(machine, id),
            ["Attributes"] when personality.Vendor == "Dell" => Attributes(machine),
            _ => null,
        };
    }

    private static RedfishPage? Job(Machine machine, string id) => machine.Bmc.Tasks.Find(task => task.Id == id) is { } task ? ServicePages.JobPage(machine, task) : null;

    private static string Under(Machine machine, string tail) => machine.Path($"Managers/{machine.Personality.ManagerId}/{tail}");

    private static RedfishPage Manager(Machine machine)
    {
        var page = Of(machine.ManagerPath, "#Manager.v1_18_0.Manager", machine.Personality.ManagerId, "Manager", new JsonObject
        {
            ["ManagerType"] = "BMC", ["Model"] = machine.Model.BmcModel, ["FirmwareVersion"] = machine.Model.BmcFirmware, ["UUID"] = machine.Identity.BmcUuid.ToString(),
            ["DateTime"] = machine.World.Clock.Now.AddHours(machine.Personality.ClockSkewHours).ToString("yyyy-MM-ddTHH:mm:sszzz"), ["DateTimeLocalOffset"] = "+00:00", ["PowerState"] = "On",
            ["Status"] = InventoryPages.Healthy(), ["EthernetInterfaces"] = Link(Under(machine, "EthernetInterfaces")),
            ["Links"] = new JsonObject { ["ManagerForServers"] = new JsonArray(Link(machine.SystemPath)), ["ManagerForChassis"] = new JsonArray(Link(machine.ChassisPath)) },
        });
        if (machine.Personality.MediaUnder.HasFlag(MediaUnder.Managers)) page.Body!["VirtualMedia"] = Link(Under(machine, "VirtualMedia"));
        return page;
    }

    /// <summary>Dell's OEM attributes, as far as booting from the virtual disc needs them.</summary>
    private static RedfishPage Attributes(Machine machine) => new()
    {
        Body = Of(Under(machine, "Attributes"), "#DellAttributes.v1_0_0.DellAttributes", "iDRACAttributes", "OEM Attributes", new JsonObject
        {
            ["Attributes"] = new JsonObject
            {
                ["ServerBoot.1.BootOnce"] = machine.Bmc.VirtualDiscNext ? "Enabled" : "Disabled",
                ["ServerBoot.1.FirstBootDevice"] = machine.Bmc.VirtualDiscNext ? "VCD-DVD" : "Normal",
            },
        }).Body,
        Patch = body =>
        {
            if ((body["Attributes"] as JsonObject).Text("ServerBoot.1.FirstBootDevice") is not { } device) return RedfishErrors.Unknown(machine, "Attributes");
            var next = device == "VCD-DVD";
            var changed = machine.Bmc.VirtualDiscNext != next;
            machine.Bmc.VirtualDiscNext = next;
            machine.Boot = next ? machine.Boot with { Enabled = "Once", Target = "Cd" } : machine.Boot with { Enabled = "Disabled", Target = "None" };
            return new RedfishAnswer(200) { Effect = changed ? $"bootOverride:{device}" : null };
        },
    };
}
