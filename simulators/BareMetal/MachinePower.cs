namespace ControlPlane.Simulators.BareMetal;

/// <summary>What became of a reset.</summary>
internal enum ResetOutcome { Applied, AlreadyThere, NotInThisState, ConflictAfterOff, UnknownType }

/// <summary>The power button and what hangs on it: switching on starts a run of the firmware, switching off ends it.</summary>
internal static class MachinePower
{
    private const double OnSeconds = 5;
    private const double ForceOffSeconds = 2;
    private const double GracefulOffSeconds = 20;
    private const double PowerCyclePauseSeconds = 3;

    /// <summary>iDRAC 10 wants this pause between off and on.</summary>
    private static readonly TimeSpan conflictWindow = TimeSpan.FromSeconds(10);

    /// <summary>Redfish ResetType values that are understood.</summary>
    public static IReadOnlyList<string> ResetTypes { get; } =
        ["On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "PowerCycle", "Nmi", "PushPowerButton"];

    /// <summary>Carries out <c>ComputerSystem.Reset</c>.</summary>
    public static ResetOutcome Reset(Machine machine, string type)
    {
        lock (machine.Gate)
        {
            var off = machine.Power is PowerState.Off or PowerState.PoweringOff;
            switch (type)
            {
                case "On" when !off:
                case "ForceOff" or "GracefulShutdown" when off:
                    return ResetOutcome.AlreadyThere;
                case "On" when machine.Personality.PowerOnConflictAfterOff
                        && machine.World.Clock.Now - machine.PowerChanged < machine.World.Clock.Scale(conflictWindow) && machine.PowerTransitions > 0:
                    return ResetOutcome.ConflictAfterOff;
                case "On":
                    SwitchOn(machine, pauseSeconds: 0);
                    return ResetOutcome.Applied;
                case "ForceOff":
                    SwitchOff(machine, ForceOffSeconds);
                    return ResetOutcome.Applied;
                case "GracefulShutdown":
                    // ACPI: only a running system listens. Firmware and a hung machine do not, and the BMC says 204 all the same.
                    if (machine.Phase is MachinePhase.System or MachinePhase.Agent) SwitchOff(machine, GracefulOffSeconds);
                    return ResetOutcome.Applied;
                case "ForceRestart" or "GracefulRestart" or "PowerCycle" when off:
                    return ResetOutcome.NotInThisState;
                case "ForceRestart" or "GracefulRestart":
                    Restart(machine, pauseSeconds: 0);
                    return ResetOutcome.Applied;
                case "PowerCycle":
                    Restart(machine, PowerCyclePauseSeconds);
                    return ResetOutcome.Applied;
                case "PushPowerButton":
                    if (off) SwitchOn(machine, pauseSeconds: 0);
                    else SwitchOff(machine, GracefulOffSeconds);
                    return ResetOutcome.Applied;
                case "Nmi":
                    return ResetOutcome.Applied;
                default:
                    return ResetOutcome.UnknownType;
            }
        }
    }

    /// <summary>Pulls the plug without a trace, when the whole rack goes away.</summary>
    public static void Unplug(Machine machine)
    {
        lock (machine.Gate) EndRun(machine);
    }

    private static void SwitchOn(Machine machine, double pauseSeconds)
    {
        EndRun(machine);
        var run = machine.Run = new CancellationTokenSource();
        Change(machine, machine.World.Clock.IsInstant ? PowerState.On : PowerState.PoweringOn);
        machine.Phase = MachinePhase.Post;
        machine.PowerTransitions++;
        machine.Did("power:on");
        var cancel = run.Token;
        _ = Task.Run(() => RunAsync(machine, pauseSeconds, cancel), cancel);
    }

    private static void SwitchOff(Machine machine, double seconds)
    {
        EndRun(machine);
        machine.PowerTransitions++;
        machine.Did("power:off");
        var instant = machine.World.Clock.IsInstant;
        Change(machine, instant ? PowerState.Off : PowerState.PoweringOff);
        machine.Phase = MachinePhase.Off;
        if (machine.NodeName is { } node) machine.World.NodeLost?.Invoke(node);
        machine.NodeName = null;
        if (instant) return;
        var run = machine.Run = new CancellationTokenSource();
        var cancel = run.Token;
        _ = Task.Run(() => FadeAsync(machine, seconds, cancel), cancel);
    }

    private static void Restart(Machine machine, double pauseSeconds)
    {
        machine.Did("power:restart");
        if (machine.NodeName is { } node) machine.World.NodeLost?.Invoke(node);
        machine.NodeName = null;
        machine.PowerTransitions++;
        EndRun(machine);
        var run = machine.Run = new CancellationTokenSource();
        machine.Phase = MachinePhase.Post;
        Change(machine, PowerState.On);
        var cancel = run.Token;
        _ = Task.Run(() => RunAsync(machine, pauseSeconds, cancel), cancel);
    }

    private static async Task RunAsync(Machine machine, double pauseSeconds, CancellationToken cancel)
    {
        try
        {
            await machine.DelayAsync(pauseSeconds, cancel);
            if (machine.Power == PowerState.PoweringOn) await machine.DelayAsync(OnSeconds, cancel);
            lock (machine.Gate)
            {
                cancel.ThrowIfCancellationRequested();
                if (machine.Power != PowerState.On) Change(machine, PowerState.On);
            }

            await Firmware.BootAsync(machine, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Switched off or reset in the middle: nothing more happens in this run.
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            machine.Did($"crash:{error.GetType().Name}: {error.Message}");
            lock (machine.Gate) machine.Phase = MachinePhase.Halted;
        }
    }

    private static async Task FadeAsync(Machine machine, double seconds, CancellationToken cancel)
    {
        try
        {
            await machine.DelayAsync(seconds, cancel);
            lock (machine.Gate)
            {
                if (!cancel.IsCancellationRequested) Change(machine, PowerState.Off);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Switched on again before the power was gone.
        }
    }

    private static void Change(Machine machine, PowerState state)
    {
        machine.Power = state;
        machine.PowerChanged = machine.World.Clock.Now;
    }

    private static void EndRun(Machine machine)
    {
        // Marked as ended at once; what waits on it is told on another thread, outside the machine's gate.
        _ = machine.Run?.CancelAsync();
        machine.Run = null;
    }
}
