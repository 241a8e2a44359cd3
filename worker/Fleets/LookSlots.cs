namespace ControlPlane.Worker.Fleets;

/// <summary>
/// With how many clusters a worker talks at once. A cluster that so many others have overtaken does not answer: it gives its slot to the next one, and is waited for aside. Nothing is measured in
/// seconds, so that a busy processor, on which all are slow alike, is not taken for a silent cluster.
/// </summary>
internal sealed class LookSlots(int size) : IDisposable
{
    /// <summary>So many times as many as have a slot.</summary>
    private const int MostAside = 4;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim free = new(size, size);

    /// <summary>Those that have a slot, in the order in which they began; some of them may be over.</summary>
    private readonly Queue<Look> order = new();

    private readonly TaskCompletionSource quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long over;
    private int aside;
    private bool isClosing;

    /// <summary>Waits for one slot and takes up to <paramref name="most"/> of those that are free; the answer is how many.</summary>
    public async Task<int> TakeAsync(int most, CancellationToken stop)
    {
        await free.WaitAsync(stop);
        var taken = 1;
        while (taken < most && free.Wait(TimeSpan.Zero, CancellationToken.None))
            taken++;
        return taken;
    }

    /// <summary>Slots that were taken and are not needed.</summary>
    public void GiveBack(int count)
    {
        if (count > 0)
            free.Release(count);
    }

    /// <summary>A look begins, in a slot that was taken.</summary>
    public Look Begin()
    {
        lock (gate)
        {
            var look = new Look { Since = over };
            order.Enqueue(look);
            return look;
        }
    }

    public void End(Look look)
    {
        lock (gate)
        {
            over++;
            look.IsOver = true;
            if (!look.IsAside)
                free.Release();
            else if (--aside == 0 && isClosing)
                quiet.TrySetResult();
            while (order.TryPeek(out var eldest) && (eldest.IsOver || (over - eldest.Since >= size && aside < MostAside * size && !isClosing)))
            {
                order.Dequeue();
                if (eldest.IsOver)
                    continue;
                eldest.IsAside = true;
                aside++;
                free.Release();
            }
        }
    }

    /// <summary>Until every look that has begun is over.</summary>
    public async Task CloseAsync()
    {
        lock (gate)
        {
            isClosing = true;
            if (aside == 0)
                quiet.TrySetResult();
        }

        for (var slot = 0; slot < size; slot++)
            await free.WaitAsync(CancellationToken.None);
        await quiet.Task;
    }

    public void Dispose() => free.Dispose();

    /// <summary>A cluster that is being talked with.</summary>
    internal sealed class Look
    {
        /// <summary>How many looks were over when it began.</summary>
        public required long Since { get; init; }

        public bool IsOver { get; set; }
        public bool IsAside { get; set; }
    }
}
