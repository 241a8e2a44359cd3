namespace ControlPlane.Worker.Fleets;

/// <summary>Hints within this process, so that update runs do not wait for the next sweep: members are due, or something was seen of one. Losing one costs a sweep and nothing else.</summary>
internal sealed class UpdateSignal : IDisposable
{
    private static readonly TimeSpan Sweep = TimeSpan.FromMilliseconds(250);
    private readonly SemaphoreSlim work = new(0, 1);
    private readonly SemaphoreSlim news = new(0, 1);

    public void Work() => Wake(work);

    public void Seen() => Wake(news);

    public Task WorkAsync(CancellationToken stop) => work.WaitAsync(Sweep, stop);

    public Task NewsAsync(CancellationToken stop) => news.WaitAsync(Sweep, stop);

    public void Dispose()
    {
        work.Dispose();
        news.Dispose();
    }

    private static void Wake(SemaphoreSlim semaphore)
    {
        lock (semaphore)
        {
            if (semaphore.CurrentCount == 0)
                semaphore.Release();
        }
    }
}
