using System.Collections.Concurrent;
using ControlPlane.Persistence.Arm;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Worker.Arm;

/// <summary>How a worker takes and keeps operations (<c>Operations</c>).</summary>
internal sealed class OperationOptions
{
    /// <summary>How many operations one worker advances at once. <value>64</value></summary>
    public int Concurrency { get; set; } = 64;

    /// <summary>How long a claim lasts without renewal; with <see cref="Sweep"/> it bounds the takeover of a dead worker's operations. <value>15 s</value></summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often a worker looks for due operations although nobody told it to. <value>1 s</value></summary>
    public TimeSpan Sweep { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long ended operations can be read. <value>7 days</value></summary>
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(7);
}

/// <summary>
/// The heart of a worker: claims what is due, as much as it can carry, runs it, and renews what it holds. A hint from the bus makes it look at once; without any hint it
/// looks when the next operation is due, at the latest every second.
/// </summary>
internal sealed partial class OperationPump(
    OperationClaims claims, OperationRegistry registry, NpgsqlDataSource source, IServiceProvider services, IOptions<OperationOptions> options, TimeProvider clock, ILogger<OperationPump> logger)
    : BackgroundService
{
    private readonly string owner = $"{Environment.MachineName}/{Environment.ProcessId}";
    private readonly ConcurrentDictionary<Guid, Lease> held = new();
    private readonly SemaphoreSlim wake = new(0, 1);

    /// <summary>Something may be due; an operation in hand may have been ended or canceled.</summary>
    public void Wake(Guid? interrupted)
    {
        if (interrupted is { } operation && held.ContainsKey(operation))
            _ = RenewAsync(CancellationToken.None);
        Wake();
    }

    private void Wake()
    {
        if (wake.CurrentCount > 0)
            return;
        try
        {
            wake.Release();
        }
        catch (SemaphoreFullException)
        {
            LogAlreadyAwake();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var renewing = EveryAsync(options.Value.Lease / 4, RenewAsync, stoppingToken);
        var forgetting = EveryAsync(TimeSpan.FromMinutes(5), async stop => await claims.ForgetAsync(options.Value.Retention, stop), stoppingToken);
        var running = new ConcurrentDictionary<Task, byte>();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var wait = await ClaimAsync(running, stoppingToken);
                if (wait > TimeSpan.Zero)
                    await wake.WaitAsync(wait, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                LogClaimFailed(failure);
                await wake.WaitAsync(options.Value.Sweep, CancellationToken.None);
            }
        }

        await Task.WhenAll([.. running.Keys, renewing, forgetting]);
    }

    /// <summary>Starts what is due; the answer says how long to sleep unless woken.</summary>
    private async Task<TimeSpan> ClaimAsync(ConcurrentDictionary<Task, byte> running, CancellationToken stop)
    {
        var room = options.Value.Concurrency - running.Count;
        if (room <= 0)
            return options.Value.Sweep;
        var before = clock.GetTimestamp();
        var claimed = await claims.ClaimAsync(owner, room, options.Value.Lease, stop);
        if (claimed.Count == 0)
        {
            var next = await claims.UntilNextDueAsync(stop) ?? options.Value.Sweep;
            return next < TimeSpan.FromMilliseconds(5) ? TimeSpan.FromMilliseconds(5) : next < options.Value.Sweep ? next : options.Value.Sweep;
        }

        var resources = (await source.FindResourcesAsync([.. claimed.Select(o => o.ResourceKey)], stop)).ToDictionary(r => r.Key, StringComparer.Ordinal);
        foreach (var operation in claimed)
        {
            var lease = new Lease(operation.Id, operation.LeaseEpoch, clock, options.Value.Lease, before);
            held[operation.Id] = lease;
            var task = Task.Run(() => RunAsync(operation, resources.GetValueOrDefault(operation.ResourceKey), lease, stop), CancellationToken.None);
            running[task] = 0;
            _ = task.ContinueWith(done =>
            {
                running.TryRemove(done, out _);
                Wake();
            }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        return claimed.Count < room ? options.Value.Sweep : TimeSpan.Zero;
    }

    private async Task RunAsync(OperationRow operation, ResourceRow? resource, Lease lease, CancellationToken stop)
    {
        try
        {
            if (resource is null || registry.Find(operation.ResourceType, operation.Request) is not { } runnerType)
            {
                LogUnknown(operation.ResourceType, operation.Request, operation.Id);
                return;
            }

            await using var scope = services.CreateAsyncScope();
            await ((OperationRunner)scope.ServiceProvider.GetRequiredService(runnerType)).RunAsync(operation, resource, lease, stop);
        }
        catch (Exception failure)
        {
            // Nothing was saved: the lease runs out and the step runs again.
            LogRunFailed(failure, operation.Id);
        }
        finally
        {
            held.TryRemove(new(operation.Id, lease));
            lease.Dispose();
        }
    }

    private async Task RenewAsync(CancellationToken stop)
    {
        var mine = held.Values.ToList();
        if (mine.Count == 0)
            return;
        var before = clock.GetTimestamp();
        var renewed = await claims.RenewAsync(mine, options.Value.Lease, stop);
        foreach (var lease in mine)
        {
            try
            {
                if (!renewed.TryGetValue(lease.Operation, out var cancel))
                    lease.Lose();
                else if (cancel)
                    lease.Cancel();
                else
                    lease.Renewed(before);
            }
            catch (ObjectDisposedException)
            {
                LogEndedMeanwhile(lease.Operation);
            }
        }
    }

    private async Task EveryAsync(TimeSpan period, Func<CancellationToken, Task> act, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(period, clock);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stop);
                await act(stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                LogClaimFailed(failure);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "Looking for due operations failed; looking again")]
    private partial void LogClaimFailed(Exception failure);

    [LoggerMessage(LogLevel.Error, "Operation {Operation} stopped half-way; its step runs again when the lease has run out")]
    private partial void LogRunFailed(Exception failure, Guid operation);

    [LoggerMessage(LogLevel.Error, "Nothing here carries out {Request} of {ResourceType} (operation {Operation}); a newer worker may")]
    private partial void LogUnknown(string resourceType, string request, Guid operation);

    [LoggerMessage(LogLevel.Trace, "Already awake")]
    private partial void LogAlreadyAwake();

    [LoggerMessage(LogLevel.Trace, "Operation {Operation} ended while its lease was renewed")]
    private partial void LogEndedMeanwhile(Guid operation);
}
