namespace ControlPlane.Simulators.Wire;

/// <summary>Time as the simulated world feels it: realistic durations, multiplied by a factor.</summary>
internal sealed class VirtualClock(TimeProvider time, double factor)
{
    private double factor = factor;

    /// <summary>0 = instant, 1 = realistic.</summary>
    public double Factor
    {
        get => Volatile.Read(ref factor);
        set => Volatile.Write(ref factor, value);
    }

    public bool IsInstant => Factor <= 0;

    public DateTimeOffset Now => time.GetUtcNow();

    public TimeSpan Scale(TimeSpan realistic) => realistic * Factor;

    /// <summary>Waits a realistic duration times the factor; does not wait at all when the clock is instant.</summary>
    public Task DelayAsync(TimeSpan realistic, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var scaled = Scale(realistic);
        return scaled < TimeSpan.FromMilliseconds(1) ? Task.CompletedTask : Task.Delay(scaled, time, cancel);
    }

    /// <summary>Waits wall-clock time whatever the factor: back-off against a real server.</summary>
    public Task WallDelayAsync(TimeSpan duration, CancellationToken cancel) => Task.Delay(duration, time, cancel);
}
