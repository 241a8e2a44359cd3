using System.Collections.Concurrent;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Clusters;
using Npgsql;

namespace ControlPlane.Api.Clusters;

/// <summary>Every request of an agent says that its cluster is there: noted in memory, and written for all of them together.</summary>
internal sealed partial class AgentHeartbeats(NpgsqlDataSource source, TimeProvider time, ILogger<AgentHeartbeats> logger) : BackgroundService
{
    private static readonly TimeSpan WriteEvery = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<string, byte> heard = new(StringComparer.Ordinal);

    public void Hear(string clusterKey) => heard[clusterKey] = 0;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(WriteEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await WriteAsync(stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failure);
            }
        }
    }

    private async Task WriteAsync(CancellationToken stop)
    {
        var keys = heard.Keys.Where(key => heard.TryRemove(key, out _)).ToArray();
        if (keys.Length == 0)
            return;
        await using var command = Sql.Command(source, InventorySql.Heartbeat, (object)keys);
        await command.ExecuteNonQueryAsync(stop);
    }

    [LoggerMessage(LogLevel.Warning, "Heartbeats were not written; the next ones say the same")]
    private partial void LogFailed(Exception failure);
}
