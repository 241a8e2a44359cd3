using System.Collections.Concurrent;

namespace ControlPlane.Worker.Fleets;

/// <summary>Hints within this process, so that nobody waits for the next sweep: bindings are due, or something was seen of a placement. Losing one costs a sweep and nothing else.</summary>
internal sealed class PlacementSignal : IDisposable
{
    private readonly ConcurrentDictionary<int, byte> seen = new();
    private readonly SemaphoreSlim work = new(0, 1);
    private readonly SemaphoreSlim news = new(0, 1);
    private readonly SemaphoreSlim members = new(0, 1);

    /// <summary>More bindings are due than this worker can attend to at once: what can wait should.</summary>
    public bool IsCrowded { get; set; }

    /// <summary>Bindings are due.</summary>
    public void Work() => Wake(work);

    /// <summary>The members of a fleet have changed, or something else by which is decided where placements go.</summary>
    public void Members() => Wake(members);

    /// <summary>Bindings of these placements have changed, or the placements themselves; with none, whatever is due is to be looked for at once.</summary>
    public void Seen(IEnumerable<int> placements)
    {
        foreach (var placement in placements)
            seen[placement] = 0;
        Wake(news);
    }

    public Task WorkAsync(CancellationToken stop) => work.WaitAsync(TimeSpan.FromMilliseconds(500), stop);

    public Task MembersAsync(TimeSpan upTo, CancellationToken stop) => members.WaitAsync(upTo, stop);

    /// <summary>The placements of which something was seen since; empty when <paramref name="upTo"/> has passed without any.</summary>
    public async Task<IReadOnlyList<int>> NewsAsync(TimeSpan upTo, CancellationToken stop)
    {
        await news.WaitAsync(upTo, stop);
        return [.. seen.Keys.Where(placement => seen.TryRemove(placement, out _))];
    }

    public void Dispose()
    {
        work.Dispose();
        news.Dispose();
        members.Dispose();
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
