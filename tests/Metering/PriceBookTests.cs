using ControlPlane.Admission.Metering;
using ControlPlane.Contracts.Metering;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Metering;

/// <summary>What usage costs, decided without clock or store.</summary>
public sealed class PriceBookTests
{
    private static readonly DateTimeOffset Epoch = new(2026, 6, 25, 0, 0, 0, TimeSpan.Zero);
    private static readonly Meter Node = Meter.Find(Meter.PhysicalNode)!;
    private static readonly UsageClass[] Classes = [.. from sku in new[] { null, "r760", "dl380" } from location in new[] { "westeurope", "westus" } select new UsageClass(Meter.PhysicalNode, sku, location)];

    private static readonly Gen<Price> Prices = Gen.Select(Gen.OneOf<string?>(null, "r760", "DL380"), Gen.OneOf<string?>(null, "westeurope"), Gen.Int[0, 5000], Gen.OneOf(0m, 0m, 3.5m, 40m), Gen.Int[-50, 300])
        .Select((sku, location, cents, included, hour) => new Price { Meter = Meter.PhysicalNode, Sku = sku, Location = location, UnitPrice = cents / 1000m, IncludedQuantity = included, EffectiveFrom = Epoch.AddHours(hour) });

    private static readonly Gen<PriceSheet> Sheets = Prices.Array[0, 6].Select(prices => Sheet([.. prices.DistinctBy(price => (price.Key, price.EffectiveFrom))]));

    /// <summary>Two weeks over the end of a month; no class twice in an hour.</summary>
    private static readonly Gen<HourOfUsage[]> Usage = Gen.Select(Gen.Int[0, 14 * 24], Gen.Int[0, Classes.Length - 1], Gen.Int[0, 36_000]).Select((hour, of, tenths) => new HourOfUsage(Epoch.AddHours(hour), Classes[of], tenths / 10m))
        .Array[0, 60].Select(usage => usage.DistinctBy(one => (one.Hour, one.Class)).ToArray());

    [Fact]
    public void The_hours_add_up_to_what_is_paid_after_what_is_included() => Gen.Select(Gen.Int[0, 3000], Gen.Int[0, 60], Usage).Sample((mills, included, usage) =>
    {
        var price = Price(mills / 1000m, included);
        // The total of each month by itself: all hours less those included.
        var expected = usage.GroupBy(one => PriceBook.Month(one.Hour)).Sum(month => Math.Max(0, (month.Sum(one => one.Recorded) / 3600m) - included) * price.UnitPrice);
        Assert.Equal(expected, Cost(new([Sheet(price)]), usage).Sum(one => one.Cost ?? 0), 12);
    });

    [Fact]
    public void What_is_included_is_used_up_in_the_order_of_time_and_anew_each_month() => Usage.Sample(usage =>
    {
        var rates = new PriceBook([Sheet(Price(1, included: 10))]).Rates(usage);
        foreach (var month in rates.GroupBy(one => PriceBook.Month(one.Key.Hour)))
        {
            var shares = month.Where(one => usage.Any(used => used.Recorded > 0 && used.Hour == one.Key.Hour)).GroupBy(one => one.Key.Hour).OrderBy(hour => hour.Key).Select(hour => Assert.Single(hour.Select(one => one.Value.PaidShare).Distinct())).ToList();
            Assert.Equal(shares.Order(), shares);
            Assert.True(shares.Count(share => share is > 0 and < 1) <= 1, "free before, paid after, and one hour in which it runs out");
        }
    });

    [Fact]
    public void The_order_in_which_usage_is_read_changes_no_cost() => Gen.Select(Sheets, Sheets, Usage, Gen.Int[0, 1000]).Sample((own, tenants, usage, seed) =>
    {
        var book = new PriceBook([own, tenants]);
        var shuffled = usage.OrderBy(one => HashCode.Combine(one.Hour, one.Class.Sku, one.Class.Location, seed)).ToArray();
        Assert.Equal(Cost(book, usage).OrderBy(one => one.Of.ToString(), StringComparer.Ordinal), Cost(book, shuffled).OrderBy(one => one.Of.ToString(), StringComparer.Ordinal));
    });

    [Fact]
    public void A_new_price_changes_nothing_before_it_is_in_force() => Gen.Select(Sheets, Sheets, Prices, Usage, Gen.Bool).Sample((own, tenants, added, usage, isOwn) =>
    {
        PriceSheet With(PriceSheet sheet) => sheet with { Prices = [.. sheet.Prices.Where(price => (price.Key, price.EffectiveFrom) != (added.Key, added.EffectiveFrom)), added] };
        var before = Cost(new([own, tenants]), usage).Where(one => one.Of.Hour < added.EffectiveFrom);
        Assert.Equal(before, Cost(isOwn ? new([With(own), tenants]) : new([own, With(tenants)]), usage).Where(one => one.Of.Hour < added.EffectiveFrom));
    });

    [Fact]
    public void Nothing_costs_less_than_nothing_or_more_than_its_price_and_what_has_no_price_has_no_cost() => Gen.Select(Sheets, Usage).Sample((sheet, usage) =>
    {
        var rates = new PriceBook([sheet]).Rates(usage);
        foreach (var one in usage)
        {
            var fitting = sheet.Prices.Where(price => price.EffectiveFrom <= one.Hour && price.Key.Covers(one.Class.Key)).ToList();
            Assert.Equal(fitting.Count > 0, rates.TryGetValue((one.Hour, one.Class), out var rate));
            if (rate is not null)
                Assert.InRange(rate.Cost(one.Recorded, Node), 0, one.Recorded * rate.Price.UnitPrice / 3600m);
        }
    });

    [Fact]
    public void The_most_specific_price_counts_then_the_newest_and_the_own_sheet_before_the_tenants()
    {
        var tenants = Sheet(Price(1), Price(2, from: 10), Price(3, location: "westus"), Price(4, sku: "R760"), Price(5, sku: "r760", location: "westus"));
        Assert.Equal([1, 2, 3, 4, 5], new (int Hour, string? Sku, string Location)[] { (9, null, "westeurope"), (10, null, "westeurope"), (10, "dl380", "westus"), (10, "r760", "westeurope"), (0, "r760", "westus") }.Select(one => UnitPrice(new([tenants]), one.Hour, one.Sku, one.Location)));
        var own = Sheet(Price(7, from: 5), Price(8, sku: "dl380"));
        Assert.Equal([1, 7, 7, 8], new (int Hour, string? Sku)[] { (4, null), (5, null), (5, "r760"), (0, "dl380") }.Select(one => UnitPrice(new([own, tenants]), one.Hour, one.Sku, "westeurope")));
        Assert.Null(UnitPrice(new([own]), 4, null, "westeurope"));
    }

    [Fact]
    public void What_is_in_force_is_what_a_subscription_can_be_asked_to_pay()
    {
        var tenants = Sheet(Price(1), Price(2, from: 10), Price(3, location: "westus"), Price(4, sku: "r760"), Price(9, from: 90));
        Assert.Equal([2, 3, 4], new PriceBook([tenants]).InForce(Epoch.AddHours(12)).Select(one => one.Price.UnitPrice).Order());
        Assert.Equal([2, 3, 7], new PriceBook([Sheet(Price(7, sku: "r760")), tenants]).InForce(Epoch.AddHours(12)).Select(one => one.Price.UnitPrice).Order());
        Assert.Equal([8], new PriceBook([Sheet(Price(8)), tenants]).InForce(Epoch.AddHours(12)).Select(one => one.Price.UnitPrice));
    }

    private static decimal? UnitPrice(PriceBook book, int hour, string? sku, string location) =>
        book.Rates([new(Epoch.AddHours(hour), new(Meter.PhysicalNode, sku, location), 3600)]).Values.SingleOrDefault()?.Price.UnitPrice;

    private static IEnumerable<(HourOfUsage Of, decimal? Cost)> Cost(PriceBook book, IReadOnlyList<HourOfUsage> usage)
    {
        var rates = book.Rates(usage);
        return usage.Select(one => (one, rates.GetValueOrDefault((one.Hour, one.Class))?.Cost(one.Recorded, Node)));
    }

    private static Price Price(decimal unitPrice, decimal included = 0, string? sku = null, string? location = null, int from = -1000) =>
        new() { Meter = Meter.PhysicalNode, Sku = sku, Location = location, UnitPrice = unitPrice, IncludedQuantity = included, EffectiveFrom = Epoch.AddHours(from) };

    private static PriceSheet Sheet(params Price[] prices) => new() { Currency = "EUR", Prices = prices };
}
