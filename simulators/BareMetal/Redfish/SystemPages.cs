using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>The computer system: identity, power, boot; its parts are in <see cref="InventoryPages"/>.</summary>
internal static class SystemPages
{
    public static RedfishPage? Find(Machine machine, string[] path) => path switch
    {
        [] => System(machine),
        ["SD"] when machine.Personality.BootSettingsObject => BootPages.SettingsPage(machine),
        ["Actions", "ComputerSystem.Reset"] => new RedfishPage { Post = body => Reset(machine, body) },
        ["ResetActionInfo"] => ResetActionInfo(machine),
        ["Bios", .. var rest] => BiosPages.Find(machine, rest),
        ["SecureBoot"] => SecureBoot(machine),
        ["BootOptions", .. var rest] => BootPages.Options(machine, rest),
        ["VirtualMedia", .. var rest] when machine.Personality.MediaUnder.HasFlag(MediaUnder.Systems) => MediaPages.Find(machine, machine.SystemPath, rest),
        _ => InventoryPages.Find(machine, path),
    };

    private static RedfishPage System(Machine machine)
    {
        var (model, identity, personality) = (machine.Model, machine.Identity, machine.Personality);
        var page = Of(machine.SystemPath, "#ComputerSystem.v1_20_0.ComputerSystem", personality.SystemId, "System", new JsonObject
        {
            ["SystemType"] = "Physical", ["Manufacturer"] = model.Manufacturer, ["Model"] = model.Name, ["SKU"] = model.Sku,
            ["SerialNumber"] = personality.SerialOnChassisOnly ? null : personality.SerialPadded ? identity.Serial + "    " : identity.Serial,
            ["UUID"] = identity.Uuid.ToString(), ["BiosVersion"] = model.BiosVersion, ["PowerState"] = machine.Power.ToString(),
            ["Status"] = InventoryPages.Healthy(), ["Boot"] = BootPages.Boot(machine, machine.Boot),
            ["BootProgress"] = new JsonObject { ["LastState"] = Progress(machine) },
            ["MemorySummary"] = new JsonObject { ["TotalSystemMemoryGiB"] = model.MemoryGiB, ["Status"] = InventoryPages.Healthy() },
            ["ProcessorSummary"] = new JsonObject
            {
                ["Count"] = model.Sockets, ["CoreCount"] = model.Sockets * model.CoresPerSocket, ["LogicalProcessorCount"] = model.Sockets * model.CoresPerSocket * 2,
                ["Model"] = model.CpuModel, ["Status"] = InventoryPages.Healthy(),
            },
            ["TrustedModules"] = new JsonArray(new JsonObject { ["InterfaceType"] = "TPM2_0", ["Status"] = new JsonObject { ["State"] = "Enabled" } }),
            ["HostWatchdogTimer"] = new JsonObject { ["FunctionEnabled"] = false },
            ["Processors"] = Link(machine.UnderSystem("Processors")), ["Memory"] = Link(machine.UnderSystem("Memory")),
            ["Storage"] = Link(machine.UnderSystem("Storage")), ["SimpleStorage"] = Link(machine.UnderSystem("SimpleStorage")),
            ["EthernetInterfaces"] = Link(machine.UnderSystem("EthernetInterfaces")), ["Bios"] = Link(machine.UnderSystem("Bios")),
            ["SecureBoot"] = Link(machine.UnderSystem("SecureBoot")),
            ["Links"] = new JsonObject { ["Chassis"] = new JsonArray(Link(machine.ChassisPath)), ["ManagedBy"] = new JsonArray(Link(machine.ManagerPath)) },
            ["Actions"] = new JsonObject { ["#ComputerSystem.Reset"] = ResetAction(machine) },
        });
        if (personality.MediaUnder.HasFlag(MediaUnder.Systems)) page.Body!["VirtualMedia"] = Link(machine.UnderSystem("VirtualMedia"));
        if (personality.BootSettingsObject)
            page.Body!["@Redfish.Settings"] = new JsonObject { ["@odata.type"] = "#Settings.v1_3_5.Settings", ["SettingsObject"] = Link(machine.UnderSystem("SD")) };
        if (personality.Vendor == "HPE")
            page.Body!["Oem"] = new JsonObject { ["Hpe"] = new JsonObject { ["PostState"] = PostState(machine) } };
        return new RedfishPage { Body = page.Body, Patch = body => Patch(machine, body) };
    }

    private static RedfishAnswer Patch(Machine machine, JsonObject body)
    {
        foreach (var name in body.Select(property => property.Key))
        {
            if (name is not ("Boot" or "AssetTag" or "IndicatorLED" or "HostWatchdogTimer"))
                return name is "SerialNumber" or "PowerState" or "UUID" ? RedfishErrors.NotWritable(machine, name) : RedfishErrors.Unknown(machine, name);
        }

        if (body["Boot"] is not JsonObject boot) return new RedfishAnswer(200, System(machine).Body);
        if (machine.Personality.BootSettingsObject) return RedfishErrors.NotWritable(machine, "Boot");
        var answer = BootPages.Change(machine, boot);
        return answer.Status < 300 && machine.Personality.Vendor != "Dell" ? answer with { Status = 200, Body = System(machine).Body } : answer;
    }

    private static JsonObject ResetAction(Machine machine)
    {
        var action = new JsonObject { ["target"] = Target(machine), ["@Redfish.ActionInfo"] = machine.UnderSystem("ResetActionInfo") };
        if (!machine.Personality.ResetTypesInActionInfo) action["ResetType@Redfish.AllowableValues"] = Json.Array(MachinePower.ResetTypes);
        return action;
    }

    private static string Target(Machine machine) => machine.UnderSystem("Actions/ComputerSystem.Reset");

    private static RedfishPage ResetActionInfo(Machine machine) =>
        Of(machine.UnderSystem("ResetActionInfo"), "#ActionInfo.v1_3_0.ActionInfo", "ResetActionInfo", "Reset Action Info", new JsonObject
        {
            ["Parameters"] = new JsonArray(new JsonObject
            {
                ["Name"] = "ResetType", ["Required"] = true, ["DataType"] = "String", ["AllowableValues"] = Json.Array(MachinePower.ResetTypes),
            }),
        });

    private static RedfishAnswer Reset(Machine machine, JsonObject? body)
    {
        var type = body.Text("ResetType");
        if (type is null) return RedfishErrors.Error(machine, 400, "Base.1.18.ActionParameterMissing", "The action ComputerSystem.Reset requires the parameter ResetType to be present in the request body.", "ComputerSystem.Reset", "ResetType");
        return MachinePower.Reset(machine, type) switch
        {
            ResetOutcome.Applied => RedfishAnswer.NoContent($"power:{type}"),
            ResetOutcome.AlreadyThere or ResetOutcome.NotInThisState => AlreadyThere(machine, type),
            ResetOutcome.ConflictAfterOff => RedfishErrors.Error(machine, 409, "Base.1.18.ActionParameterValueConflict", "The parameter ResetType with the requested value of On does not meet the constraints of the implementation.", "ResetType", "On"),
            _ => RedfishErrors.Error(machine, 400, "Base.1.18.ActionParameterNotSupported", $"The value '{type}' for the parameter ResetType is not supported.", type, "ResetType"),
        };
    }

    private static RedfishAnswer AlreadyThere(Machine machine, string type) => machine.Personality.AlreadyThereStatus switch
    {
        409 => RedfishErrors.Error(machine, 409, "PSU501", "Unable to complete the operation because the server is already in the requested power state."),
        400 => RedfishErrors.Error(machine, 400, "InvalidOperationForSystemState", "The operation was not successful due to the current power state."),
        _ when type is "On" or "ForceOff" or "GracefulShutdown" => RedfishAnswer.NoContent(null),
        _ => RedfishErrors.Error(machine, 409, "Base.1.18.ActionParameterValueConflict", $"The parameter ResetType with the requested value of {type} conflicts with the power state.", "ResetType", type),
    };

    private static RedfishPage SecureBoot(Machine machine) => new()
    {
        Body = Of(machine.UnderSystem("SecureBoot"), "#SecureBoot.v1_1_0.SecureBoot", "SecureBoot", "UEFI Secure Boot", new JsonObject
        {
            ["SecureBootEnable"] = machine.Bmc.SecureBoot, ["SecureBootCurrentBoot"] = machine.Bmc.SecureBoot ? "Enabled" : "Disabled", ["SecureBootMode"] = "DeployedMode",
        }).Body,
        Patch = body =>
        {
            if (body["SecureBootEnable"] is not JsonValue value || !value.TryGetValue(out bool wanted)) return RedfishErrors.NotInList(machine, "SecureBootEnable", null);
            var changed = machine.Bmc.SecureBoot != wanted;
            machine.Bmc.SecureBoot = wanted;
            return RedfishAnswer.NoContent(changed ? $"secureBoot:{wanted}" : null);
        },
    };

    private static string Progress(Machine machine) => machine.Phase switch
    {
        MachinePhase.Post => "SystemHardwareInitializationComplete",
        MachinePhase.Booting => "OSBootStarted",
        MachinePhase.Agent or MachinePhase.System => "OSRunning",
        _ => "None",
    };

    private static string PostState(Machine machine) => machine.Phase switch
    {
        MachinePhase.Off => "PowerOff",
        MachinePhase.Post => "InPost",
        _ => "FinishedPost",
    };
}
