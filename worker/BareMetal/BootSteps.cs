using ControlPlane.Contracts.BareMetal;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;
using Microsoft.Extensions.Options;
using MachineContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.BareMetal.BareMetalMachine, ControlPlane.Contracts.BareMetal.BareMetalMachineStatus>;

namespace ControlPlane.Worker.BareMetal;

/// <summary>
/// Attempts: boot the machine from the network with a one-time address, follow its in-band agent, boot it from its disk. The invariant of the whole domain is kept here and
/// at the door: no destructive step without a live, unconsumed permit of the current attempt of a machine that is not Provisioned.
/// </summary>
internal sealed class BootSteps(MachineBmc bmc, Attempts attempts, IOptions<MachineTimeouts> timeouts, IConfiguration configuration)
{
    /// <summary>The door wakes a waiting operation; this is only how often it looks without being woken.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    private const string AttemptKey = "attempt";
    private const string TriesKey = "tries";
    private const string QuietKey = "quietSince";

    public Task PrepareInstallAsync(MachineContext context, CancellationToken stop) => PrepareAsync(context, install: true, stop);

    public Task PrepareWipeAsync(MachineContext context, CancellationToken stop) => PrepareAsync(context, install: false, stop);

    /// <summary>Tells the BMC where to boot from and reads it back. The machine is off: some BMCs refuse during POST.</summary>
    public async Task SetNetworkBootAsync(MachineContext context, CancellationToken stop)
    {
        var attempt = context.Status.Attempt!;
        var token = await attempts.TokenAsync(attempt.Id, stop);
        var artefact = attempt.BootMethod switch
        {
            BootMethod.UefiHttp => new Uri($"{PublicUri}/provision/{token}/boot.efi"),
            BootMethod.VirtualMedia => new Uri($"{PublicUri}/provision/{token}/boot.iso"),
            _ => null,
        };
        var outcome = await bmc.AskAsync(context, machine => machine.BootFromNetworkAsync(attempt.BootMethod, artefact, stop), stop);
        if (!outcome.Stuck)
            throw new TransientStepException("BootTargetNotKept", outcome.Problem ?? "The BMC did not keep the boot target.");
        if (outcome.IsContinuous)
            context.Status = context.Status with { BootOverridePersists = true };
    }

    /// <summary>A machine that does not come up is power-cycled once, then tried by the next boot method, each time with a new attempt.</summary>
    public async Task<StepResult> AwaitAgentAsync(MachineContext context, CancellationToken stop)
    {
        var view = await LookAsync(context, stop);
        if (view.SaidHello)
            return StepResult.Done;
        if (context.InStepFor <= timeouts.Value.AgentWait)
        {
            context.Message = $"Waiting for the machine to boot by {context.Status.Attempt!.BootMethod}.";
            return StepResult.WaitFor(Shorter(timeouts.Value.AgentWait));
        }

        var methods = Methods(context.Wanted, context.Status.HardwareInventory!);
        var tries = context.Recall<int>(TriesKey) + 1;
        if (tries >= methods.Count)
            throw new OperationFailedException("AgentTimeout", $"The machine was booted {tries} times ({string.Join(", ", methods)}) and its in-band agent never reported. Look at its console; is the boot port on a network that reaches {PublicUri}?",
                evidence: new { context.Status.PowerState, context.Status.Attempt });
        context.Remember(TriesKey, tries);
        context.Message = $"No agent within {timeouts.Value.AgentWait}; trying again by {methods[tries]}.";
        return StepResult.GoTo(MachineOperation.AttemptStart);
    }

    public async Task<StepResult> AwaitWipedAsync(MachineContext context, CancellationToken stop)
    {
        var view = await LookAsync(context, stop);
        if (!view.Wiped)
            return Wait(context, view, timeouts.Value.Wipe, "WipeTimeout", "wiping");
        return StepResult.Done;
    }

    public async Task<StepResult> AwaitWrittenAsync(MachineContext context, CancellationToken stop)
    {
        var view = await LookAsync(context, stop);
        if (!view.Written)
            return Wait(context, view, timeouts.Value.Write, "WriteTimeout", "writing the image");
        context.Status = context.Status with { InstalledOsImageId = context.Wanted.OsImageId };
        return StepResult.Done;
    }

    public async Task<StepResult> AwaitDoneAsync(MachineContext context, CancellationToken stop)
    {
        var view = await LookAsync(context, stop);
        return view.Done ? StepResult.Done : Wait(context, view, timeouts.Value.Stall, "FinaliseTimeout", "finalising");
    }

    /// <summary>Every later power-on starts from the disk: set, read back, and never left to 'Once'.</summary>
    public async Task SetDiskBootAsync(MachineContext context, CancellationToken stop)
    {
        var outcome = await bmc.AskAsync(context, machine => machine.BootFromDiskAsync(stop), stop);
        if (!outcome.Stuck)
            throw new TransientStepException("BootTargetNotKept", outcome.Problem ?? "The BMC did not keep the boot target.");
    }

    /// <summary>The wanted method twice, then the others the BMC offers; a method that the BMC does not offer is not tried. BMCs that list none are believed. Pure.</summary>
    public static IReadOnlyList<BootMethod> Methods(BareMetalMachine wanted, HardwareInventory inventory)
    {
        var first = inventory.BootMethods.Length == 0 || inventory.BootMethods.Contains(wanted.BootMethod) ? wanted.BootMethod : inventory.BootMethods[0];
        return [first, first, .. inventory.BootMethods.Where(method => method != first).Distinct()];
    }

    private string PublicUri => configuration["Provisioning:PublicUri"]?.TrimEnd('/')
        ?? throw new OperationFailedException("ProvisioningNotConfigured", "Provisioning:PublicUri is not set: machines would not know where to boot from.");

    private async Task PrepareAsync(MachineContext context, bool install, CancellationToken stop)
    {
        if (context.Status.DetailedStatus is DetailedStatus.Provisioned)
            throw new OperationFailedException("MachineIsProvisioned", "A Provisioned machine is never wiped; reimage or delete it.");
        var (wanted, inventory) = (context.Wanted, context.Status.HardwareInventory!);
        var image = install ? await ImageAsync(context, wanted.OsImageId!, stop) : null;
        var method = Methods(wanted, inventory)[context.Recall<int>(TriesKey)];
        var attempt = Guid.CreateVersion7();
        var plan = new DiskPlan
        {
            Action = install ? "provision" : "wipe",
            Layout = wanted.DiskLayout,
            WipePolicy = wanted.WipePolicy,
            RootDiskOnly = context.Operation.Request == "replace" && context.Parameters<ReplaceParameters>().StoragePolicy is StoragePolicy.Preserve,
            Image = image is null ? null : new(image.Url, image.Sha256, image.SizeBytes, image.Signature, image.CaCertificate),
            MinimumDiskGiB = image?.MinimumDiskGiB ?? 1,
        };
        var mac = InspectionSteps.BootMac(wanted, inventory) ?? throw new OperationFailedException("BootPortNotFound", "The machine has no boot port any more; inspect it.");
        context.Also((transaction, token) => attempts.CreateAsync(transaction.Connection, attempt, context.Id, context.Operation.Id, method, inventory, mac, plan, token));
        context.Remember(AttemptKey, attempt);
        context.Remember<DateTimeOffset?>(QuietKey, null);
        context.Status = context.Status with
        {
            DetailedStatus = install ? DetailedStatus.Provisioning : DetailedStatus.Deprovisioning,
            DetailedStatusMessage = null,
            Attempt = new() { Id = attempt, Number = (context.Status.Attempt?.Number ?? 0) + 1, BootMethod = method },
        };
    }

    /// <summary>The image to install; it must exist in the machine's subscription and be verified.</summary>
    public static async Task<OsImage> ImageAsync(MachineContext context, string imageId, CancellationToken stop)
    {
        if (!Contracts.Arm.ResourceId.TryParse(imageId, out var id) || id.Type != OsImage.Type || !id.Subscription.Equals(context.Id.Subscription, StringComparison.OrdinalIgnoreCase))
            throw new OperationFailedException("OsImageNotUsable", $"'{imageId}' is not the id of an osImage of this subscription.");
        var row = await context.FindAsync(imageId, stop);
        if (row is null || row.State is not Contracts.Arm.ProvisioningState.Succeeded)
            throw new OperationFailedException("OsImageNotUsable", row is null ? $"The image '{imageId}' does not exist." : $"The image '{row.Id}' is {row.State}; an image must have Succeeded to be installed.");
        return row.Read<OsImage>();
    }

    /// <summary>The attempt as reported; a failure that the machine or the door noted ends the operation.</summary>
    private async Task<AttemptView> LookAsync(MachineContext context, CancellationToken stop)
    {
        var view = await attempts.LookAsync(context.Recall<Guid>(AttemptKey), stop);
        context.Status = context.Status with { Attempt = context.Status.Attempt! with { Phase = view.Phase, PercentComplete = view.Percent, Message = view.Message } };
        if (view.Wiped)
            context.Status = context.Status with { WipedDisks = view.WipedDisks, InstalledOsImageId = view.Written ? context.Status.InstalledOsImageId : null };
        if (view.Failure is { } failure)
            throw new OperationFailedException(failure.Code, failure.Message, failure.Details, new { machine = failure.AdditionalInfo, context.Status.Attempt });
        return view;
    }

    private StepResult Wait(MachineContext context, AttemptView view, TimeSpan limit, string code, string doing)
    {
        if (context.InStepFor > limit)
            throw new OperationFailedException(code, $"Still {doing} after {limit}.", evidence: context.Status.Attempt);
        if (Quiet(view, doing) is not { } quiet)
        {
            context.Remember<DateTimeOffset?>(QuietKey, null);
            context.Message = view.Message ?? $"Waiting: {doing}.";
        }
        else if (context.Recall<DateTimeOffset?>(QuietKey) is not { } since)
        {
            // It may be the control plane that was away: whoever still lives gets the time to say so.
            context.Remember<DateTimeOffset?>(QuietKey, context.Lease.Now);
            context.Message = $"{quiet.Message} Looking once more.";
        }
        else if (context.Lease.Now - since > timeouts.Value.Heartbeat / 2)
        {
            throw new OperationFailedException(quiet.Code, quiet.Message, evidence: context.Status.Attempt);
        }

        return StepResult.WaitFor(Shorter(timeouts.Value.Heartbeat));
    }

    private (string Code, string Message)? Quiet(AttemptView view, string doing)
    {
        if (view.SilentFor > timeouts.Value.Heartbeat)
            return ("AgentLost", $"The in-band agent has been silent for {view.SilentFor.TotalSeconds:0} s while {doing}; the machine may have lost power or network. Use retry.");
        return view.StalledFor > timeouts.Value.Stall && view.Phase != "wiping" ? ("AgentStalled", $"No progress for {view.StalledFor.TotalSeconds:0} s while {doing}.") : null;
    }

    private static TimeSpan Shorter(TimeSpan limit) => limit / 2 < Look ? limit / 2 : Look;
}
