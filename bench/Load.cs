using System.Diagnostics;

namespace ControlPlane.Bench;

/// <summary>What a load of requests came to.</summary>
/// <param name="PerSecond">Answers of the expected status per second.</param>
/// <param name="Milliseconds">Latencies in ascending order.</param>
internal sealed record LoadResult(double PerSecond, IReadOnlyList<double> Milliseconds)
{
    public double P50 => Statistics.Percentile(Milliseconds, 50);
    public double P99 => Statistics.Percentile(Milliseconds, 99);
}

/// <summary>Requests over a fixed number of connections that stay open.</summary>
internal sealed class Load : IAsyncDisposable
{
    private const int WarmUpRequests = 10_000;
    private static readonly TimeSpan WarmUpAtMost = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<Connection> connections;

    private Load(IReadOnlyList<Connection> connections) => this.connections = connections;

    public static async Task<Load> OpenAsync(Stack stack, int connections)
    {
        var open = new List<Connection>();
        for (var n = 0; n < connections; n++)
            open.Add(await Connection.OpenAsync(stack));
        return new(open);
    }

    /// <summary>Closed loop: each connection sends its next request when it has the answer to the last.</summary>
    public Task<LoadResult> FloodAsync(NumberedRequest request, Func<long> number, int expected, TimeSpan time)
    {
        var end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        return RunAsync(request, number, expected, () => Stopwatch.GetTimestamp() is var now && now < end ? now : null);
    }

    /// <summary>Floods until the runtime has compiled the hot path for good, which takes thousands of requests and not a time.</summary>
    public async Task WarmUpAsync(NumberedRequest request, Func<long> number, int expected)
    {
        var (sent, watch) = (0, Stopwatch.StartNew());
        while (sent < WarmUpRequests && watch.Elapsed < WarmUpAtMost)
            sent += (await FloodAsync(request, number, expected, TimeSpan.FromSeconds(1))).Milliseconds.Count;
    }

    /// <summary>Open loop: requests fall due at a fixed rate whatever the server does, and a latency counts from when its request was due.</summary>
    public Task<LoadResult> PaceAsync(NumberedRequest request, Func<long> number, int expected, int perSecond, TimeSpan time)
    {
        var (begin, next, count) = (Stopwatch.GetTimestamp(), -1L, (long)(perSecond * time.TotalSeconds));
        return RunAsync(request, number, expected, () => Interlocked.Increment(ref next) is var n && n < count ? begin + (n * Stopwatch.Frequency / perSecond) : null);
    }

    /// <param name="due">When the next request is due; null when there is none.</param>
    private async Task<LoadResult> RunAsync(NumberedRequest request, Func<long> number, int expected, Func<long?> due)
    {
        var watch = Stopwatch.StartNew();
        var all = await Task.WhenAll(connections.Select(connection => Task.Run(() => UseAsync(connection, request.Copy(), number, expected, due))));
        var seconds = watch.Elapsed.TotalSeconds;
        var latencies = all.SelectMany(part => part).Order().ToList();
        return new(latencies.Count / seconds, latencies);
    }

    private static async Task<List<double>> UseAsync(Connection connection, NumberedRequest request, Func<long> number, int expected, Func<long?> due)
    {
        var latencies = new List<double>();
        while (due() is { } at)
        {
            if (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), at) is { Ticks: > 0 } early)
                await Task.Delay(early);
            var status = await connection.SendAsync(request.With(number()));
            if (status != expected)
                throw new InvalidOperationException($"A request of the load was answered with {status}, not {expected}.");
            latencies.Add(Stopwatch.GetElapsedTime(at).TotalMilliseconds);
        }

        return latencies;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in connections)
            await connection.DisposeAsync();
    }
}
