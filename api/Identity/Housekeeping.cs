using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OpenIddict.Abstractions;

namespace ControlPlane.Api.Identity;

/// <summary>Drops what has no use any more: codes and refresh tokens that are over, assertions that have expired, failures that are forgotten. Any replica may, and all do.</summary>
internal sealed partial class Housekeeping(IServiceScopeFactory scopes, NpgsqlDataSource source, TimeProvider time, ILogger<Housekeeping> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    /// <summary>A code or token that is over is kept this long, so that one who uses it again is still recognised.</summary>
    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(1);

    public async Task RunAsync(CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        await source.PruneFailuresAsync(now, SignInFailures.Most, cancel);
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ControlPlaneDb>().Set<UsedAssertionRow>().Where(row => row.ExpiresAt < now).ExecuteDeleteAsync(cancel);
        await scope.ServiceProvider.GetRequiredService<IOpenIddictTokenManager>().PruneAsync(now - KeptFor, cancel);
        await scope.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>().PruneAsync(now - KeptFor, cancel);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RunAsync(stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                Log.Failed(logger, failure);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "What is over could not be dropped; another attempt follows in ten minutes")]
        public static partial void Failed(ILogger logger, Exception failure);
    }
}
