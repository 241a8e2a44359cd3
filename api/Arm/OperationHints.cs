using System.Diagnostics;
using System.Threading.Channels;
using ControlPlane.Contracts.Arm;
using MassTransit;

namespace ControlPlane.Api.Arm;

/// <summary>
/// Tells workers that something is due, without ever holding up or failing the request: the row is already committed, and a hint that is lost (a full queue, a bus
/// that is down) only costs the time until a worker looks by itself. A worker that looks takes all that is due, so one hint stands for every write accepted before it is sent.
/// </summary>
internal sealed partial class OperationHints(IBus bus, ILogger<OperationHints> logger) : BackgroundService
{
    private static readonly ActivitySource Traces = new("ControlPlane.Api");

    /// <summary>A hint belongs to the trace of the request that caused it.</summary>
    private readonly Channel<(OperationDue Hint, ActivityContext Cause)> queue =
        Channel.CreateBounded<(OperationDue, ActivityContext)>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.Wait });
    private int dueIsQueued;

    /// <summary>An operation was accepted, or need not wait any longer.</summary>
    public void Due()
    {
        if (Interlocked.Exchange(ref dueIsQueued, 1) == 0 && !Write(new(Interrupted: null)))
            Volatile.Write(ref dueIsQueued, 0);
    }

    /// <summary>An operation was canceled or superseded.</summary>
    public void Interrupted(Guid operation) => Write(new(operation));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var (hint, cause) in queue.Reader.ReadAllAsync(stoppingToken))
        {
            if (hint.Interrupted is null)
                Interlocked.Exchange(ref dueIsQueued, 0);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            limit.CancelAfter(TimeSpan.FromSeconds(1));
            try
            {
                using var span = Traces.StartActivity("hint", ActivityKind.Producer, cause);
                await bus.Publish(hint, limit.Token);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(failure);
            }
        }
    }

    private bool Write(OperationDue hint) => queue.Writer.TryWrite((hint, Activity.Current?.Context ?? default));

    [LoggerMessage(LogLevel.Debug, "A hint was not delivered; the sweep will find what is due")]
    private partial void LogLost(Exception failure);
}
