namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// Back to the disk. The override is set to the disk where the BMC offers that, which also replaces a network target that a BMC kept
/// as Continuous; else it is switched off.
/// </summary>
internal sealed class DiskBoot(RedfishClient client, MachineFacts facts)
{
    public async Task<BootOutcome> ApplyAsync(CancellationToken stop)
    {
        var boot = new BootControl(client, facts);
        var found = await boot.ReadAsync(stop);
        var media = await new VirtualMedia(client, facts).EjectAsync(found.System, stop);
        var attributes = await new BiosHttpBoot(client, facts).DisableAsync(found.System, stop);
        var cd = facts.Profile.VirtualCdIsManagerAttribute ? await new DellVirtualCd(client, facts).DeselectAsync(stop) : new(true, null, null);
        var wanted = found.Boot.Offers("Hdd")
            ? new BootOverride { Target = "Hdd", Enabled = found.Boot.AllowableEnabled is { Length: > 0 } list && !list.Contains("Once", StringComparer.Ordinal) ? "Continuous" : "Once" }
            : new BootOverride { Target = facts.Profile.TargetWhenDisabled, Enabled = "Disabled" };
        return media.Merge(attributes.Merge(cd.Merge(await boot.ApplyAsync(wanted, stop))));
    }
}
