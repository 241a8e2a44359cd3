using System.Collections.Concurrent;
using ControlPlane.Contracts.Fleets;
using MassTransit;

namespace ControlPlane.Api.Fleets;

/// <summary>Tells workers of which placements agents have said something: what comes while one hint is on its way goes with the next. The rows are committed, and a hint that is lost costs a sweep.</summary>
internal sealed partial class PlacementHints(IBus bus, TimeProvider time, ILogger<PlacementHints> logger) : BackgroundService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<int, byte> reported = new();
    private readonly SemaphoreSlim news = new(0, 1);

    public void Reported(IEnumerable<int> placements)
    {
        foreach (var placement in placements)
            reported[placement] = 0;
        lock (news)
        {
            if (news.CurrentCount == 0)
                news.Release();
        }
    }

    public override void Dispose()
    {
        news.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await news.WaitAsync(stoppingToken);
            int[] placements = [.. reported.Keys.Where(placement => reported.TryRemove(placement, out _))];
            if (placements.Length == 0)
                continue;
            using var limit = new CancellationTokenSource(Patience, time);
            try
            {
                await bus.Publish(new PlacementsReported(placements), limit.Token);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(failure);
            }
        }
    }

    [LoggerMessage(LogLevel.Debug, "A hint was not delivered; the sweep will find what is due")]
    private partial void LogLost(Exception failure);
}
