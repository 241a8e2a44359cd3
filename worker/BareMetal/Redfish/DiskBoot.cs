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
        var wanted = found.Boot.Offers("Hdd")
            ? new BootOverride { Target = "Hdd", Enabled = found.Boot.OnceOrContinuous }
            : new BootOverride { Target = facts.Profile.TargetWhenDisabled, Enabled = "Disabled" };
        var outcome = await boot.ApplyAsync(wanted, stop);
        var media = await new VirtualMedia(client, facts).EjectAsync(found.System, stop);
        var cd = facts.Profile.VirtualCdIsManagerAttribute ? await new DellVirtualCd(client, facts).DeselectAsync(stop) : BootPart.Done;
        var attributes = await new BiosHttpBoot(client, facts).DisableAsync(found.System, stop);
        return media.Merge(cd.Merge(attributes.Merge(outcome)));
    }
}
