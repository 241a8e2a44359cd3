namespace ControlPlane.Simulators.Wire;

/// <summary>One call to a simulated service, or one act of a simulated machine.</summary>
internal sealed record JournalEntry
{
    public required long Sequence { get; init; }
    public required DateTimeOffset Time { get; init; }

    /// <summary><c>bmc</c>, <c>cluster</c> and <c>images</c> were called; <c>machine</c> called somebody or did something. In a fleet: the cluster's name.</summary>
    public required string Source { get; init; }

    /// <summary>1-based slot; 0 when no machine is involved.</summary>
    public required int Machine { get; init; }

    public string Method { get; init; } = "";
    public string Path { get; init; } = "";
    public int Status { get; init; }
    public string? IdempotencyKey { get; init; }

    /// <summary>What really changed; null when nothing did.</summary>
    public string? Effect { get; init; }
}

/// <summary>
/// Everything that happened, in order, so that a test can assert what the product did to the world. Besides the entries it counts
/// effects per Idempotency-Key: a count above one is a side effect that was done twice.
/// </summary>
internal sealed class Journal(TimeProvider time, int capacity = Journal.Large)
{
    /// <summary>Enough for 10,000 machines that are provisioned once; beyond it the oldest quarter is forgotten.</summary>
    private const int Large = 1_000_000;

    private readonly Lock gate = new();
    private readonly List<JournalEntry> entries = [];
    private readonly Dictionary<string, Dictionary<string, int>> effects = new(StringComparer.Ordinal);
    private long sequence;

    /// <summary>Notes a call to a service. Real BMCs ignore the Idempotency-Key header; it is only written down.</summary>
    public void Call(string source, int machine, HttpRequest request, int status, string? effect = null)
    {
        string? key = request.Headers.TryGetValue("Idempotency-Key", out var values) ? values.ToString() : null;
        Add(source, machine, request.Method, request.Path + request.QueryString, status, key, effect);
    }

    /// <summary>Notes a request that a machine (or its BMC) made.</summary>
    public void Request(int machine, string method, Uri target, int status) =>
        Add("machine", machine, method, target.PathAndQuery, status, null, null);

    /// <summary>Notes something that a machine did by itself.</summary>
    public void Act(int machine, string effect) => Add("machine", machine, "", "", 0, null, effect);

    /// <summary>Entries after a sequence number, oldest first, of one machine and below one path prefix if asked.</summary>
    public IReadOnlyList<JournalEntry> Read(long since = 0, int? machine = null, string? path = null)
    {
        lock (gate)
        {
            return [.. entries.Where(entry => entry.Sequence > since
                && (machine is null || entry.Machine == machine)
                && (path is null || entry.Path.Contains(path, StringComparison.OrdinalIgnoreCase)))];
        }
    }

    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, int>> EffectsByKey()
    {
        lock (gate)
        {
            return effects.ToDictionary(
                pair => pair.Key,
                pair => (IReadOnlyDictionary<string, int>)new Dictionary<string, int>(pair.Value, StringComparer.Ordinal),
                StringComparer.Ordinal);
        }
    }

    public void Clear()
    {
        lock (gate)
        {
            entries.Clear();
            effects.Clear();
        }
    }

    private void Add(string source, int machine, string method, string path, int status, string? key, string? effect)
    {
        lock (gate)
        {
            if (entries.Count >= capacity) entries.RemoveRange(0, capacity / 4);
            entries.Add(new JournalEntry
            {
                Sequence = ++sequence, Time = time.GetUtcNow(), Source = source, Machine = machine,
                Method = method, Path = path, Status = status, IdempotencyKey = key, Effect = effect,
            });
            if (key is null || effect is null) return;
            if (effects.Count >= capacity) effects.Clear();
            if (!effects.TryGetValue(key, out var counts)) effects[key] = counts = new Dictionary<string, int>(StringComparer.Ordinal);
            counts[effect] = counts.GetValueOrDefault(effect) + 1;
        }
    }
}
