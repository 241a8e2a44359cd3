using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>
/// The in-band agent: says hello, reports the hardware, asks for instructions and obeys them. The order of calls is the wire contract
/// of the provisioning door (<c>docs/provisioning.md</c>); nothing is destroyed before the answer to <c>wipe-started</c>.
/// </summary>
internal sealed class ProvisioningAgent(Machine machine, Uri door)
{
    private const double WriteSeconds = 30;

    /// <summary>Realistic duration of each way to wipe one disk.</summary>
    private static readonly Dictionary<string, double> wipeSeconds = new(StringComparer.Ordinal)
    {
        ["metadata"] = 2, ["discard"] = 5, ["secureErase"] = 30, ["overwrite"] = 120,
    };

    private readonly DoorClient client = new(machine);
    private int sequence;
    private string attempt = "";
    private double heartbeatSeconds = 1;

    /// <summary>True = go on and boot the disk; false = wait for the controller to reset the machine.</summary>
    public async Task<bool> RunAsync(CancellationToken cancel)
    {
        var identity = machine.Identity;
        var hello = await PostAsync("hello", new JsonObject
        {
            ["mac"] = identity.Mac,
            ["serial"] = machine.Has(Scenario.WrongIdentity) ? "XX" + identity.Serial : identity.Serial,
            ["uuid"] = identity.Uuid.ToString(),
        }, cancel);
        if (!hello.Ok) return false;
        attempt = hello.Body.Text("attempt") ?? "";

        if (!(await PostAsync("inventory", Inventory(), cancel)).Ok) return false;
        var instructions = await client.SendAsync(machine.World.Network.Trusted, HttpMethod.Get, new Uri(door, "instructions"), null, cancel);
        if (!instructions.Ok || instructions.Body is not { } order) return false;
        heartbeatSeconds = (order["heartbeatSeconds"] as JsonValue)?.TryGetValue(out double seconds) is true ? seconds : 1;
        return order.Text("action") switch
        {
            "provision" => await ProvisionAsync(order, cancel) && false,
            "wipe" => await WipeAsync(order, cancel) && await DoneAsync(cancel) && false,
            "none" => true,
            _ => false,
        };
    }

    private async Task<bool> ProvisionAsync(JsonObject order, CancellationToken cancel)
    {
        if (Disk((order["rootDisk"] as JsonObject).Text("serial")) is not { } root)
            return await FailAsync("RootDiskNotFound", "No disk has the serial number that the instructions name.", cancel);
        if (!await WipeAsync(order, cancel)) return false;
        if (order["image"] is not JsonObject image || !await WriteAsync(root, image, cancel)) return false;

        if (!await ProgressAsync("finalising", 0, "asking for join credentials", cancel)) return false;
        var join = await PostAsync("join-credentials", new JsonObject(), cancel);
        if (!join.Ok || join.Body is not { } credentials)
            return await FailAsync("WriteFailed", $"The control plane answered {join.Status} {join.Code}.", cancel);
        lock (machine.Gate)
        {
            cancel.ThrowIfCancellationRequested();
            if (root.Installed is { } system) system.Join = JoinCredentials.From(credentials);
        }

        return await DoneAsync(cancel);
    }

    private async Task<bool> WipeAsync(JsonObject order, CancellationToken cancel)
    {
        var policy = (order["wipe"] as JsonObject).Text("policy") ?? "";
        var serials = Serials(order["wipe"]?["disks"]);
        var disks = serials.Select(Disk).OfType<Disk>().ToList();
        if (!wipeSeconds.TryGetValue(policy, out var seconds) || (policy == "secureErase" && !machine.Personality.DrivesSecureErase))
            return await FailAsync("WipeNotSupported", $"The disks cannot be wiped by '{policy}'.", cancel);
        if (disks.Count != serials.Count || disks.Any(disk => Serials(order["wipe"]?["preserve"]).Contains(disk.Serial)))
            return await FailAsync("WipeFailed", "A disk to be wiped is absent, or is to be preserved.", cancel);

        var permit = await PostAsync("wipe-started", new JsonObject { ["permit"] = order.Text("permit") }, cancel);
        if (!permit.Ok) return permit.Status == 409 && await FailAsync("WipeFailed", "The permit was used before; nothing was touched.", cancel);

        foreach (var disk in disks)
        {
            if (!await ProgressAsync("wiping", 0, disk.Serial, cancel)) return false;
            if (machine.Has(Scenario.WipeFails)) return await FailAsync("WipeFailed", $"Input/output error on {disk.Name}.", cancel);
            MarkWiped(disk, cancel);
            if (!await BeatAsync("wiping", seconds, disk.Serial, cancel)) return false;
        }

        var report = new JsonArray([.. disks.Select(disk => (JsonNode)new JsonObject { ["serial"] = disk.Serial, ["method"] = policy })]);
        return (await PostAsync("wiped", new JsonObject { ["seq"] = ++sequence, ["disks"] = report }, cancel)).Ok;
    }

    private async Task<bool> WriteAsync(Disk root, JsonObject image, CancellationToken cancel)
    {
        if (!await ProgressAsync("writing", 0, image.Text("url") ?? "", cancel)) return false;
        lock (machine.Gate)
        {
            cancel.ThrowIfCancellationRequested();
            root.Content = DiskContent.Partial;
            root.Installed = null;
            machine.Writes++;
            machine.DestructiveSteps.Add(new DestructiveStep(machine.World.Clock.Now, "write", root.Serial, attempt));
            machine.Did($"write:{root.Serial}");
        }

        if (machine.Has(Scenario.SilentAgent))
        {
            machine.Did("agent:silent");
            await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
        }

        var download = await ImageDownload.RunAsync(machine, image, cancel);
        if (download.Failure is { } failure) return await FailAsync("ImageUnavailable", failure, cancel);
        if (machine.Has(Scenario.DiskFull) || download.Bytes > root.SizeBytes)
            return await FailAsync("DiskFull", $"No space left on {root.Name} after {download.Bytes / 2} bytes.", cancel);
        if (!await BeatAsync("writing", WriteSeconds, root.Serial, cancel)) return false;
        if (!string.Equals(download.Sha256, image.Text("sha256"), StringComparison.OrdinalIgnoreCase))
            return await FailAsync("ImageChecksumMismatch", $"sha256 is {download.Sha256}.", cancel);

        // The boot sector goes last: only now could this disk boot.
        lock (machine.Gate)
        {
            cancel.ThrowIfCancellationRequested();
            root.Content = DiskContent.Image;
            root.Installed = new InstalledSystem { Sha256 = download.Sha256, Attempt = attempt };
        }

        var written = new JsonObject { ["seq"] = ++sequence, ["sha256"] = download.Sha256, ["sizeBytes"] = download.Bytes };
        return (await PostAsync("written", written, cancel)).Ok;
    }

    private async Task<bool> DoneAsync(CancellationToken cancel) => (await PostAsync("done", new JsonObject { ["seq"] = ++sequence }, cancel)).Ok;

    /// <summary>Always false, so that a failing step can return it.</summary>
    private async Task<bool> FailAsync(string code, string message, CancellationToken cancel)
    {
        machine.Did($"agent-failed:{code}");
        await PostAsync("failed", new JsonObject
        {
            ["seq"] = ++sequence, ["code"] = code, ["message"] = message, ["evidence"] = new JsonObject { ["serial"] = machine.Identity.Serial },
        }, cancel);
        return false;
    }

    /// <summary>Reports progress through a phase once per heartbeat; false when the attempt is over.</summary>
    private async Task<bool> BeatAsync(string phase, double seconds, string message, CancellationToken cancel)
    {
        var beats = machine.World.Clock.IsInstant ? 1 : Math.Max(1, (int)(seconds / heartbeatSeconds));
        for (var beat = 1; beat <= beats; beat++)
        {
            await machine.DelayAsync(seconds / beats, cancel);
            if (!await ProgressAsync(phase, 100 * beat / beats, message, cancel)) return false;
        }

        return true;
    }

    private async Task<bool> ProgressAsync(string phase, int percent, string message, CancellationToken cancel) =>
        (await PostAsync("progress", new JsonObject { ["seq"] = ++sequence, ["phase"] = phase, ["percent"] = percent, ["message"] = message }, cancel)).Ok;

    private Task<DoorAnswer> PostAsync(string step, JsonObject body, CancellationToken cancel) =>
        client.SendAsync(machine.World.Network.Trusted, HttpMethod.Post, new Uri(door, step), body, cancel);

    private void MarkWiped(Disk disk, CancellationToken cancel)
    {
        lock (machine.Gate)
        {
            cancel.ThrowIfCancellationRequested();
            disk.Content = DiskContent.Empty;
            disk.Installed = null;
            disk.Wipes++;
            machine.Wipes++;
            machine.WipedDisks.Add(disk.Serial);
            machine.DestructiveSteps.Add(new DestructiveStep(machine.World.Clock.Now, "wipe", disk.Serial, attempt));
            machine.Did($"wipe:{disk.Serial}");
        }
    }

    private Disk? Disk(string? serial) => machine.Disks.FirstOrDefault(disk => string.Equals(disk.Serial, serial, StringComparison.Ordinal));

    private static List<string> Serials(JsonNode? list) => list is not JsonArray items
        ? []
        : [.. items.Select(item => item is JsonObject named ? named.Text("serial") : item?.GetValue<string>()).OfType<string>()];

    private JsonObject Inventory()
    {
        string[] supports = machine.Personality.DrivesSecureErase ? ["discard", "secureErase"] : ["discard"];
        return new JsonObject
        {
            ["disks"] = new JsonArray([.. machine.Disks.Select(disk => (JsonNode)new JsonObject
            {
                ["name"] = disk.Name, ["serial"] = disk.Serial, ["wwn"] = disk.Wwn, ["sizeBytes"] = disk.SizeBytes, ["mediaType"] = "NVMe",
                ["removable"] = false, ["readOnly"] = false, ["filesystem"] = disk.Content == DiskContent.OldSystem ? "ext4" : null,
                ["supports"] = Json.Array(supports),
            })]),
            ["nics"] = new JsonArray(
                new JsonObject { ["name"] = "eno1", ["mac"] = machine.Identity.Mac }, new JsonObject { ["name"] = "eno2", ["mac"] = machine.Identity.SecondMac }),
        };
    }
}
