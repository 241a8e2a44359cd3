using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlPlane.Persistence;

/// <summary>Brings the database to this version's schema; any number of processes may start at once.</summary>
public static class Schema
{
    private const long Lock = 0x436f6e74726f6c50;

    public static async Task MigrateAsync(IServiceProvider services, CancellationToken cancel)
    {
        var source = services.GetRequiredService<NpgsqlDataSource>();
        await using var db = await services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContextAsync(cancel);
        await using var holder = await source.OpenConnectionAsync(cancel);
        await using (var take = new NpgsqlCommand("select pg_advisory_lock($1)", holder) { Parameters = { new() { Value = Lock } } })
            await take.ExecuteNonQueryAsync(cancel);
        try
        {
            await db.Database.MigrateAsync(cancel);
        }
        finally
        {
            await using var release = new NpgsqlCommand("select pg_advisory_unlock($1)", holder) { Parameters = { new() { Value = Lock } } };
            await release.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }
}
