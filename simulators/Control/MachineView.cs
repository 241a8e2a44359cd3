using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.BareMetal.Redfish;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Control;

/// <summary>A machine as the control API shows and changes it.</summary>
internal static class MachineView
{
    public static JsonObject Show(Machine machine)
    {
        lock (machine.Gate)
        {
            var shown = Counters(machine);
            shown["port"] = machine.Port;
            shown["serial"] = machine.Identity.Serial;
            shown["uuid"] = machine.Identity.Uuid.ToString();
            shown["mac"] = machine.Identity.Mac;
            shown["personality"] = machine.Personality.Name;
            shown["manufacturer"] = machine.Model.Manufacturer;
            shown["model"] = machine.Model.Name;
            shown["systemPath"] = machine.SystemPath;
            shown["power"] = machine.Power.ToString();
            shown["phase"] = machine.Phase.ToString();
            shown["boot"] = Node(machine.FutureBoot ?? machine.Boot);
            shown["media"] = new JsonArray([.. machine.Bmc.Media.Select(slot => (JsonNode)new JsonObject { ["slot"] = slot.Id, ["inserted"] = slot.Inserted })]);
            shown["sessions"] = machine.Bmc.Sessions.Open(machine.World.Clock.Now).Count;
            shown["disks"] = new JsonArray([.. machine.Disks.Select(disk => (JsonNode)new JsonObject
            {
                ["serial"] = disk.Serial, ["sizeBytes"] = disk.SizeBytes, ["content"] = disk.Content.ToString(), ["wipes"] = disk.Wipes, ["sha256"] = disk.Installed?.Sha256,
            })]);
            shown["nodeName"] = machine.NodeName;
            shown["wipedDisks"] = Json.Array(machine.WipedDisks);
            shown["bootedFrom"] = Json.Array(machine.BootedFrom);
            shown["destructiveSteps"] = Node(machine.DestructiveSteps);
            shown["scenarios"] = Json.Array(Names(machine.Scenario));
            shown["quirks"] = Node(machine.Personality);
            return shown;
        }
    }

    public static JsonObject Counters(Machine machine)
    {
        lock (machine.Gate)
        {
            return new JsonObject
            {
                ["slot"] = machine.Slot, ["powerTransitions"] = machine.PowerTransitions, ["mediaInserts"] = machine.MediaInserts,
                ["wipes"] = machine.Wipes, ["writes"] = machine.Writes, ["joins"] = machine.Joins,
            };
        }
    }

    /// <summary>
    /// Takes <c>scenarios</c> (replaces all), <c>quirks</c> (merged into the personality), <c>power</c> (<c>On</c> or <c>Off</c>: somebody
    /// at the rack pushes the button) and <c>disks</c> (<c>{"&lt;serial&gt;":"OldSystem|Empty|Partial"}</c>).
    /// </summary>
    /// <exception cref="ArgumentException">An unknown scenario or content.</exception>
    /// <exception cref="FormatException">An unknown disk.</exception>
    public static JsonObject Change(Machine machine, JsonObject body)
    {
        lock (machine.Gate)
        {
            if (body["scenarios"] is JsonArray names)
                machine.Scenario = names.Aggregate(Scenario.None, (all, name) => all | Enum.Parse<Scenario>(name!.GetValue<string>(), ignoreCase: true));
            if (body["quirks"] is JsonObject quirks)
            {
                var merged = (JsonObject)Node(machine.Personality);
                foreach (var (name, value) in quirks) merged[name] = value?.DeepClone();
                machine.Personality = merged.Deserialize<Personality>(Json.Compact) ?? machine.Personality;
            }

            if (body["disks"] is JsonObject disks)
            {
                foreach (var (serial, content) in disks)
                {
                    var disk = machine.Disks.FirstOrDefault(disk => disk.Serial == serial) ?? throw new FormatException($"There is no disk {serial}.");
                    disk.Content = Enum.Parse<DiskContent>(content!.GetValue<string>(), ignoreCase: true);
                }
            }

            switch (body.Text("power"))
            {
                case "On":
                    MachinePower.Reset(machine, "On");
                    break;
                case "Off":
                    MachinePower.Reset(machine, "ForceOff");
                    break;
            }
        }

        return Show(machine);
    }

    private static IEnumerable<string> Names(Scenario scenario) =>
        Enum.GetValues<Scenario>().Where(one => one != Scenario.None && (scenario & one) != Scenario.None).Select(one => JsonNamingPolicy.CamelCase.ConvertName(one.ToString()));

    private static JsonNode Node<T>(T value) => JsonSerializer.SerializeToNode(value, Json.Compact)!;
}
