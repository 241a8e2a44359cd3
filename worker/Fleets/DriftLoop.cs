using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Has what is on members looked at again and again, at the lowest priority: whether it still is as it was applied. A look is a binding that is due like any other, but only so many are at once; the rest wait for
/// their turn in an index of their own, where who claims work does not come by. Any number of workers may do this: the rows are the count.
/// </summary>
internal sealed partial class DriftLoop(NpgsqlDataSource source, PlacementSignal signal, IOptions<BindingOptions> options, TimeProvider time, ILogger<DriftLoop> logger) : BackgroundService
{
    private const int MostAtOnce = 32;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Busy = TimeSpan.FromMilliseconds(100);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var hasMore = false;
            try
            {
                var (picked, due) = await PickAsync(stoppingToken);
                hasMore = picked > 0;
                if (due > 0)
                    signal.Work();
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failure);
            }

            await Task.Delay(hasMore ? Busy : Idle, time, stoppingToken);
        }
    }

    private async Task<(int Picked, int Due)> PickAsync(CancellationToken stop)
    {
        await using var command = Sql.Command(source, BindingSql.Look, MostAtOnce, options.Value.DriftInterval);
        await using var row = await command.ExecuteReaderAsync(stop);
        var (picked, due) = (0, 0);
        while (await row.ReadAsync(stop))
        {
            picked++;
            due += row.GetBoolean(0) ? 1 : 0;
        }

        return (picked, due);
    }

    [LoggerMessage(LogLevel.Warning, "Looking for what to look at failed; the next round does it")]
    private partial void LogFailed(Exception failure);
}
