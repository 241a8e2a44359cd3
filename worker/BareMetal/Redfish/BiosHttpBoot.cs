using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>UEFI HTTP boot where its address is a BIOS attribute. Nothing to do with other BMCs.</summary>
internal sealed class BiosHttpBoot(RedfishClient client, MachineFacts facts)
{
    /// <summary>Dell: values for an earlier attempt wait as a job for a reset that did not come.</summary>
    private static readonly string[] JobWaits = ["SYS011", "RAC0013"];

    private bool IsDell => facts.Profile.HttpBoot == HttpBootMeans.DellBiosDevice;

    public async Task<BootPart> EnableAsync(JsonElement system, Uri artefact, CancellationToken stop)
    {
        var settings = await ReadAsync(system, stop) ?? throw new RedfishException(RedfishFailure.Rejected, "The BMC has no BIOS resource to take the boot address.");
        BiosAttribute[] wanted = IsDell
            ?
            [
                new("HttpDev1Uri", artefact.OriginalString),
                new("HttpDev1EnDis", "Enabled"),
                // OneWay, the default, refuses plain HTTP with UEFI0417 (iDRAC-Redfish-Scripting#306).
                new("HttpDev1TlsMode", artefact.Scheme == Uri.UriSchemeHttps ? "OneWay" : "None"),
            ]
            : [new("UrlBootFile", artefact.OriginalString), new("PreBootNetwork", "Auto")];
        return settings.Knows(wanted[0].Name)
            ? await ApplyAsync(settings, [.. wanted.Where(attribute => settings.Knows(attribute.Name))], stop) // Older BIOSes lack the companions.
            : throw new RedfishException(RedfishFailure.Rejected, $"The BIOS has no attribute {wanted[0].Name}.");
    }

    /// <summary>Only what is on is switched off: a BIOS job for nothing costs a reset.</summary>
    public async Task<BootPart> DisableAsync(JsonElement system, CancellationToken stop)
    {
        if (facts.Profile.HttpBoot == HttpBootMeans.BootUri || await ReadAsync(system, stop) is not { } settings) return BootPart.Done;
        var off = IsDell ? new BiosAttribute("HttpDev1EnDis", "Disabled") : new("UrlBootFile", "");
        if (!settings.Knows(off.Name)) return BootPart.Done;
        try
        {
            return await ApplyAsync(settings, [off], stop);
        }
        catch (RedfishException waits) when (waits.Failure == RedfishFailure.Busy && JobWaits.Any(waits.Says))
        {
            // The override on the disk holds meanwhile; after the reset that runs the job there is something to switch off.
            return new(false, await new DellJobs(client, facts).FindWaitingAsync(stop), waits.Message);
        }
    }

    private async Task<BootPart> ApplyAsync(BiosSettings settings, BiosAttribute[] wanted, CancellationToken stop)
    {
        if (wanted.All(settings.IsCurrent)) return BootPart.Done;
        Uri? job = null;
        if (!wanted.All(settings.Promises))
        {
            job = await WriteAsync(settings, wanted, stop);
            settings = settings with { Pending = await PendingAsync(settings.Resource, stop), Current = await CurrentAsync(settings.Bios, stop) };
        }

        if (IsDell) job ??= await new DellJobs(client, facts).FindWaitingAsync(stop);
        var missing = string.Join(", ", wanted.Where(attribute => !settings.Promises(attribute)).Select(attribute => attribute.Name));
        return new(missing.Length == 0, job, missing.Length == 0 ? null : $"The BIOS accepted {missing} and reads back something else.");
    }

    private async Task<Uri?> WriteAsync(BiosSettings settings, BiosAttribute[] wanted, CancellationToken stop)
    {
        try
        {
            return await PatchAsync(settings, wanted, stop);
        }
        catch (RedfishException refused) when (IsDell && JobWaits.Any(refused.Says))
        {
            await new DellJobs(client, facts).DeleteWaitingAsync(refused, stop);
            return await PatchAsync(settings, wanted, stop);
        }
        catch (RedfishException refused) when (refused.Status == 400 && IsDell && wanted.Length > 1)
        {
            // The other attributes are read-only until EnDis is Enabled; a pending Enabled counts.
            await PatchAsync(settings, [.. wanted.Where(attribute => attribute.Name == "HttpDev1EnDis")], stop);
            return await PatchAsync(settings, wanted, stop);
        }
    }

    private async Task<Uri?> PatchAsync(BiosSettings settings, BiosAttribute[] wanted, CancellationToken stop)
    {
        var answer = await client.UpdateAsync(settings.Resource, _ =>
        {
            var body = new JsonObject { ["Attributes"] = new JsonObject(wanted.Select(attribute => KeyValuePair.Create(attribute.Name, (JsonNode?)attribute.Value))) };
            if (IsDell) body["@Redfish.SettingsApplyTime"] = new JsonObject { ["ApplyTime"] = "OnReset" };
            return body;
        }, stop);
        return TaskWatch.MonitorOf(answer, client);
    }

    private async Task<BiosSettings?> ReadAsync(JsonElement system, CancellationToken stop)
    {
        if (system.Link("Bios") is not { } link || await client.FindAsync(client.Resolve(link), stop) is not { } bios) return null;
        var resource = client.Resolve(bios.Body.Link("@Redfish.Settings", "SettingsObject") ?? $"{link.TrimEnd('/')}/Settings");
        return new(client.Resolve(link), resource, bios.Body.At("Attributes"), await PendingAsync(resource, stop));
    }

    private async Task<JsonElement> CurrentAsync(Uri bios, CancellationToken stop) => (await client.GetAsync(bios, stop)).Body.At("Attributes");

    private async Task<JsonElement> PendingAsync(Uri resource, CancellationToken stop) => (await client.FindAsync(resource, stop))?.Body.At("Attributes") ?? default;

    private sealed record BiosAttribute(string Name, string Value);

    /// <summary>BIOS attributes now, and those that wait for a reset.</summary>
    private sealed record BiosSettings(Uri Bios, Uri Resource, JsonElement Current, JsonElement Pending)
    {
        public bool Knows(string name) => Current.At(name).ValueKind != JsonValueKind.Undefined || Pending.At(name).ValueKind != JsonValueKind.Undefined;

        /// <summary>Holds, or will after the next reset. An attribute that is absent or null is the empty text.</summary>
        public bool Promises(BiosAttribute wanted) =>
            ((Pending.At(wanted.Name).ValueKind != JsonValueKind.Undefined ? Pending : Current).Text(wanted.Name) ?? "") == wanted.Value;

        /// <summary>Holds already, and nothing waits to change it.</summary>
        public bool IsCurrent(BiosAttribute wanted) => (Current.Text(wanted.Name) ?? "") == wanted.Value && Promises(wanted);
    }
}
