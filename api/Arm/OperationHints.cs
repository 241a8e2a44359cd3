using System.Threading.Channels;
using ControlPlane.Contracts.Arm;
using MassTransit;

namespace ControlPlane.Api.Arm;

/// <summary>
/// Tells workers that an operation is due, without ever holding up or failing the request: the row is already committed, and a hint that is lost (a full queue, a bus
/// that is down) only costs the time until a worker looks by itself.
/// </summary>
internal sealed partial class OperationHints(IBus bus, ILogger<OperationHints> logger) : BackgroundService
{
    private readonly Channel<Guid> queue = Channel.CreateBounded<Guid>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropOldest });

    public void Due(Guid operation) => queue.Writer.TryWrite(operation);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var operation in queue.Reader.ReadAllAsync(stoppingToken))
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            limit.CancelAfter(TimeSpan.FromSeconds(1));
            try
            {
                await bus.Publish(new OperationDue(operation), limit.Token);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(failure, operation);
            }
        }
    }

    [LoggerMessage(LogLevel.Debug, "The hint for operation {Operation} was not delivered; the sweep will find it")]
    private partial void LogLost(Exception failure, Guid operation);
}
