using System.Text.Json.Serialization;

namespace ControlPlane.Contracts.Metering;

/// <summary>What a unit of a meter costs from a time on: until the next price of the same meter, SKU and location.</summary>
public sealed record Price
{
    /// <summary>A meter's name.</summary>
    /// <example>bare-metal-node-seconds</example>
    public required string Meter { get; init; }

    /// <summary>The only SKU, such as a hardware model, that the price is for; every one when absent.</summary>
    public string? Sku { get; init; }

    /// <summary>The only location that the price is for; every one when absent.</summary>
    public string? Location { get; init; }

    /// <summary>Per unit of measure, in the sheet's currency; 0 is a price too, free of charge.</summary>
    /// <example>1.85</example>
    public required decimal UnitPrice { get; init; }

    /// <summary>The meter's own unit, such as <c>1 Hour</c>: stated for readers, it cannot be another.</summary>
    /// <example>1 Hour</example>
    public string? UnitOfMeasure { get; init; }

    /// <summary>Units that each subscription has free of charge in a calendar month (UTC), the first ones that it uses.</summary>
    public decimal IncludedQuantity { get; init; }

    /// <summary>A full hour.</summary>
    /// <example>2026-06-01T00:00:00Z</example>
    public required DateTimeOffset EffectiveFrom { get; init; }

    /// <summary>What at most one price at a time is for.</summary>
    [JsonIgnore]
    public PriceKey Key => new(Meter.ToLowerInvariant(), Sku?.ToLowerInvariant(), Location?.ToLowerInvariant());
}

/// <summary>What a price is for, in lower case; null is every one.</summary>
public sealed record PriceKey(string Meter, string? Sku, string? Location)
{
    /// <summary>Of two prices that fit the more specific one counts: a SKU says more than a location.</summary>
    [JsonIgnore]
    public int Specificity => (Sku is null ? 0 : 2) + (Location is null ? 0 : 1);

    /// <summary>Whether everything that <paramref name="other"/> is for is also what this is for.</summary>
    public bool Covers(PriceKey other) => Meter == other.Meter && (Sku is null || Sku == other.Sku) && (Location is null || Location == other.Location);
}
