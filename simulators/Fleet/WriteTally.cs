namespace ControlPlane.Simulators.Fleet;

/// <summary>How often something was written, and how often that changed anything.</summary>
internal sealed record WriteCount(int Calls, int Changes, int Refused, string LastManager);

/// <summary>Who wrote what to a cluster: a line for each method and object, so that it stays small however long the fleet runs.</summary>
internal sealed class WriteTally
{
    /// <summary>Beyond so many different writes, new ones are only counted in total.</summary>
    private const int Capacity = 2000;

    private readonly Lock gate = new();
    private Dictionary<string, WriteCount>? counts;
    private int reads;

    public int Reads => Volatile.Read(ref reads);

    /// <summary>By method and path: <c>PATCH /apis/apps/v1/namespaces/shop/deployments/web</c>.</summary>
    public IReadOnlyDictionary<string, WriteCount> Writes
    {
        get
        {
            lock (gate) return new Dictionary<string, WriteCount>(counts ?? [], StringComparer.Ordinal);
        }
    }

    public void Note(HttpRequest request, int status, bool changed)
    {
        if (HttpMethods.IsGet(request.Method))
        {
            Interlocked.Increment(ref reads);
            return;
        }

        var key = $"{request.Method} {request.Path.Value}";
        lock (gate)
        {
            counts ??= new(StringComparer.Ordinal);
            if (!counts.TryGetValue(key, out var count))
            {
                if (counts.Count >= Capacity) key = "other";
                count = counts.GetValueOrDefault(key) ?? new WriteCount(0, 0, 0, "");
            }

            var manager = request.Query["fieldManager"].ToString() is { Length: > 0 } named ? string.Intern(named) : count.LastManager;
            counts[key] = new WriteCount(count.Calls + 1, count.Changes + (changed ? 1 : 0), count.Refused + (status is >= 400 or 0 ? 1 : 0), manager);
        }
    }

    public void Clear()
    {
        lock (gate) counts = null;
        Volatile.Write(ref reads, 0);
    }
}
