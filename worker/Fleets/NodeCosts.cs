using ControlPlane.Admission.Metering;
using ControlPlane.Contracts.Metering;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>Prices the node hours of the last 30 days of every cluster by the sheets that hold for its subscription, as usage details show them, and stores one sum per cluster and currency, to 12 decimals.</summary>
internal static class NodeCosts
{
    private const int Days = 30;

    private const string Subscriptions = "select distinct subscription from usage_records where meter = $1 and window_start >= now() - make_interval(days => $2)";

    /// <summary>From the begin of the first month on, for what is included in a month is used up by its first hours.</summary>
    private const string Hours = """
        select window_start, sku, location, sum(quantity::numeric) from usage_records
        where subscription = $1 and meter = $2 and window_start >= date_trunc('month', now() - make_interval(days => $3), 'UTC') group by window_start, sku, location
        """;

    private const string Store = """
        with rates as (select * from unnest($4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::numeric[]) r(hour, sku, location, currency, rate)),
        summed as (
            select u.resource_key, coalesce(r.currency, '') as currency, sum(u.quantity::numeric) as hours, round(sum(u.quantity::numeric * coalesce(r.rate, 0)), 12) as cost
            from usage_records u join resources c on c.key = u.resource_key left join rates r on r.hour = u.window_start and r.sku = coalesce(u.sku, '') and r.location = u.location
            where u.subscription = $1 and u.meter = $2 and u.window_start >= now() - make_interval(days => $3) group by 1, 2),
        gone as (delete from cluster_costs k using resources c where c.key = k.cluster_key and c.subscription = $1 and not exists (select from summed s where s.resource_key = k.cluster_key and s.currency = k.currency))
        insert into cluster_costs (cluster_key, currency, node_hours, cost, computed_at) select resource_key, currency, hours, cost, now() from summed
        on conflict (cluster_key, currency) do update set node_hours = excluded.node_hours, cost = excluded.cost, computed_at = excluded.computed_at
        """;

    public static async Task ComputeAsync(NpgsqlDataSource source, CancellationToken stop)
    {
        foreach (var subscription in await SubscriptionsAsync(source, stop))
        {
            var book = await source.PricesAsync(subscription, stop);
            var rates = book.Rates(await HoursAsync(source, subscription, stop)).ToList();
            var meter = Meter.Find(Meter.ClusterNode)!;
            await using var command = Sql.Command(source, Store, subscription, meter.Name, Days, rates.Select(rate => rate.Key.Hour.UtcDateTime).ToArray(), rates.Select(rate => rate.Key.Class.Sku ?? "").ToArray(),
                rates.Select(rate => rate.Key.Class.Location).ToArray(), rates.Select(rate => rate.Value.Currency).ToArray(), rates.Select(rate => rate.Value.Cost(1, meter)).ToArray());
            await command.ExecuteNonQueryAsync(stop);
        }
    }

    private static async Task<IReadOnlyList<string>> SubscriptionsAsync(NpgsqlDataSource source, CancellationToken stop)
    {
        await using var command = Sql.Command(source, Subscriptions, Meter.ClusterNode, Days);
        await using var row = await command.ExecuteReaderAsync(stop);
        var subscriptions = new List<string>();
        while (await row.ReadAsync(stop))
            subscriptions.Add(row.GetString(0));
        return subscriptions;
    }

    private static async Task<IReadOnlyList<HourOfUsage>> HoursAsync(NpgsqlDataSource source, string subscription, CancellationToken stop)
    {
        await using var command = Sql.Command(source, Hours, subscription, Meter.ClusterNode, Days);
        await using var row = await command.ExecuteReaderAsync(stop);
        var hours = new List<HourOfUsage>();
        while (await row.ReadAsync(stop))
            hours.Add(new(row.GetFieldValue<DateTimeOffset>(0), new(Meter.ClusterNode, row.IsDBNull(1) ? null : row.GetString(1), row.GetString(2)), row.GetDecimal(3)));
        return hours;
    }
}
