using ControlPlane.Contracts.Metering;

namespace ControlPlane.Admission.Metering;

/// <summary>What usage of one hour has in common for a price: the meter, the SKU and the location.</summary>
internal sealed record UsageClass(string Meter, string? Sku, string Location)
{
    public PriceKey Key { get; } = new(Meter.ToLowerInvariant(), Sku?.ToLowerInvariant(), Location.ToLowerInvariant());
}

/// <summary>How much of a class a subscription used in a clock hour, as recorded.</summary>
internal sealed record HourOfUsage(DateTimeOffset Hour, UsageClass Class, decimal Recorded);

/// <summary>What an hour of a class costs: its price, and the share of it that is paid once the included quantity is used up.</summary>
internal sealed record Rate(string Currency, Price Price, decimal PaidShare)
{
    /// <summary>Not rounded: rounding is for sums.</summary>
    public decimal Cost(decimal recorded, Meter meter) => recorded * PaidShare * Price.UnitPrice / meter.RecordedPerUnit;
}

/// <summary>
/// The sheets that hold for a subscription, its own before the tenant's. Pure: the same sheets and the same usage are the same cost, whoever asks for which part of it. What is included is used up in
/// the order of the hours of a calendar month; within an hour nothing is first, so everybody gets the same share of what is left.
/// </summary>
internal sealed class PriceBook(IReadOnlyList<PriceSheet> sheets)
{
    private readonly IReadOnlyList<ILookup<string, Keyed>> byMeter = [.. sheets.Select(sheet => sheet.Prices.Select(price => new Keyed(price.Key, price)).ToLookup(one => one.Key.Meter, StringComparer.Ordinal))];

    /// <summary>Whether what a meter costs depends on what else was used in the month.</summary>
    public bool Includes(string meter) => sheets.Any(sheet => sheet.Prices.Any(price => price.IncludedQuantity > 0 && price.Meter.Equals(meter, StringComparison.OrdinalIgnoreCase)));

    /// <summary>The rate of each hour and class; none where no price fits. <paramref name="usage"/> is all that the subscription used from the begin of the month on, of each meter that <see cref="Includes"/>.</summary>
    public IReadOnlyDictionary<(DateTimeOffset Hour, UsageClass Class), Rate> Rates(IEnumerable<HourOfUsage> usage)
    {
        var rates = new Dictionary<(DateTimeOffset, UsageClass), Rate>();
        var used = new Dictionary<(DateTimeOffset Month, int Sheet, PriceKey Key), decimal>();
        foreach (var hour in usage.GroupBy(one => one.Hour).OrderBy(hour => hour.Key))
        {
            foreach (var same in hour.GroupBy(one => Find(hour.Key, one.Class.Key)))
            {
                if (same.Key is not { } found)
                    continue;
                var pool = (Month(hour.Key), found.Sheet, found.Price.Key);
                var (before, now) = (used.GetValueOrDefault(pool), same.Sum(one => one.Recorded));
                used[pool] = before + now;
                var free = Math.Clamp((found.Price.IncludedQuantity * PerUnit(found.Price.Meter)) - before, 0, now);
                foreach (var one in same)
                    rates[(hour.Key, one.Class)] = new(sheets[found.Sheet].Currency, found.Price, now == 0 ? 1 : (now - free) / now);
            }
        }

        return rates;
    }

    /// <summary>What is in force at an hour, each with its currency: without what a price of the subscription's own sheet hides.</summary>
    public IEnumerable<(string Currency, Price Price)> InForce(DateTimeOffset hour)
    {
        var own = new List<PriceKey>();
        foreach (var sheet in sheets)
        {
            var prices = sheet.Prices.Where(price => price.EffectiveFrom <= hour).GroupBy(price => price.Key).Select(same => same.MaxBy(price => price.EffectiveFrom)!)
                .Where(price => !own.Exists(key => key.Covers(price.Key))).ToList();
            foreach (var price in prices)
                yield return (sheet.Currency, price);
            own.AddRange(prices.Select(price => price.Key));
        }
    }

    /// <summary>The first instant of the calendar month.</summary>
    public static DateTimeOffset Month(DateTimeOffset hour) => new(hour.UtcDateTime.Year, hour.UtcDateTime.Month, 1, 0, 0, 0, TimeSpan.Zero);

    private (int Sheet, Price Price)? Find(DateTimeOffset hour, PriceKey of)
    {
        for (var at = 0; at < sheets.Count; at++)
        {
            var fitting = byMeter[at][of.Meter].Where(one => one.Price.EffectiveFrom <= hour && one.Key.Covers(of));
            if (fitting.MaxBy(one => (one.Key.Specificity, one.Price.EffectiveFrom)) is { Price: { } price })
                return (at, price);
        }

        return null;
    }

    private static int PerUnit(string meter) => Meter.Find(meter)?.RecordedPerUnit ?? 1;

    /// <summary>A price with its key, which is made once.</summary>
    private sealed record Keyed(PriceKey Key, Price Price);
}
