using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.BareMetal.Redfish;
using Microsoft.Extensions.Options;
using MachineContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.BareMetal.BareMetalMachine, ControlPlane.Contracts.BareMetal.BareMetalMachineStatus>;

namespace ControlPlane.Worker.BareMetal;

/// <summary>Power changes: ask once, then look until the BMC says that it is so. Off then On instead of a restart, for a restart cannot be told from its repetition.</summary>
internal sealed class PowerSteps(MachineBmc bmc, IOptions<MachineTimeouts> timeouts)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>A request that the BMC accepted and forgot is made again after this.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(20);

    private const string AskedKey = "powerAsked";

    public Task<StepResult> ForceOffAsync(MachineContext context, CancellationToken stop) => ReachAsync(context, ResetType.ForceOff, PowerState.Off, timeouts.Value.PowerChange, stop);

    public Task<StepResult> OnAsync(MachineContext context, CancellationToken stop) => ReachAsync(context, ResetType.On, PowerState.On, timeouts.Value.PowerChange, stop);

    /// <summary>Graceful first; by force when that takes too long or when the caller said so.</summary>
    public Task<StepResult> ShutDownAsync(MachineContext context, CancellationToken stop)
    {
        var soft = timeouts.Value.SoftPowerOff;
        var force = context.Parameters<PowerOffParameters>().SkipShutdown || context.InStepFor > soft;
        return ReachAsync(context, force ? ResetType.ForceOff : ResetType.GracefulShutdown, PowerState.Off, soft + timeouts.Value.PowerChange, stop);
    }

    private async Task<StepResult> ReachAsync(MachineContext context, ResetType ask, PowerState wanted, TimeSpan limit, CancellationToken stop)
    {
        var asked = context.Recall<Request?>(AskedKey);
        var asksNow = asked?.Type != ask || asked.At < context.Operation.StepStartedAt || context.Lease.Now - asked.At > Again;
        var now = await bmc.AskAsync(context, async machine =>
        {
            if (asksNow)
                await machine.RequestPowerAsync(ask, stop);
            return await machine.ReadPowerAsync(stop);
        }, stop);
        if (asksNow)
            context.Remember(AskedKey, new Request(ask, context.Lease.Now));
        context.Status = context.Status with { PowerState = now.ToString() };
        if (now == wanted)
            return StepResult.Done;
        if (context.InStepFor > limit)
            throw new OperationFailedException("PowerChangeTimedOut", $"The machine was told {ask} and is still {now} after {limit.TotalSeconds:0} s.");
        context.Message = $"Waiting for {wanted}; the BMC says {now}.";
        return StepResult.WaitFor(Look);
    }

    /// <summary>What the BMC was asked for last, and when.</summary>
    private sealed record Request(ResetType Type, DateTimeOffset At);
}
