namespace ControlPlane.Worker.Arm;

/// <summary>
/// This process' belief that it holds an operation. It ends by the local monotonic clock, counted from before the database granted it, so it ends here no later than
/// it ends there; a process that was paused past it must not touch the outside world any more.
/// </summary>
internal sealed class Lease(Guid operation, long epoch, TimeProvider clock, TimeSpan duration, long grantedAt) : IDisposable
{
    private readonly CancellationTokenSource lost = new();
    private long granted = grantedAt;

    public Guid Operation { get; } = operation;
    public long Epoch { get; } = epoch;

    /// <summary>Cancelled when another worker took over, the operation was ended, or somebody asked to cancel it.</summary>
    public CancellationToken Lost => lost.Token;

    /// <summary>Somebody asked for the operation to be canceled.</summary>
    public bool CancelRequested { get; private set; }

    public bool IsHeld => !lost.IsCancellationRequested && clock.GetElapsedTime(Volatile.Read(ref granted)) < duration;

    public void Renewed(long at) => Volatile.Write(ref granted, at);

    public void Lose() => lost.Cancel();

    public void Cancel()
    {
        CancelRequested = true;
        lost.Cancel();
    }

    public void Dispose() => lost.Dispose();
}
