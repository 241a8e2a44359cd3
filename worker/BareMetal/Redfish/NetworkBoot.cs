using System.Text.Json;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>The three ways to start a machine from something else than its disk.</summary>
internal sealed class NetworkBoot(RedfishClient client, MachineFacts facts)
{
    private readonly BootControl _boot = new(client, facts);

    public async Task<BootOutcome> UefiHttpAsync(Uri artefact, CancellationToken stop)
    {
        var found = await _boot.ReadAsync(stop);
        if (facts.Profile.HttpBoot == HttpBootMeans.BootUri)
        {
            Demand(found.Boot, "UefiHttp");
            return await _boot.ApplyAsync(new() { Target = "UefiHttp", Enabled = found.Boot.OnceOrContinuous, HttpBootUri = artefact }, stop);
        }

        var attributes = await new BiosHttpBoot(client, facts).EnableAsync(found.System, artefact, stop);
        // Some iLO 6 offer no override at all beside the attribute, which then is enough (libredfish#76).
        if (!found.Boot.Offers("UefiHttp")) return attributes.Merge(new() { Stuck = true, ReadBack = found.Boot });
        return attributes.Merge(await _boot.ApplyAsync(new() { Target = "UefiHttp", Enabled = found.Boot.OnceOrContinuous }, stop));
    }

    public async Task<BootOutcome> VirtualMediaAsync(Uri artefact, CancellationToken stop)
    {
        var found = await _boot.ReadAsync(stop);
        var target = found.Boot.Offers("Cd") && !(facts.Profile.VirtualCdIsUsbCd && found.Boot.Offers("UsbCd")) ? "Cd" : "UsbCd";
        Demand(found.Boot, target);
        var media = await new VirtualMedia(client, facts).InsertAsync(found.System, artefact, stop);
        if (facts.Profile.VirtualCdIsManagerAttribute)
            return media.Merge(await new DellVirtualCd(client, facts).SelectAsync(found.Boot, stop));
        return media.Merge(await _boot.ApplyAsync(new() { Target = target, Enabled = found.Boot.OnceOrContinuous }, stop));
    }

    public async Task<BootOutcome> PxeAsync(CancellationToken stop)
    {
        var found = await _boot.ReadAsync(stop);
        Demand(found.Boot, "Pxe");
        return await _boot.ApplyAsync(new() { Target = "Pxe", Enabled = found.Boot.OnceOrContinuous }, stop);
    }

    private static void Demand(BootConfiguration boot, string target)
    {
        if (!boot.Offers(target)) throw new RedfishException(RedfishFailure.Rejected, $"The BMC does not offer to boot from {target}.");
    }
}

/// <summary>What became of the part of a boot request that is not the override: attributes or media.</summary>
internal sealed record BootPart(bool Stuck, Uri? Job, string? Problem)
{
    public static BootPart Done { get; } = new(true, null, null);

    public BootOutcome Merge(BootOutcome rest) => rest with
    {
        Stuck = Stuck && rest.Stuck,
        PendingJob = Job ?? rest.PendingJob,
        Problem = Problem ?? rest.Problem,
    };
}
