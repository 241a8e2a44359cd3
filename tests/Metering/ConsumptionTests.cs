using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Contracts.Metering;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Metering;

/// <summary>Price sheets, and usage details with what they cost. Each test has a subscription of its own and the price sheet of that subscription; usage is planted as the recorder writes it.</summary>
public sealed class ConsumptionTests(ControlPlaneFixture plane) : IClassFixture<ControlPlaneFixture>
{
    private const string Details = "/providers/Microsoft.Consumption/usageDetails";
    private static readonly DateTimeOffset June = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    private ArmHttp Arm => plane.Arm;

    [Fact]
    public async Task A_price_sheet_is_written_read_and_deleted_and_changes_with_its_etag()
    {
        var path = SheetOf(Guid.NewGuid().ToString());
        var created = (await Arm.PutAsync(path, Sheet(Price(1.85m)))).Is(201);
        Assert.Equal(("EUR", 1.85m), (created.Json.GetProperty("properties").GetProperty("currency").GetString(), created.Json.GetProperty("properties").GetProperty("prices")[0].GetProperty("unitPrice").GetDecimal()));
        (await Arm.PutAsync(path, Sheet(Price(2m)), ("If-Match", "\"wrong\""))).Is(412);
        (await Arm.PutAsync(path, Sheet(Price(2m)), ("If-Match", created.Header("ETag")!))).Is(200);
        Assert.Contains(path, (await Arm.GetAsync("/providers/ControlPlane.Metering/priceSheets?$top=1000")).Is(200).Text, StringComparison.Ordinal);
        (await Arm.DeleteAsync(path)).Is(200);
        (await Arm.GetAsync(path)).Is(404);
        (await Arm.PutAsync("/providers/ControlPlane.Metering/priceSheets/mine", Sheet())).Is(400, "InvalidResourceName");
    }

    [Fact]
    public async Task A_wrong_sheet_is_refused_with_every_fault()
    {
        var sheet = Sheet(
            Price(1), Price(2), Price(3, from: June.AddDays(-1)), Price(-1, sku: "a"), Price(1, sku: "b", from: June.AddMinutes(30)), Price(1, sku: "c", included: -1), Price(1, meter: "steam"),
            Price(1, sku: ""), Price(1, location: "West Europe"), Price(1, sku: "d", unit: "1 Second"), Price(0.0000000000001m, sku: "e"));
        sheet["properties"]!["currency"] = "EURO";
        var refused = (await Arm.PutAsync(SheetOf(Guid.NewGuid().ToString()), sheet)).Is(400);
        string[] faults =
        [
            "properties.currency", "properties.prices[1].effectiveFrom", "properties.prices[2].effectiveFrom", "properties.prices[3].unitPrice", "properties.prices[4].effectiveFrom", "properties.prices[5].includedQuantity",
            "properties.prices[6].meter", "properties.prices[7].sku", "properties.prices[8].location", "properties.prices[9].unitOfMeasure", "properties.prices[10].unitPrice",
        ];
        Assert.Equal(faults.Order(StringComparer.Ordinal), refused.Targets.Where(target => target?.StartsWith("properties.", StringComparison.Ordinal) is true).Order(StringComparer.Ordinal));
        Assert.Contains(Meter.PhysicalNode, refused.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_who_may_at_the_tenant_sets_prices()
    {
        var subscription = await SubscriptionAsync();
        var (owner, id) = await plane.NewPrincipalAsync();
        await plane.AssignAsync(id, BuiltInRoles.Owner, $"/subscriptions/{subscription}");
        (await Arm.PutAsync(SheetOf(subscription), Sheet(Price(1)))).Is(201);
        Assert.InRange((await owner.PutAsync(SheetOf(subscription), Sheet(Price(0)))).Status, 403, 404);
        Assert.InRange((await owner.DeleteAsync(SheetOf(subscription))).Status, 403, 404);
        Assert.Equal(1, (await owner.GetAsync(InForce(subscription))).Is(200).Json.GetProperty("properties").GetProperty("pricesheets")[0].GetProperty("unitPrice").GetDecimal());
    }

    [Fact]
    public async Task Usage_costs_what_the_sheet_says_after_what_is_included_whoever_asks_for_which_part()
    {
        var subscription = await SubscriptionAsync();
        // Two machines, four hours: the first three hours of machine time are included.
        foreach (var hour in Enumerable.Range(0, 4))
            await UseAsync(subscription, "one", "a", hour, 3600);
        foreach (var hour in Enumerable.Range(0, 4))
            await UseAsync(subscription, "two", "b", hour, 1800, "r760");
        (await Arm.PutAsync(SheetOf(subscription), Sheet(Price(2, included: 3), Price(4, from: June.AddHours(3))))).Is(201);

        var all = await ListAsync(Arm, $"/subscriptions/{subscription}{Details}");
        Assert.Equal(8, all.Count);
        Assert.Equal([0, 0, 0, 0, 2, 1, 4, 2], all.Select(Cost));
        Assert.Equal(9m, all.Sum(Cost));
        foreach (var group in new[] { "one", "two" })
        {
            var expected = all.Where(record => record.GetProperty("properties").GetProperty("resourceGroup").GetString() == group).Select(record => record.GetRawText()).ToList();
            Assert.Equal(expected, (await ListAsync(Arm, $"/subscriptions/{subscription}/resourceGroups/{group}{Details}")).Select(record => record.GetRawText()));
            Assert.Equal(expected, (await ListAsync(Arm, $"/subscriptions/{subscription}{Details}?$filter=properties/resourceGroup eq '{group.ToUpperInvariant()}'&$top=1")).Select(record => record.GetRawText()));
        }

        var first = all[0].GetProperty("properties");
        Assert.Equal(("modern", "1 Hour", 1m, 2m, 0m, "EUR"), (all[0].GetProperty("kind").GetString(), first.GetProperty("unitOfMeasure").GetString(), first.GetProperty("quantity").GetDecimal(), first.GetProperty("unitPrice").GetDecimal(), first.GetProperty("effectivePrice").GetDecimal(), first.GetProperty("billingCurrencyCode").GetString()));
        Assert.Equal((June, June.AddDays(29)), (first.GetProperty("billingPeriodStartDate").GetDateTimeOffset(), first.GetProperty("billingPeriodEndDate").GetDateTimeOffset()));
        Assert.Equal("Bare metal node - r760 - westeurope", all[1].GetProperty("properties").GetProperty("product").GetString());
    }

    [Fact]
    public async Task What_has_no_price_is_not_priced_and_not_free()
    {
        var subscription = await SubscriptionAsync();
        await UseAsync(subscription, "one", "a", 0, 60);
        await UseAsync(subscription, "one", "b", 0, 60, "r760");
        Assert.Empty((await Arm.GetAsync(InForce(subscription))).Is(200).Json.GetProperty("properties").GetProperty("pricesheets").EnumerateArray());
        (await Arm.PutAsync(SheetOf(subscription), Sheet(Price(0, sku: "R760")))).Is(201);
        var records = await ListAsync(Arm, $"/subscriptions/{subscription}{Details}");
        var (unpriced, free) = (records[0].GetProperty("properties"), records[1].GetProperty("properties"));
        Assert.False(unpriced.GetProperty("isPriced").GetBoolean());
        Assert.Contains("No price sheet has a price", unpriced.GetProperty("additionalInfo").GetString(), StringComparison.Ordinal);
        foreach (var name in new[] { "unitPrice", "effectivePrice", "costInBillingCurrency", "billingCurrencyCode" })
            Assert.False(unpriced.TryGetProperty(name, out _), name);
        Assert.Equal((true, 0m), (free.GetProperty("isPriced").GetBoolean(), free.GetProperty("costInBillingCurrency").GetDecimal()));
    }

    [Fact]
    public async Task Every_record_is_listed_once_however_many_there_are()
    {
        var subscription = await SubscriptionAsync();
        await plane.Database.ExecuteAsync("""
            insert into usage_records (resource_key, meter, window_start, quantity, resource_id, subscription, location)
            select lower(id), $2, '2026-06-01Z'::timestamptz + h * interval '1 hour', 3600, id, $1, 'westeurope'
            from generate_series(0, 99) h, generate_series(1, 23) m, format('/subscriptions/%s/resourceGroups/many/providers/ControlPlane.BareMetal/bareMetalMachines/M%s', $1, m) id
            """, subscription, Meter.PhysicalNode);
        var all = await ListAsync(Arm, $"/subscriptions/{subscription}{Details}");
        Assert.Equal(2300, all.Count);
        Assert.Equal(2300, all.Select(record => record.GetProperty("id").GetString()).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(all.Select(record => record.GetProperty("id").GetString()), (await ListAsync(Arm, $"/subscriptions/{subscription}{Details}?$top=333")).Select(record => record.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task Usage_is_filtered_by_time_group_and_resource_and_a_filter_that_is_not_known_is_told_what_is()
    {
        var subscription = await SubscriptionAsync();
        foreach (var hour in new[] { 0, 1, 23, 24, 25 })
            await UseAsync(subscription, "one", "a", hour, 3600);
        await UseAsync(subscription, "one", "b", 30, 3600);
        await UseAsync(subscription, "onetwo", "a", 31, 3600);
        foreach (var (filter, hours) in new (string, int[])[]
        {
            ("properties/usageStart ge '2026-06-01T01:00:00Z' and properties/usageEnd le '2026-06-02T00:00:00Z'", [1, 23]),
            ("properties/usageStart ge '2026-06-01' and properties/usageEnd le '2026-06-01'", [0, 1, 23]),
            ("properties/usageStart gt '2026-06-01'", [24, 25, 30, 31]),
            ("usageStart gt '2026-06-02T00:00:00Z' and usageEnd lt '2026-06-02T07:00:00Z'", [25]),
            ("properties/resourceGroup eq 'One'", [0, 1, 23, 24, 25, 30]),
            ("properties/resourceGroup eq 'One' and properties/resourceGroup eq 'onetwo'", []),
            ($"properties/instanceName eq '{Machine(subscription, "ONE", "B")}'", [30]),
            ($"properties/instanceId eq '{Machine(subscription, "onetwo", "a")}'", [31]),
        })
        {
            var listed = await ListAsync(Arm, $"/subscriptions/{subscription}{Details}?$filter={Uri.EscapeDataString(filter)}");
            Assert.Equal(hours.Select(hour => June.AddHours(hour)), listed.Select(record => record.GetProperty("properties").GetProperty("date").GetDateTimeOffset()));
        }

        foreach (var wrong in new[] { "cost gt '3'", "properties/usageStart eq '2026-06-01'", "properties/usageStart ge 'yesterday'", "properties/resourceGroup eq 'a' or properties/resourceGroup eq 'b'", "usageStart", "properties/resourceGroup eq 'a' and " })
            (await Arm.GetAsync($"/subscriptions/{subscription}{Details}?$filter={Uri.EscapeDataString(wrong)}")).Is(400, "InvalidFilterInQueryString");
        Assert.Contains("properties/instanceName", (await Arm.GetAsync($"/subscriptions/{subscription}{Details}?$filter=cost%20gt%20'3'")).Text, StringComparison.Ordinal);
        foreach (var wrong in new[] { "$top=0", "$top=1001", "$skiptoken=!", "$skiptoken=bm90aGluZw", "$skiptoken=OTk5OTk5OTk5OTk5OTk5OTk5OSBtIGs" })
            (await Arm.GetAsync($"/subscriptions/{subscription}{Details}?{wrong}")).Is(400, "InvalidQueryParameterValue");
    }

    [Fact]
    public async Task A_group_shows_its_own_usage_to_those_who_may_read_it_there()
    {
        var subscription = await SubscriptionAsync();
        foreach (var group in new[] { "mine", "theirs" })
        {
            (await Arm.PutAsync($"/subscriptions/{subscription}/resourceGroups/{group}", new JsonObject { ["location"] = "westeurope" })).Is(201);
            await UseAsync(subscription, group, "a", 0, 3600);
        }

        var (reader, id) = await plane.NewPrincipalAsync();
        await plane.AssignAsync(id, BuiltInRoles.Reader, $"/subscriptions/{subscription}/resourceGroups/mine");
        var record = Assert.Single(await ListAsync(reader, $"/subscriptions/{subscription}/resourceGroups/mine{Details}"));
        Assert.Equal("mine", record.GetProperty("properties").GetProperty("resourceGroup").GetString());
        (await reader.GetAsync($"/subscriptions/{subscription}/resourceGroups/theirs{Details}")).Is(404, "ResourceGroupNotFound");
        (await reader.GetAsync($"/subscriptions/{subscription}{Details}")).Is(403, "AuthorizationFailed");
        Assert.Empty(await ListAsync(reader, $"/subscriptions/{subscription}/resourceGroups/mine{Details}?$filter=properties/resourceGroup eq 'theirs'"));
        Assert.Empty(await ListAsync(reader, $"/subscriptions/{subscription}/resourceGroups/mine{Details}?$filter=properties/instanceName eq '{Machine(subscription, "theirs", "a")}'"));
    }

    [Fact]
    public async Task A_record_shows_the_tags_of_its_resource_while_that_is_there()
    {
        var subscription = await SubscriptionAsync();
        var group = $"/subscriptions/{subscription}/resourceGroups/tagged";
        (await Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        // A group stands for a metered resource: it is there without hardware.
        await plane.Database.ExecuteAsync("insert into usage_records (resource_key, meter, window_start, quantity, resource_id, subscription, location) values ($1, $3, '2026-06-01Z', 60, $2, $4, 'westeurope')", group.ToLowerInvariant(), group, Meter.PhysicalNode, subscription);
        (await Arm.PatchAsync(group, new JsonObject { ["tags"] = new JsonObject { ["team"] = "rack" } })).Is(200);
        Assert.Equal("rack", Assert.Single(await ListAsync(Arm, $"/subscriptions/{subscription}{Details}")).GetProperty("tags").GetProperty("team").GetString());
        await Arm.FinishAsync((await Arm.DeleteAsync(group)).Is(202));
        Assert.False(Assert.Single(await ListAsync(Arm, $"/subscriptions/{subscription}{Details}")).TryGetProperty("tags", out _));
    }

    private static decimal Cost(JsonElement record) => record.GetProperty("properties").GetProperty("costInBillingCurrency").GetDecimal();

    private static string SheetOf(string subscription) => $"/providers/ControlPlane.Metering/priceSheets/{subscription}";

    private static string InForce(string subscription) => $"/subscriptions/{subscription}/providers/Microsoft.Consumption/pricesheets/default";

    private static string Machine(string subscription, string group, string name) => $"/subscriptions/{subscription}/resourceGroups/{group}/providers/ControlPlane.BareMetal/bareMetalMachines/{name}";

    private static JsonObject Sheet(params JsonNode[] prices) => new() { ["properties"] = new JsonObject { ["currency"] = "EUR", ["prices"] = new JsonArray(prices) } };

    private static JsonObject Price(decimal unitPrice, string meter = Meter.PhysicalNode, string? sku = null, string? location = null, decimal included = 0, string unit = "1 Hour", DateTimeOffset? from = null) => new()
    {
        ["meter"] = meter, ["sku"] = sku, ["location"] = location, ["unitPrice"] = unitPrice, ["includedQuantity"] = included, ["unitOfMeasure"] = unit, ["effectiveFrom"] = (from ?? June).ToString("O", CultureInfo.InvariantCulture),
    };

    private async Task<string> SubscriptionAsync()
    {
        var subscription = Guid.NewGuid().ToString();
        (await Arm.PutAsync($"/subscriptions/{subscription}?api-version=2.0", new JsonObject { ["state"] = "Registered" })).Is(200);
        return subscription;
    }

    private Task UseAsync(string subscription, string group, string name, int hour, double seconds, string? sku = null)
    {
        var id = Machine(subscription, group, name);
        return plane.Database.ExecuteAsync("insert into usage_records (resource_key, meter, window_start, quantity, resource_id, subscription, location, sku) values ($1, $2, $3, $4, $5, $6, 'westeurope', $7)", id.ToLowerInvariant(), Meter.PhysicalNode, June.AddHours(hour), seconds, id, subscription, sku);
    }

    /// <summary>Every record, page by page.</summary>
    private static async Task<List<JsonElement>> ListAsync(ArmHttp arm, string address)
    {
        var (all, page) = (new List<JsonElement>(), (await arm.GetAsync(address.Replace(" ", "%20", StringComparison.Ordinal))).Is(200).Json);
        while (true)
        {
            all.AddRange(page.GetProperty("value").EnumerateArray());
            if (!page.TryGetProperty("nextLink", out var next))
                return all;
            page = (await arm.SendRawAsync(HttpMethod.Get, next.GetString()!)).Is(200).Json;
        }
    }
}
