using System.Buffers.Text;
using System.Globalization;
using System.Text;
using ControlPlane.Admission.Metering;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Api.Metering;

/// <summary>A resource's usage of a meter in a clock hour, and the tags that the resource has now, null when it is gone.</summary>
internal sealed record UsageRecord(DateTimeOffset Hour, string ResourceKey, UsageClass Class, string ResourceId, decimal Recorded, IReadOnlyDictionary<string, string>? Tags)
{
    public string Position => Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{Hour.UtcTicks} {Class.Meter} {ResourceKey}"));
}

/// <summary>Where a page of usage begins: after this record.</summary>
internal sealed record UsagePosition(DateTimeOffset Hour, string Meter, string ResourceKey)
{
    public static UsagePosition Start { get; } = new(DateTimeOffset.MinValue, "", "");

    public static UsagePosition Parse(string token)
    {
        string[] parts = Base64Url.IsValid(token) ? Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token)).Split(' ', 3) : [];
        return parts is [var hour, var meter, var key] && long.TryParse(hour, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTimeOffset.MaxValue.Ticks && !(meter + key).Contains('\0', StringComparison.Ordinal)
            ? new(new(ticks, TimeSpan.Zero), meter, key)
            : throw ArmErrors.InvalidQuery("$skipToken", "is not one that a nextLink carried.");
    }
}

/// <summary>What is stored of usage.</summary>
internal static class UsageReads
{
    private const string Page = """
        select u.window_start, u.resource_key, u.meter, u.sku, u.location, u.resource_id, u.quantity::numeric, r.tags::text
        from usage_records u left join resources r on r.key = u.resource_key
        where u.subscription = $1 and u.window_start >= greatest($2, $6) and u.window_start < $3 and ($4 is null or starts_with(u.resource_key, $4 || '/')) and ($5 is null or u.resource_key = $5)
            and (u.window_start > $6 or (u.resource_key, u.meter) > ($8, $7))
        order by u.window_start, u.resource_key, u.meter limit $9
        """;

    private const string Hours = """
        select window_start, meter, sku, location, sum(quantity::numeric) from usage_records
        where subscription = $1 and window_start >= $2 and window_start <= $3 and meter = any($4) group by window_start, meter, sku, location
        """;

    /// <summary>A page, in the order of time; within an hour of resources and meters. The subscription is in lower case.</summary>
    public static async Task<IReadOnlyList<UsageRecord>> PageAsync(this NpgsqlDataSource source, string subscription, UsageFilter filter, UsagePosition after, int size, CancellationToken cancel)
    {
        if (filter.IsNothing)
            return [];
        await using var command = Sql.Command(source, Page, subscription, filter.From, filter.Before, filter.Group, filter.Resource, after.Hour, after.Meter, after.ResourceKey, size);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var records = new List<UsageRecord>();
        while (await row.ReadAsync(cancel))
        {
            records.Add(new(row.GetFieldValue<DateTimeOffset>(0), row.GetString(1), new(row.GetString(2), row.IsDBNull(3) ? null : row.GetString(3), row.GetString(4)), row.GetString(5), row.GetDecimal(6),
                row.IsDBNull(7) ? null : Json.Read<Dictionary<string, string>>(row.GetString(7))));
        }

        return records;
    }

    /// <summary>The rates of these records: from the whole subscription's month where something is included, else from nothing but themselves.</summary>
    public static async Task<IReadOnlyDictionary<(DateTimeOffset Hour, UsageClass Class), Rate>> RatesAsync(this NpgsqlDataSource source, string subscription, PriceBook book, IReadOnlyList<UsageRecord> records, CancellationToken cancel)
    {
        var meters = records.Select(record => record.Class.Meter).Distinct(StringComparer.Ordinal).Where(book.Includes).ToArray();
        var usage = records.Where(record => !meters.Contains(record.Class.Meter, StringComparer.Ordinal)).Select(record => new HourOfUsage(record.Hour, record.Class, record.Recorded)).ToList();
        if (meters.Length == 0)
            return book.Rates(usage);
        await using var command = Sql.Command(source, Hours, subscription, PriceBook.Month(records[0].Hour), records[^1].Hour, meters);
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            usage.Add(new(row.GetFieldValue<DateTimeOffset>(0), new(row.GetString(1), row.IsDBNull(2) ? null : row.GetString(2), row.GetString(3)), row.GetDecimal(4)));
        return book.Rates(usage);
    }
}
