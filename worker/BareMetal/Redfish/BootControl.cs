using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>The Boot object of a system and the resource through which it is written.</summary>
/// <param name="Writable">The settings object if it carries Boot, else the system (sushy set_system_boot_options).</param>
internal sealed record BootResource(Uri Writable, BootConfiguration Boot, JsonElement System);

/// <summary>Reads the boot override, and writes it until it reads back or every set was tried.</summary>
internal sealed class BootControl(RedfishClient client, MachineFacts facts)
{
    public async Task<BootResource> ReadAsync(CancellationToken stop)
    {
        var system = (await client.GetAsync(facts.System, stop)).Body;
        if (system.Link("@Redfish.Settings", "SettingsObject") is { } link
            && await client.FindAsync(client.Resolve(link), stop) is { } settings
            && settings.Body.At("Boot").ValueKind == JsonValueKind.Object)
        {
            return new(client.Resolve(link), BootConfiguration.Of(system, settings.Body), system);
        }

        return new(facts.System, BootConfiguration.Of(system, default), system);
    }

    /// <summary>A BMC's 200 is not believed: the outcome is what reading back says.</summary>
    /// <exception cref="RedfishException">Rejected when the BMC refuses every set.</exception>
    public async Task<BootOutcome> ApplyAsync(BootOverride wanted, CancellationToken stop)
    {
        var found = await ReadAsync(stop);
        if (wanted.IsMetBy(found.Boot, facts.Profile)) return new() { Stuck = true, ReadBack = found.Boot };

        Uri? job = null;
        RedfishException? refusal = null;
        foreach (var set in wanted.Sets(found.Boot, facts.Profile))
        {
            try
            {
                var answer = await client.UpdateAsync(found.Writable, _ => (JsonObject)set.DeepClone(), stop);
                job = TaskWatch.MonitorOf(answer, client) ?? job;
                refusal = null;
            }
            catch (RedfishException refused) when (refused.Failure == RedfishFailure.Rejected)
            {
                refusal = refused;
                continue;
            }

            found = await ReadAsync(stop);
            if (wanted.IsMetBy(found.Boot, facts.Profile)) return new() { Stuck = true, ReadBack = found.Boot, PendingJob = job };
        }

        if (refusal is not null) throw refusal;
        return new()
        {
            Stuck = false,
            ReadBack = found.Boot,
            PendingJob = job,
            Problem = $"The BMC accepted {wanted.Target}/{wanted.Enabled} and reads back {found.Boot.Target ?? "nothing"}/{found.Boot.Enabled ?? "nothing"}, mode {found.Boot.Mode ?? "unknown"}.",
        };
    }
}
