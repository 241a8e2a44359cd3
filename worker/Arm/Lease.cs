namespace ControlPlane.Worker.Arm;

/// <summary>Where an operation stood when its lease was last renewed.</summary>
internal enum LeaseStanding
{
    Held,

    /// <summary>Its row was being written at that moment, so that it was not extended; the next renewal is soon enough.</summary>
    BeingSaved,
    CancelRequested,
    DeadlinePassed,
}

/// <summary>
/// This process' belief that it holds an operation. It ends by the local monotonic clock, counted from before the database granted it, so it ends here no later than
/// it ends there; a process that was paused past it must not touch the outside world any more.
/// </summary>
internal sealed class Lease : IDisposable
{
    private readonly CancellationTokenSource lost;
    private readonly TimeProvider clock;
    private readonly TimeSpan duration;
    private readonly long claimed;
    private readonly DateTimeOffset databaseTime;
    private long granted;

    /// <param name="operation">Whose lease.</param>
    /// <param name="epoch">The epoch that the claim gave.</param>
    /// <param name="databaseTime">The database's clock at the claim.</param>
    /// <param name="clock">Only differences of its timestamps are used: what this machine takes for the time does not matter.</param>
    /// <param name="duration">From one grant to the end.</param>
    /// <param name="grantedAt">A timestamp from before the claim was asked for.</param>
    public Lease(Guid operation, long epoch, DateTimeOffset databaseTime, TimeProvider clock, TimeSpan duration, long grantedAt)
    {
        (Operation, Epoch, this.databaseTime, this.clock, this.duration, claimed, granted) = (operation, epoch, databaseTime, clock, duration, grantedAt, grantedAt);
        lost = new(Left, clock);
    }

    public Guid Operation { get; }
    public long Epoch { get; }

    /// <summary>Cancelled when the lease ran out, another worker took over, the operation was ended, or it is to end: canceled or out of time.</summary>
    public CancellationToken Lost => lost.Token;

    /// <summary>What the last renewal found.</summary>
    public LeaseStanding Standing { get; private set; }

    public bool IsHeld => !lost.IsCancellationRequested && Left > TimeSpan.Zero;

    /// <summary>The database's time: the one clock that all workers share.</summary>
    public DateTimeOffset Now => databaseTime + clock.GetElapsedTime(claimed);

    private TimeSpan Left => clock.GetElapsedTime(Volatile.Read(ref granted)) is var elapsed && elapsed < duration ? duration - elapsed : TimeSpan.Zero;

    /// <param name="at">A timestamp from before the renewal was asked for.</param>
    public void Renewed(long at)
    {
        Volatile.Write(ref granted, at);
        lost.CancelAfter(Left);
    }

    public void Lose() => lost.Cancel();

    /// <summary>The operation is still ours, and its step must stop so that it can be ended.</summary>
    public void Interrupt(LeaseStanding standing)
    {
        Standing = standing;
        lost.Cancel();
    }

    public void Dispose() => lost.Dispose();
}
