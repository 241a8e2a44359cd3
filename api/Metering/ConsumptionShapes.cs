namespace ControlPlane.Api.Metering;

/// <summary>What a resource consumed in an hour (Microsoft.Consumption ModernUsageDetail); its tags are those that the resource has now.</summary>
internal sealed record UsageDetail(string Id, string Name, string Type, string Kind, IReadOnlyDictionary<string, string>? Tags, UsageDetailProperties Properties);

/// <summary>Quantity and cost. Nothing is rounded: round the sum.</summary>
internal sealed record UsageDetailProperties
{
    /// <summary>The begin of the hour.</summary>
    public required DateTimeOffset Date { get; init; }

    /// <summary>The first day of the calendar month (UTC), in which included quantities are used up.</summary>
    public required DateTimeOffset BillingPeriodStartDate { get; init; }

    /// <summary>The last day of the month.</summary>
    public required DateTimeOffset BillingPeriodEndDate { get; init; }

    public required string SubscriptionGuid { get; init; }
    public required string MeterId { get; init; }
    public required string MeterName { get; init; }
    public required string MeterCategory { get; init; }

    /// <summary>The SKU.</summary>
    public string? MeterSubCategory { get; init; }

    public required string MeterRegion { get; init; }
    public required string Product { get; init; }

    /// <summary>In units of measure.</summary>
    public required decimal Quantity { get; init; }

    /// <example>1 Hour</example>
    public required string UnitOfMeasure { get; init; }

    /// <summary>False when no price sheet has a price for it: then there is no price and no cost, which is not a cost of 0.</summary>
    public required bool IsPriced { get; init; }

    /// <summary>The price of a unit.</summary>
    public decimal? UnitPrice { get; init; }

    /// <summary>The price of a unit after what is included, which is shared by all that the subscription used in the hour.</summary>
    public decimal? EffectivePrice { get; init; }

    /// <summary>Quantity times effective price.</summary>
    public decimal? CostInBillingCurrency { get; init; }

    /// <summary>ISO 4217.</summary>
    public string? BillingCurrencyCode { get; init; }

    public required string ResourceId { get; init; }

    /// <summary>The resource's id, as Azure's modern records have it.</summary>
    public required string InstanceName { get; init; }

    public string? ResourceGroup { get; init; }
    public required string ResourceLocation { get; init; }

    /// <summary>The namespace of the resource.</summary>
    public required string ConsumedService { get; init; }

    /// <summary>Usage.</summary>
    public required string ChargeType { get; init; }

    /// <summary>UsageBased.</summary>
    public required string Frequency { get; init; }

    /// <summary>JSON: why there is no price.</summary>
    public string? AdditionalInfo { get; init; }
}

/// <summary>The prices of a subscription as they are in force (Microsoft.Consumption PriceSheetResult).</summary>
internal sealed record PricesInForce(string Id, string Name, string Type, PricesInForceProperties Properties);

internal sealed record PricesInForceProperties(IReadOnlyList<PriceShown> Pricesheets);

/// <summary>A price that is in force, with its meter.</summary>
internal sealed record PriceShown
{
    public required string BillingPeriodId { get; init; }
    public required string MeterId { get; init; }

    /// <example>1 Hour</example>
    public required string UnitOfMeasure { get; init; }

    /// <summary>Units that the subscription has free of charge in a calendar month.</summary>
    public required decimal IncludedQuantity { get; init; }

    public required decimal UnitPrice { get; init; }

    /// <summary>ISO 4217.</summary>
    /// <example>EUR</example>
    public required string CurrencyCode { get; init; }

    public required DateTimeOffset EffectiveFrom { get; init; }
    public required MeterDetails MeterDetails { get; init; }
}

/// <summary>What is priced.</summary>
internal sealed record MeterDetails
{
    public required string MeterName { get; init; }
    public required string MeterCategory { get; init; }

    /// <summary>The only SKU that the price is for; every one when absent.</summary>
    public string? MeterSubCategory { get; init; }

    /// <summary>The only location that the price is for; every one when absent.</summary>
    public string? MeterLocation { get; init; }

    public required string Unit { get; init; }
    public required decimal TotalIncludedQuantity { get; init; }
    public required decimal PretaxStandardRate { get; init; }
}
