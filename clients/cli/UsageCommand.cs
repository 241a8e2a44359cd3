using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace ControlPlane.Cli;

/// <summary>`usage`: what each resource consumed and what that costs.</summary>
internal static class UsageCommand
{
    private const string NotPriced = "not priced";

    public static Command Create()
    {
        var from = Day("--from", "The first day (UTC), such as 2026-06-01; the first of this month when absent.");
        var to = Day("--to", "The last day (UTC); today when absent.");
        var group = ResourceCommands.GroupOption();
        return Session.Run(new Command("usage", "Show what was consumed and what it costs, by resource.") { from, to, group }, async (client, parsed, cancel) =>
        {
            var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
            var (first, last) = (parsed.GetValue(from) ?? new DateOnly(today.Year, today.Month, 1), parsed.GetValue(to) ?? today);
            if (first > last)
                throw new UsageException($"--from {first:yyyy-MM-dd} is after --to {last:yyyy-MM-dd}");
            var filter = $"properties/usageStart ge '{first:yyyy-MM-dd}' and properties/usageStart le '{last:yyyy-MM-dd}'";
            var address = $"{ResourceAddress.List(client.Connection.SubscriptionId, parsed.GetValue(group), "Microsoft.Consumption/usageDetails")}?$filter={Uri.EscapeDataString(filter)}";
            var lines = new Dictionary<(string Resource, string Meter, string? Currency), Line>();
            await foreach (var record in client.ListAsync(ResourceAddress.Versioned(address), cancel))
            {
                var line = Line.Of(record);
                lines[line.Key] = lines.TryGetValue(line.Key, out var before) ? before with { Quantity = before.Quantity + line.Quantity, Cost = before.Cost + line.Cost } : line;
            }

            Write([.. lines.Values.OrderBy(line => line.Resource, StringComparer.OrdinalIgnoreCase).ThenBy(line => line.Meter, StringComparer.Ordinal)], first, last);
            return ExitCode.Ok;
        });
    }

    private static Option<DateOnly?> Day(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = argument =>
        {
            if (DateOnly.TryParseExact(argument.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
                return day;
            argument.AddError($"{name} {argument.Tokens[0].Value} is not a day such as 2026-06-01");
            return null;
        },
    };

    private static void Write(IReadOnlyList<Line> lines, DateOnly first, DateOnly last)
    {
        var table = new Table { Border = TableBorder.None };
        table.AddColumns("RESOURCE", "GROUP", "METER", "QUANTITY", "UNIT", "COST", "CURRENCY");
        table.Columns[3].RightAligned();
        table.Columns[5].RightAligned();
        foreach (var line in lines)
            Add(table, line.Name, line.Group, line.Meter, Number(line.Quantity), line.Unit, line.Currency is null ? NotPriced : Number(line.Cost), line.Currency ?? "");
        // Of each currency the sum is rounded, not what it is made of.
        foreach (var currency in lines.Where(line => line.Currency is not null).GroupBy(line => line.Currency!, StringComparer.Ordinal))
            Add(table, "TOTAL", "", "", "", "", Number(currency.Sum(line => line.Cost)), currency.Key);
        AnsiConsole.Write(table);
        if (lines.Count == 0)
            Report.Line($"cpctl: nothing was consumed from {first:yyyy-MM-dd} to {last:yyyy-MM-dd}");
        if (lines.Any(line => line.Currency is null))
            Report.Line("cpctl: what is not priced is in no total; no price sheet has a price for it");
    }

    private static void Add(Table table, params string[] cells) => table.AddRow([.. cells.Select(cell => new Text(cell) { Overflow = Overflow.Fold })]);

    private static string Number(decimal value) => Math.Round(value, 2, MidpointRounding.AwayFromZero).ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>What a resource consumed of a meter, priced in a currency or, with none, not at all.</summary>
    private sealed record Line(string Resource, string Meter, string? Currency, string Unit, decimal Quantity, decimal Cost)
    {
        public (string Resource, string Meter, string? Currency) Key => (Resource.ToLowerInvariant(), Meter, Currency);

        public string Name => Resource[(Resource.LastIndexOf('/') + 1)..];

        public string Group => Resource.Split('/') is { Length: > 4 } parts ? parts[4] : "";

        public static Line Of(JsonObject record)
        {
            var properties = record.At("properties");
            return new(properties.Text("instanceName") ?? "", properties.Text("meterName") ?? "", properties.Text("billingCurrencyCode"), properties.Text("unitOfMeasure") ?? "", Amount(properties, "quantity"), Amount(properties, "costInBillingCurrency"));
        }

        private static decimal Amount(JsonNode? properties, string name) => properties.At(name) is JsonValue value && value.TryGetValue<decimal>(out var amount) ? amount : 0;
    }
}
