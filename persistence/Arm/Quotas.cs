using ControlPlane.Contracts.Arm;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace ControlPlane.Persistence.Arm;

/// <summary>Places per subscription, location and SKU family, reserved with the resource that takes them and given back exactly once.</summary>
public sealed class Quotas(IConfiguration configuration)
{
    /// <summary>The limit of a family that nobody has set (<c>Quota:DefaultLimit</c>).</summary>
    public int DefaultLimit { get; } = configuration.GetValue("Quota:DefaultLimit", 5000);

    /// <summary>Raises the resource's reservation to <paramref name="demand"/>; null when there was room.</summary>
    internal async Task<AcceptOutcome.QuotaExceeded?> ReserveAsync(NpgsqlConnection connection, ResourceId id, string location, QuotaDemand demand, CancellationToken cancel)
    {
        var (subscription, family) = (id.Subscription.ToLowerInvariant(), demand.Family.ToLowerInvariant());
        await ExecuteAsync(connection, """
            insert into quotas (subscription, location, family, "limit", used) values ($1, $2, $3, $4, 0) on conflict do nothing
            """, cancel, subscription, location, family, DefaultLimit);
        var held = await ScalarAsync<int>(connection, "select amount from quota_reservations where resource_key = $1 for update", cancel, id.Key) ?? 0;
        var more = demand.Amount - held;
        if (more <= 0)
            return null;
        var taken = await ExecuteAsync(connection, """
            update quotas set used = used + $4 where subscription = $1 and location = $2 and family = $3 and used + $4 <= "limit"
            """, cancel, subscription, location, family, more);
        if (taken == 0)
            return await ExceededAsync(connection, subscription, location, family, more, cancel);
        await ExecuteAsync(connection, """
            insert into quota_reservations (resource_key, subscription, location, family, amount) values ($1, $2, $3, $4, $5)
            on conflict (resource_key) do update set amount = excluded.amount
            """, cancel, id.Key, subscription, location, family, demand.Amount);
        return null;
    }

    /// <summary>Gives back what the resource holds; a second call finds nothing to give.</summary>
    public static Task ReleaseAsync(NpgsqlConnection connection, string resourceKey, CancellationToken cancel) => ExecuteAsync(connection, """
        with released as (delete from quota_reservations where resource_key = $1 returning subscription, location, family, amount)
        update quotas q set used = q.used - r.amount from released r where q.subscription = r.subscription and q.location = r.location and q.family = r.family
        """, cancel, resourceKey);

    private static async Task<AcceptOutcome.QuotaExceeded> ExceededAsync(
        NpgsqlConnection connection, string subscription, string location, string family, int wanted, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, "select \"limit\", used from quotas where subscription = $1 and location = $2 and family = $3", subscription, location, family);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return new(family, reader.GetInt32(0), reader.GetInt32(1), wanted);
    }

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel, params object[] values)
    {
        await using var command = Sql.Command(connection, sql, values);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<T?> ScalarAsync<T>(NpgsqlConnection connection, string sql, CancellationToken cancel, params object[] values) where T : struct
    {
        await using var command = Sql.Command(connection, sql, values);
        return await command.ExecuteScalarAsync(cancel) as T?;
    }
}
