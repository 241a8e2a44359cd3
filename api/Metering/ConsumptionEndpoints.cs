using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Admission.Metering;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Metering;
using Npgsql;

namespace ControlPlane.Api.Metering;

/// <summary>What was consumed and what it costs, in the shapes of Microsoft.Consumption: usage details of kind <c>modern</c>, and the prices in force.</summary>
internal static class ConsumptionEndpoints
{
    private const string Subscription = "/subscriptions/{subscription}";
    private const string Details = "/providers/Microsoft.Consumption/usageDetails";
    private const string Sheet = "/providers/Microsoft.Consumption/pricesheets/default";
    private const int MostRecords = 1000;

    public static void Map(IEndpointRouteBuilder app)
    {
        var details = new ArmRoute("UsageDetails_List", "Microsoft.Consumption/usageDetails/read", "What was consumed in each hour and what it costs, in the order of time.")
        {
            IsPaged = true,
            Query = [new("$filter", UsageFilter.Help), new("$top", $"Records per page, 1 to {MostRecords}.", Shape: typeof(int))],
            Answers = [new(200, "A page.", typeof(Page<UsageDetail>))],
        };
        app.MapArm(HttpMethod.Get, Subscription + Details, details, ListAsync);
        app.MapArm(HttpMethod.Get, $"{Subscription}/resourceGroups/{{resourceGroup}}{Details}", details, ListAsync);
        app.MapArm(HttpMethod.Get, Subscription + Sheet, new("PriceSheet_Get", "Microsoft.Consumption/pricesheets/read", "The prices that are in force for the subscription.")
        {
            Answers = [new(200, "The prices.", typeof(PricesInForce))],
        }, PricesAsync);
    }

    private static async Task ListAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var (subscription, query) = (SubscriptionOf(http), http.Request.Query);
        var filter = UsageFilter.Parse(query["$filter"].ToString(), subscription, http.Request.RouteValues["resourceGroup"] as string);
        var after = query["$skipToken"].ToString() is { Length: > 0 } token ? UsagePosition.Parse(token) : UsagePosition.Start;
        var top = !query.TryGetValue("$top", out var given) ? MostRecords
            : int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= MostRecords ? number : throw ArmErrors.InvalidQuery("$top", $"must be a number from 1 to {MostRecords}.");
        var source = http.RequestServices.GetRequiredService<NpgsqlDataSource>();
        var book = await source.PricesAsync(subscription, http.RequestAborted);
        var records = await source.PageAsync(subscription, filter, after, top, http.RequestAborted);
        var rates = await source.RatesAsync(subscription, book, records, http.RequestAborted);
        await http.AnswerAsync(new Page<UsageDetail>([.. records.Select(record => Shown(subscription, record, rates.GetValueOrDefault((record.Hour, record.Class))))], records.Count < top ? null : http.NextLink(records[^1].Position)));
    }

    private static async Task PricesAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var subscription = SubscriptionOf(http);
        var now = http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var book = await http.RequestServices.GetRequiredService<NpgsqlDataSource>().PricesAsync(subscription, http.RequestAborted);
        var period = $"{ResourceId.OfSubscription(subscription).Text}/providers/Microsoft.Billing/billingPeriods/{now:yyyyMM}";
        await http.AnswerAsync(new PricesInForce($"{ResourceId.OfSubscription(subscription).Text}{Sheet}", "default", "Microsoft.Consumption/pricesheets", new([.. book.InForce(now).Select(one => Shown(period, one.Currency, one.Price))])));
    }

    private static UsageDetail Shown(string subscription, UsageRecord record, Rate? rate)
    {
        var (meter, of, id) = (MeterOf(record.Class.Meter), record.Class, ResourceId.Parse(record.ResourceId));
        var (name, month, cost) = (NameOf(record), PriceBook.Month(record.Hour), rate?.Cost(record.Recorded, meter));
        return new($"{ResourceId.OfSubscription(subscription).Text}{Details}/{name}", name, "Microsoft.Consumption/usageDetails", "modern", record.Tags, new()
        {
            Date = record.Hour,
            BillingPeriodStartDate = month,
            BillingPeriodEndDate = month.AddMonths(1).AddDays(-1),
            SubscriptionGuid = subscription,
            MeterId = meter.Id,
            MeterName = meter.Name,
            MeterCategory = meter.Category,
            MeterSubCategory = of.Sku,
            MeterRegion = of.Location,
            Product = string.Join(" - ", ((string?[])[meter.Product, of.Sku, of.Location]).Where(part => part is not null)),
            Quantity = record.Recorded / meter.RecordedPerUnit,
            UnitOfMeasure = meter.UnitOfMeasure,
            IsPriced = rate is not null,
            UnitPrice = rate?.Price.UnitPrice,
            EffectivePrice = rate?.Price.UnitPrice * rate?.PaidShare,
            CostInBillingCurrency = cost,
            BillingCurrencyCode = rate?.Currency,
            ResourceId = record.ResourceId,
            InstanceName = record.ResourceId,
            ResourceGroup = id.ResourceGroup,
            ResourceLocation = of.Location,
            ConsumedService = id.Type.Provider,
            ChargeType = "Usage",
            Frequency = "UsageBased",
            AdditionalInfo = rate is null ? $$"""{"notPriced":"No price sheet has a price of {{meter.Name}} for this SKU, location and hour."}""" : null,
        });
    }

    private static PriceShown Shown(string period, string currency, Price price)
    {
        var meter = MeterOf(price.Meter);
        return new()
        {
            BillingPeriodId = period,
            MeterId = meter.Id,
            UnitOfMeasure = meter.UnitOfMeasure,
            IncludedQuantity = price.IncludedQuantity,
            UnitPrice = price.UnitPrice,
            CurrencyCode = currency,
            EffectiveFrom = price.EffectiveFrom,
            MeterDetails = new()
            {
                MeterName = meter.Name, MeterCategory = meter.Category, MeterSubCategory = price.Sku, MeterLocation = price.Location,
                Unit = meter.UnitOfMeasure, TotalIncludedQuantity = price.IncludedQuantity, PretaxStandardRate = price.UnitPrice,
            },
        };
    }

    /// <summary>A record keeps its name however often it is read.</summary>
    private static string NameOf(UsageRecord record) =>
        new Guid(SHA256.HashData(Encoding.UTF8.GetBytes($"{record.Hour.UtcTicks} {record.Class.Meter} {record.ResourceKey}")).AsSpan(0, 16)).ToString();

    /// <summary>What is recorded of a meter that cannot be priced is shown as it is.</summary>
    private static Meter MeterOf(string name) => Meter.Find(name) ?? new(name, Guid.Empty.ToString(), name, "Other", "1", RecordedPerUnit: 1);

    private static string SubscriptionOf(HttpContext http) => ((string)http.Request.RouteValues["subscription"]!).ToLowerInvariant();
}
