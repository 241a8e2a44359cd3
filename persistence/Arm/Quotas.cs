using ControlPlane.Contracts.Arm;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace ControlPlane.Persistence.Arm;

/// <summary>Places per subscription, location and SKU family, reserved with the resource that takes them and given back exactly once.</summary>
public sealed class Quotas(IConfiguration configuration)
{
    /// <summary>The limit of a family that nobody has set (<c>Quota:DefaultLimit</c>).</summary>
    public int DefaultLimit { get; } = configuration.GetValue("Quota:DefaultLimit", 5000);

    /// <summary>
    /// Raises the resource's reservation. The row lock on what the resource holds comes before the family's, and a place that was refused leaves both as they were.
    /// </summary>
    private const string Reserve = """
        with held as materialized (select coalesce((select amount from quota_reservations where resource_key = $1 for update), 0) as amount),
            taken as (
                update quotas q set used = q.used + $5 - held.amount from held
                where q.subscription = $2 and q.location = $3 and q.family = $4 and $5 > held.amount and q.used + $5 - held.amount <= q."limit" returning q.used),
            kept as (
                insert into quota_reservations (resource_key, subscription, location, family, amount) select $1, $2, $3, $4, $5 from taken
                on conflict (resource_key) do update set amount = excluded.amount returning amount)
        select held.amount, exists (select from kept) from held
        """;

    /// <summary>A place for a resource that holds none. What is not to be had is null, which no reservation may be.</summary>
    internal const string Take = """
        with taken as (
            update quotas set used = used + $5 where subscription = $2 and location = $3 and family = $4 and used + $5 <= "limit" and $5 > 0 returning $5 as amount)
        insert into quota_reservations (resource_key, subscription, location, family, amount) values ($1, $2, $3, $4, (select amount from taken))
        """;

    /// <summary>Whether <see cref="Take"/> was refused: there is no room, nobody has counted this family yet, or the resource holds something already.</summary>
    internal static bool NotTaken(PostgresException failure) =>
        failure.SqlState is PostgresErrorCodes.NotNullViolation or PostgresErrorCodes.UniqueViolation && failure.TableName == "quota_reservations";

    /// <summary>Raises the resource's reservation to <paramref name="demand"/>; null when there was room.</summary>
    internal async Task<AcceptOutcome.QuotaExceeded?> ReserveAsync(NpgsqlConnection connection, ResourceId id, string location, QuotaDemand demand, CancellationToken cancel)
    {
        var (subscription, family) = (id.Subscription.ToLowerInvariant(), demand.Family.ToLowerInvariant());
        var more = await MissingAsync(connection, id, subscription, location, family, demand.Amount, cancel);
        if (more > 0)
        {
            // Refused, or nobody has counted this family yet.
            await ExecuteAsync(connection, """
                insert into quotas (subscription, location, family, "limit", used) values ($1, $2, $3, $4, 0) on conflict do nothing
                """, cancel, subscription, location, family, DefaultLimit);
            more = await MissingAsync(connection, id, subscription, location, family, demand.Amount, cancel);
        }

        return more > 0 ? await ExceededAsync(connection, subscription, location, family, more, cancel) : null;
    }

    /// <summary>How many places could not be had.</summary>
    private static async Task<int> MissingAsync(NpgsqlConnection connection, ResourceId id, string subscription, string location, string family, int amount, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, Reserve, id.Key, subscription, location, family, amount);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return reader.GetBoolean(1) ? 0 : amount - reader.GetInt32(0);
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
}
