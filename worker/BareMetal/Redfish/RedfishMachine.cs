using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// One machine through its BMC. Every method looks first and moves at most what differs, so it may be called again after any
/// crash; none waits for the machine: power, jobs and boots are looked at again by the caller.
/// </summary>
internal sealed class RedfishMachine(RedfishClient client, MachineFacts facts, TimeProvider clock)
{
    public VendorProfile Profile => facts.Profile;

    /// <summary>The session in use, to be kept by the caller and given back as <see cref="BmcTarget.OrphanedSession"/> after a crash.</summary>
    public Uri? Session => client.Beside(connection => connection.Session.Location);

    /// <summary>Who this BMC and its machine are: to recognise a machine that was registered twice or replaced.</summary>
    public Task<BmcIdentity> IdentifyAsync(CancellationToken stop) => new Inspector(client, facts, clock).IdentifyAsync(stop);

    /// <summary>The whole inventory; only GETs, works with the machine off.</summary>
    public Task<HardwareInventory> InspectAsync(CancellationToken stop) => new Inspector(client, facts, clock).InspectAsync(stop);

    public Task<PowerState> ReadPowerAsync(CancellationToken stop) => new PowerControl(client, facts).ReadAsync(stop);

    /// <summary>
    /// Asks for a power change and returns when the BMC accepted. Already there or on the way there: no call. A restart has no such
    /// state to look for: who must not restart twice after a crash asks for ForceOff and then On.
    /// </summary>
    public Task RequestPowerAsync(ResetType wanted, CancellationToken stop) => new PowerControl(client, facts).RequestAsync(wanted, stop);

    /// <summary>The boot override that holds at the next power-on, pending settings included.</summary>
    public async Task<BootConfiguration> ReadBootAsync(CancellationToken stop) => (await new BootControl(client, facts).ReadAsync(stop)).Boot;

    /// <summary>
    /// Makes the next power-on start from the network. The machine should be off: some BMCs refuse during POST (Busy).
    /// </summary>
    /// <param name="artefact">The EFI file for UefiHttp, the image for VirtualMedia; null for Pxe.</param>
    public Task<BootOutcome> BootFromNetworkAsync(BootMethod method, Uri? artefact, CancellationToken stop) => method switch
    {
        BootMethod.UefiHttp when artefact is not null => new NetworkBoot(client, facts).UefiHttpAsync(artefact, stop),
        BootMethod.VirtualMedia when artefact is not null => new NetworkBoot(client, facts).VirtualMediaAsync(artefact, stop),
        BootMethod.Pxe => new NetworkBoot(client, facts).PxeAsync(stop),
        _ => throw new ArgumentException($"{method} needs the address of what to boot.", nameof(artefact)),
    };

    /// <summary>Makes every later power-on start from the disk: media out, HTTP boot attributes off, override on the disk or off.</summary>
    public Task<BootOutcome> BootFromDiskAsync(CancellationToken stop) => new DiskBoot(client, facts).ApplyAsync(stop);

    /// <summary>Looks at a task or its monitor once.</summary>
    public Task<TaskOutcome> PollTaskAsync(Uri monitor, CancellationToken stop) => new TaskWatch(client).PollAsync(monitor, stop);
}
