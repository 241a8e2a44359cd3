using System.Threading.Channels;

namespace ControlPlane.Simulators.Clusters;

internal enum ChangeType
{
    Added,
    Modified,
    Deleted,
}

/// <summary>What became of an object, and what it was before.</summary>
internal sealed record Change(long Version, ChangeType Type, StoredObject Object, StoredObject? Before);

/// <summary>
/// Changes, told to those who watch and kept a while for those who come back. Nothing is kept until somebody lists or watches for the
/// first time: most clusters of a fleet are only ever written to.
/// </summary>
internal sealed class ChangeFeed(int limit)
{
    /// <summary>A watcher that is so far behind has to list again.</summary>
    private const int Backlog = 10_000;

    private readonly Lock gate = new();
    private readonly Queue<Change> history = new();
    private readonly List<Channel<Change>> listeners = [];

    /// <summary>Changes up to here are forgotten; negative while nobody has listened yet.</summary>
    private long forgotten = -1;

    public bool IsHeard
    {
        get
        {
            lock (gate) return forgotten >= 0 || listeners.Count > 0;
        }
    }

    /// <summary>From this version on, changes are kept.</summary>
    public void Remember(long version)
    {
        lock (gate)
        {
            if (forgotten < 0) forgotten = version;
        }
    }

    public void Publish(Change change)
    {
        lock (gate)
        {
            if (forgotten >= 0)
            {
                history.Enqueue(change);
                while (history.Count > limit) forgotten = history.Dequeue().Version;
            }

            listeners.RemoveAll(listener => !listener.Writer.TryWrite(change) && listener.Writer.TryComplete());
        }
    }

    /// <summary>Every change after a version, first the past ones; null if some of these are forgotten.</summary>
    public ChannelReader<Change>? Listen(long since, long current)
    {
        lock (gate)
        {
            if (since < current && (forgotten < 0 || since < forgotten)) return null;
            if (forgotten < 0) forgotten = current;
            var channel = Channel.CreateBounded<Change>(new BoundedChannelOptions(Backlog) { SingleReader = true });
            foreach (var change in history.Where(change => change.Version > since)) channel.Writer.TryWrite(change);
            listeners.Add(channel);
            return channel.Reader;
        }
    }

    public void Leave(ChannelReader<Change> reader)
    {
        lock (gate) listeners.RemoveAll(listener => ReferenceEquals(listener.Reader, reader));
    }
}
