using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>The boot override: what it shows, and all the ways in which BMCs refuse, ignore or twist a change.</summary>
internal static class BootPages
{
    private static readonly string[] enabledValues = ["Disabled", "Once", "Continuous"];
    private static readonly string[] modeValues = ["UEFI", "Legacy"];

    public static JsonObject Boot(Machine machine, BootSettings boot)
    {
        var shown = new JsonObject
        {
            ["BootSourceOverrideEnabled"] = boot.Enabled, ["BootSourceOverrideEnabled@Redfish.AllowableValues"] = Json.Array(enabledValues),
            ["BootSourceOverrideTarget"] = boot.Target, ["BootSourceOverrideTarget@Redfish.AllowableValues"] = Json.Array(Targets(machine)),
            ["BootSourceOverrideMode"] = boot.Mode, ["BootSourceOverrideMode@Redfish.AllowableValues"] = Json.Array(modeValues),
            ["UefiTargetBootSourceOverride"] = boot.UefiTarget, ["BootOptions"] = Link(machine.UnderSystem("BootOptions")),
            ["BootOrder"] = Json.Array(["Boot0000", "Boot0001"]),
        };
        if (machine.Personality.HttpBoot == HttpBootBy.HttpBootUri) shown["HttpBootUri"] = boot.HttpBootUri;
        return shown;
    }

    /// <summary>AMI's future state.</summary>
    public static RedfishPage SettingsPage(Machine machine) => new()
    {
        Body = Of(machine.UnderSystem("SD"), "#ComputerSystem.v1_20_0.ComputerSystem", "SD", "FutureState",
            new JsonObject { ["Boot"] = Boot(machine, machine.FutureBoot ?? machine.Boot) }).Body,
        Patch = body => body["Boot"] is JsonObject boot ? Change(machine, boot) : RedfishErrors.Missing(machine, "Boot"),
    };

    /// <summary>Changes the override as far as this BMC allows.</summary>
    public static RedfishAnswer Change(Machine machine, JsonObject boot)
    {
        if (Refusal(machine, boot) is { } refusal) return refusal;
        var (personality, before) = (machine.Personality, machine.FutureBoot ?? machine.Boot);
        var complete = boot.ContainsKey("BootSourceOverrideEnabled") && boot.ContainsKey("BootSourceOverrideTarget") && boot.ContainsKey("BootSourceOverrideMode");
        if (personality.FullBootSetDemanded && !complete) return new RedfishAnswer(204);

        var after = before with
        {
            Enabled = boot.Text("BootSourceOverrideEnabled") ?? before.Enabled,
            Target = boot.Text("BootSourceOverrideTarget") ?? before.Target,
            Mode = boot.Text("BootSourceOverrideMode") ?? (personality.ModeRevertsUnlessSent ? "Legacy" : before.Mode),
            HttpBootUri = boot.ContainsKey("HttpBootUri") ? boot.Text("HttpBootUri") : before.HttpBootUri,
            UefiTarget = boot.Text("UefiTargetBootSourceOverride") ?? before.UefiTarget,
        };
        if (personality.OnceBecomesContinuous && after.Enabled == "Once") after = after with { Enabled = "Continuous" };
        if (after.Enabled == "Disabled") after = after with { Target = "None" };
        if (personality.BootSettingsObject) machine.FutureBoot = after;
        else machine.Boot = after;
        return RedfishAnswer.NoContent(after == before ? null : $"bootOverride:{after.Enabled}/{after.Target}");
    }

    public static RedfishPage? Options(Machine machine, string[] path) => path switch
    {
        [] => Collection(machine.UnderSystem("BootOptions"), "BootOptionCollection", "Boot Options",
            [machine.UnderSystem("BootOptions/Boot0000"), machine.UnderSystem("BootOptions/Boot0001")]),
        ["Boot0000"] => Option(machine, "Boot0000", "Hard drive C:", "PciRoot(0x0)/Pci(0x1,0x0)/NVMe(0x1,00-00-00-00-00-00-00-00)", "Hdd"),
        ["Boot0001"] => Option(machine, "Boot0001", "PXE Device 1", $"MAC({machine.Identity.Mac.Replace(":", "", StringComparison.Ordinal)},0x1)/IPv4(0.0.0.0)", "Pxe"),
        _ => null,
    };

    private static RedfishPage Option(Machine machine, string id, string display, string device, string alias) =>
        Of(machine.UnderSystem($"BootOptions/{id}"), "#BootOption.v1_0_5.BootOption", id, display, new JsonObject
        {
            ["BootOptionReference"] = id, ["BootOptionEnabled"] = true, ["DisplayName"] = display, ["UefiDevicePath"] = device, ["Alias"] = alias,
        });

    private static RedfishAnswer? Refusal(Machine machine, JsonObject boot)
    {
        var personality = machine.Personality;
        if (personality.OverrideRefusedDuringPost && machine.Phase == MachinePhase.Post)
            return RedfishErrors.Error(machine, 400, "UnableToModifyDuringSystemPOST", "The value of the property cannot be changed during system POST.");
        if (boot.ContainsKey("HttpBootUri") && personality.HttpBoot != HttpBootBy.HttpBootUri)
            return RedfishErrors.NotWritable(machine, "HttpBootUri");
        if (boot.ContainsKey("BootSourceOverrideMode") && personality.ModeNotWritable)
            return RedfishErrors.NotWritable(machine, "BootSourceOverrideMode");

        var (enabled, target, mode) = (boot.Text("BootSourceOverrideEnabled"), boot.Text("BootSourceOverrideTarget"), boot.Text("BootSourceOverrideMode"));
        if (enabled is not null && !enabledValues.Contains(enabled, StringComparer.Ordinal)) return RedfishErrors.NotInList(machine, "BootSourceOverrideEnabled", enabled);
        if (target is not null && !Targets(machine).Contains(target, StringComparer.Ordinal)) return RedfishErrors.NotInList(machine, "BootSourceOverrideTarget", target);
        if (mode is not null && !modeValues.Contains(mode, StringComparer.Ordinal)) return RedfishErrors.NotInList(machine, "BootSourceOverrideMode", mode);
        if (personality.EnabledMustBeSent && enabled is null) return RedfishErrors.Missing(machine, "BootSourceOverrideEnabled");
        return personality.DisablingNeedsTarget && enabled == "Disabled" && target is null or "None"
            ? RedfishErrors.Error(machine, 400, "InvalidOperationForSystemState", "The override can be disabled only together with a target other than None.")
            : null;
    }

    private static string[] Targets(Machine machine) => machine.Personality switch
    {
        { UsbCdInsteadOfCd: true } => ["None", "Pxe", "Hdd", "Cd", "UsbCd", "BiosSetup", "UefiHttp"],
        { Vendor: "Dell" } => ["None", "Pxe", "Floppy", "Cd", "Hdd", "BiosSetup", "Utilities", "UefiTarget", "SDCard", "UefiHttp"],
        { Vendor: "HPE" } => ["None", "Cd", "Hdd", "Usb", "SDCard", "Utilities", "Diags", "BiosSetup", "Pxe", "UefiShell", "UefiHttp", "UefiTarget"],
        _ => ["None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "UefiTarget", "UefiHttp"],
    };
}
