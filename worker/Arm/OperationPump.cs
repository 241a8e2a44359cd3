using System.Collections.Concurrent;
using ControlPlane.Contracts.Arm;
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
            _ = RenewNowAsync();
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
        var forgetting = EveryAsync(TimeSpan.FromMinutes(5), async stop => await claims.ForgetAsync(options.Value.Retention, stop), stoppingToken, atOnce: true);
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

        var resources = (await source.FindResourcesAsync([.. claimed.Select(claim => claim.Operation.ResourceKey)], stop)).ToDictionary(r => r.Key, StringComparer.Ordinal);
        foreach (var (operation, at) in claimed)
        {
            var lease = new Lease(operation.Id, operation.LeaseEpoch, at, clock, options.Value.Lease, before);
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
                await EndUnknownAsync(operation, lease);
                return;
            }

            await using var scope = services.CreateAsyncScope();
            await ((OperationRunner)scope.ServiceProvider.GetRequiredService(runnerType)).RunAsync(operation, resource, lease, stop);
        }
        catch (LeaseLostException)
        {
            LogLost(operation.Id, operation.ResourceId);
            await QuietlyAsync(() => claims.MakeWayAsync(operation, CancellationToken.None), operation.Id);
        }
        catch (Exception failure)
        {
            LogRunFailed(failure, operation.Id);
            // While the database is away nothing is wrong with the operation: its lease runs out and the step runs again.
            if (failure is not NpgsqlException { IsTransient: true })
                await QuietlyAsync(() => GiveBackAsync(operation), operation.Id);
        }
        finally
        {
            held.TryRemove(new(operation.Id, lease));
            lease.Dispose();
        }
    }

    /// <summary>A run that broke off, such as one whose results cannot be stored, is tried again a few times and then failed.</summary>
    private async Task GiveBackAsync(OperationRow operation)
    {
        var attempts = await claims.GiveBackAsync(operation, OperationRunner.BackOff(operation.Attempts + 1), CancellationToken.None);
        if (attempts >= OperationRunner.MaxAttempts)
            await claims.EndAsync(operation, ProvisioningState.Failed, OperationRunner.InternalError($"The operation broke off {attempts} times"), CancellationToken.None);
    }

    /// <summary>A newer worker may know how to carry it out, until it is canceled or its time is up.</summary>
    private async Task EndUnknownAsync(OperationRow operation, Lease lease)
    {
        if (operation.DeadlineAt <= lease.Now)
            await claims.EndAsync(operation, ProvisioningState.Failed, new("OperationTimedOut", $"No worker could carry out {operation.Request} of {operation.ResourceType} until {operation.DeadlineAt:O}."), CancellationToken.None);
        else if (operation.CancelRequestedAt is not null)
            await claims.EndAsync(operation, ProvisioningState.Canceled, OperationRunner.Canceled, CancellationToken.None);
    }

    private async Task QuietlyAsync(Func<Task> act, Guid operation)
    {
        try
        {
            await act();
        }
        catch (Exception failure)
        {
            LogRunFailed(failure, operation);
        }
    }

    private async Task RenewNowAsync()
    {
        try
        {
            await RenewAsync(CancellationToken.None);
        }
        catch (Exception failure)
        {
            LogClaimFailed(failure);
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
                if (!renewed.TryGetValue(lease.Operation, out var standing))
                    lease.Lose();
                else if (standing is LeaseStanding.Held)
                    lease.Renewed(before);
                else if (standing is not LeaseStanding.BeingSaved)
                    lease.Interrupt(standing);
            }
            catch (ObjectDisposedException)
            {
                LogEndedMeanwhile(lease.Operation);
            }
        }
    }

    private async Task EveryAsync(TimeSpan period, Func<CancellationToken, Task> act, CancellationToken stop, bool atOnce = false)
    {
        using var timer = new PeriodicTimer(period, clock);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (!atOnce)
                    await timer.WaitForNextTickAsync(stop);
                atOnce = false;
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

    [LoggerMessage(LogLevel.Error, "Operation {Operation} stopped half-way; its step runs again")]
    private partial void LogRunFailed(Exception failure, Guid operation);

    [LoggerMessage(LogLevel.Warning, "Operation {Operation} of {ResourceId} is not held any more; nothing more is written by this worker")]
    private partial void LogLost(Guid operation, string resourceId);

    [LoggerMessage(LogLevel.Error, "Nothing here carries out {Request} of {ResourceType} (operation {Operation}); a newer worker may")]
    private partial void LogUnknown(string resourceType, string request, Guid operation);

    [LoggerMessage(LogLevel.Trace, "Already awake")]
    private partial void LogAlreadyAwake();

    [LoggerMessage(LogLevel.Trace, "Operation {Operation} ended while its lease was renewed")]
    private partial void LogEndedMeanwhile(Guid operation);
}
