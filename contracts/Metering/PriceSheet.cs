using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Metering;

/// <summary>
/// What consumption costs. The sheet <c>default</c> holds for every subscription; a sheet with a subscription's id as its name holds for that one and wins where it has a price. It stands
/// at the tenant, for who runs the control plane sets prices and who owns a subscription does not. Usage that no price fits is shown as not priced, never as free.
/// </summary>
public sealed partial record PriceSheet : IResource<PriceSheet, NoStatus>
{
    public const string Default = "default";

    private const int MostPrices = 1000;
    private const int MostDecimals = 12;
    private const decimal Most = 1_000_000_000;

    public static ResourceType Type { get; } = new("ControlPlane.Metering", "priceSheets");
    public static ResourceScopes Scopes => ResourceScopes.Tenant;
    public static bool IsTracked => false;
    public static bool CompletesOnWrite => true;

    /// <summary>ISO 4217, for every price of the sheet.</summary>
    /// <example>EUR</example>
    public required string Currency { get; init; }

    /// <summary>Those of one meter, SKU and location in the order in which they come into force.</summary>
    public required IReadOnlyList<Price> Prices { get; init; }

    /// <summary>The key of the sheet that holds for a subscription, or for every one.</summary>
    public static string KeyOf(string name) => ResourceId.Below(scope: null, Type, [name]).Key;

    public static string? WrongName(string name) => name.Equals(Default, StringComparison.OrdinalIgnoreCase) || Guid.TryParseExact(name, "D", out _) ? null : $"must be {Default}, for every subscription, or the id of one";

    public static IEnumerable<Violation> Violations(PriceSheet wanted, PriceSheet? current)
    {
        if (!Currencies.Contains(wanted.Currency))
            yield return new("currency", "must be a currency of ISO 4217, such as EUR");
        if (wanted.Prices.Count > MostPrices)
            yield return new("prices", $"has more than {MostPrices} entries");
        var last = new Dictionary<PriceKey, int>();
        for (var at = 0; at < wanted.Prices.Count; at++)
        {
            var (price, path) = (wanted.Prices[at], $"prices[{at}]");
            foreach (var violation in Violations(price, path))
                yield return violation;
            if (last.TryGetValue(price.Key, out var before) && wanted.Prices[before].EffectiveFrom == price.EffectiveFrom)
                yield return new($"{path}.effectiveFrom", $"is that of prices[{before}], which is for the same meter, sku and location");
            else if (last.ContainsKey(price.Key) && wanted.Prices[before].EffectiveFrom > price.EffectiveFrom)
                yield return new($"{path}.effectiveFrom", $"must be after that of prices[{before}]: prices of the same meter, sku and location stand in the order in which they come into force");
            last[price.Key] = at;
        }
    }

    private static IEnumerable<Violation> Violations(Price price, string path)
    {
        var meter = Metering.Meter.Find(price.Meter);
        if (meter is null)
            yield return new($"{path}.meter", $"is no meter; known are {string.Join(", ", Metering.Meter.All.Select(known => known.Name))}");
        if (meter is not null && price.UnitOfMeasure is not null && price.UnitOfMeasure != meter.UnitOfMeasure)
            yield return new($"{path}.unitOfMeasure", $"must be '{meter.UnitOfMeasure}', the unit of {meter.Name}");
        if (price.Sku is { Length: 0 or > 128 })
            yield return new($"{path}.sku", "must have 1 to 128 characters; leave it out for every SKU");
        if (price.Location is { } location && !LocationName().IsMatch(location))
            yield return new($"{path}.location", "must be the name of a location, such as westeurope; leave it out for every location");
        if (price.UnitPrice < 0)
            yield return new($"{path}.unitPrice", "must not be negative");
        else if (price.UnitPrice > Most || price.UnitPrice.Scale > MostDecimals)
            yield return new($"{path}.unitPrice", $"must be at most {Most:0} and have at most {MostDecimals} decimals");
        if (price.IncludedQuantity < 0)
            yield return new($"{path}.includedQuantity", "must not be negative");
        else if (price.IncludedQuantity > Most || price.IncludedQuantity.Scale > MostDecimals)
            yield return new($"{path}.includedQuantity", $"must be at most {Most:0} and have at most {MostDecimals} decimals");
        if (price.EffectiveFrom.UtcTicks % TimeSpan.TicksPerHour != 0)
            yield return new($"{path}.effectiveFrom", "must be a full hour in UTC, such as 2026-07-01T00:00:00Z, for usage is recorded by the hour");
    }

    [GeneratedRegex("^[a-z0-9]{1,64}$", RegexOptions.None, 1000)]
    private static partial Regex LocationName();
}
