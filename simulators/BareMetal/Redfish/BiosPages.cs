using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>BIOS attributes and their settings object, with Dell's jobs and HPE's plain "after the next reset".</summary>
internal static class BiosPages
{
    public static RedfishPage? Find(Machine machine, string[] path) => path switch
    {
        [] => Bios(machine),
        ["Settings"] => new RedfishPage
        {
            Body = Of(machine.UnderSystem("Bios/Settings"), "#Bios.v1_2_0.Bios", "Settings", "BIOS Pending Settings",
                new JsonObject { ["Attributes"] = Attributes(machine.Bmc.Bios.Pending) }).Body,
            Patch = body => Change(machine, body),
        },
        ["BiosRegistry"] => Registry(machine),
        _ => null,
    };

    /// <summary>Dell: turns the pending values into a job (<c>POST Managers/…/Jobs {"TargetSettingsURI"}</c>).</summary>
    public static RedfishAnswer Schedule(Machine machine, JsonObject? body)
    {
        var bios = machine.Bmc.Bios;
        if (body.Text("TargetSettingsURI") is not { } target || !target.TrimEnd('/').EndsWith("Bios/Settings", StringComparison.Ordinal))
            return RedfishErrors.NotInList(machine, "TargetSettingsURI", body.Text("TargetSettingsURI"));
        if (bios.Pending.Count == 0) return RedfishErrors.Error(machine, 400, "RAC0026", "There are no pending data to create a configuration job.");
        return bios.Job is not null
            ? RedfishErrors.Error(machine, 400, "RAC0020", "A configuration job already exists for the requested target.")
            : NewJob(machine, 200);
    }

    private static RedfishPage Bios(Machine machine) =>
        Of(machine.UnderSystem("Bios"), "#Bios.v1_2_0.Bios", "Bios", "BIOS Configuration Current Settings", new JsonObject
        {
            ["AttributeRegistry"] = "BiosAttributeRegistry.v1_0_0", ["Attributes"] = Attributes(machine.Bmc.Bios.Current(machine)),
            ["@Redfish.Settings"] = new JsonObject
            {
                ["@odata.type"] = "#Settings.v1_3_5.Settings", ["SettingsObject"] = Link(machine.UnderSystem("Bios/Settings")),
                ["SupportedApplyTimes"] = Json.Array(["OnReset"]),
            },
        });

    private static RedfishAnswer Change(Machine machine, JsonObject body)
    {
        var (personality, bios) = (machine.Personality, machine.Bmc.Bios);
        if (NotReady(machine)) return RedfishErrors.Error(machine, 503, "SYS518", "iDRAC is not ready. The configuration values cannot be accessed. Please retry after a few minutes.");
        if (body["Attributes"] is not JsonObject attributes) return RedfishErrors.Missing(machine, "Attributes");
        if (bios.Job is not null) return RedfishErrors.Error(machine, 400, "RAC0013", "Pending data cannot be changed because a configuration job is already scheduled.");
        var names = attributes.Select(pair => pair.Key).ToList();
        foreach (var name in names)
        {
            if (!bios.Current(machine).ContainsKey(name))
                return RedfishErrors.Error(machine, 400, "Base.1.18.PropertyUnknown", $"The property {name} is not in the list of valid properties for the resource.", name);
            if (bios.IsReadOnly(machine, name, names, attributes.Text("HttpDev1EnDis")))
                return RedfishErrors.Error(machine, 400, "SYS410", $"Unable to modify the attribute because the attribute {name} is read-only and depends on other attributes.", name);
        }

        var changed = false;
        foreach (var name in names)
        {
            var value = attributes.Text(name) ?? attributes[name]?.ToJsonString() ?? "";
            var now = bios.Pending.GetValueOrDefault(name) ?? bios.Current(machine)[name];
            if (now == value) continue;
            bios.Pending[name] = value;
            changed = true;
        }

        var effect = changed ? "bios:" + string.Join(',', names) : null;
        if (!personality.BiosChangesAreJobs)
            return RedfishErrors.Error(machine, 200, "SystemResetRequired", "One or more properties were changed and will not take effect until system is reset.") with { Effect = effect };
        var onReset = body["@Redfish.SettingsApplyTime"] is JsonObject when && when.Text("ApplyTime") is "OnReset";
        if (!onReset || bios.Pending.Count == 0) return new RedfishAnswer(200) { Effect = effect };
        return NewJob(machine, 202) with { Effect = effect };
    }

    private static bool NotReady(Machine machine) =>
        machine.Power == PowerState.On && machine.PowerTransitions > 0
        && machine.World.Clock.Now - machine.PowerChanged < machine.World.Clock.Scale(TimeSpan.FromSeconds(machine.Personality.NotReadySeconds));

    private static RedfishAnswer NewJob(Machine machine, int status)
    {
        var job = machine.Bmc.Bios.Job = machine.Bmc.NewTask(machine, "Configure: BIOS.Setup.1-1");
        return new RedfishAnswer(status) { Location = machine.Path($"TaskService/Tasks/{job.Id}"), Effect = "bios:job" };
    }

    private static RedfishPage Registry(Machine machine)
    {
        var readOnly = machine.Personality.RegistryReadonlySmallO ? "Readonly" : "ReadOnly";
        var lower = machine.Personality.RegistryReadonlySmallO ? -1 : 0;
        return Of(machine.UnderSystem("Bios/BiosRegistry"), "#AttributeRegistry.v1_3_6.AttributeRegistry", "BiosRegistry", "BIOS Attribute Registry", new JsonObject
        {
            ["RegistryEntries"] = new JsonObject
            {
                ["Attributes"] = new JsonArray([.. machine.Bmc.Bios.Current(machine).Keys.Select(name => (JsonNode)new JsonObject
                {
                    ["AttributeName"] = name, ["Type"] = "String", ["LowerBound"] = lower,
                    [readOnly] = machine.Bmc.Bios.IsReadOnly(machine, name, [], null),
                })]),
            },
        });
    }

    private static JsonObject Attributes(IReadOnlyDictionary<string, string> values)
    {
        var shown = new JsonObject();
        foreach (var (name, value) in values) shown[name] = value;
        return shown;
    }
}
