using Microsoft.AspNetCore.Http;
using Xunit;

namespace ControlPlane.Tests.Cli;

/// <summary>`cpctl usage`: a line for each resource over all pages, and a total that is rounded once.</summary>
public sealed class UsageCommandTests
{
    private const string Group = "/subscriptions/" + RecordingArm.Subscription + "/resourceGroups/demo";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Usage_is_summed_by_resource_over_every_page_and_only_the_total_is_rounded()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        arm.Answer = (request, _) => Results.Json(request.Query.ContainsKey("$skipToken")
            ? new { value = new[] { Record("a", 0.5m, 0.004m), Record("b", 1, 0.004m), Record("c", 2, null) }, nextLink = (string?)null }
            : new { value = new[] { Record("A", 0.25m, 0.004m) }, nextLink = (string?)$"{arm.Endpoint}{request.Path}{request.QueryString}&$skipToken=next" });

        var run = await Cpctl.RunAsync(arm, null, Cancel, "usage", "--from", "2026-06-01", "--to", "2026-06-30", "-g", "demo");

        Assert.Equal(0, run.ExitCode);
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ToList();
        Assert.Equal(["RESOURCE GROUP METER QUANTITY UNIT COST CURRENCY", "A demo m 0.75 1 Hour 0.01 EUR", "b demo m 1.00 1 Hour 0.00 EUR", "c demo m 2.00 1 Hour not priced", "TOTAL 0.01 EUR"], lines);
        Assert.Contains("in no total", run.Errors, StringComparison.Ordinal);
        var asked = Uri.UnescapeDataString(arm.Requests.First().Path);
        Assert.StartsWith($"{Group}/providers/Microsoft.Consumption/usageDetails?", asked, StringComparison.Ordinal);
        Assert.Contains("$filter=properties/usageStart ge '2026-06-01' and properties/usageStart le '2026-06-30'", asked, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-13-01", "2026-06-30", "is not a day")]
    [InlineData("2026-07-01", "2026-06-30", "is after")]
    public async Task Days_that_are_none_are_refused_and_nothing_is_sent(string from, string to, string why)
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);

        var run = await Cpctl.RunAsync(arm, null, Cancel, "usage", "--from", from, "--to", to);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(why, run.Errors, StringComparison.Ordinal);
        Assert.Empty(arm.Requests);
    }

    private static object Record(string name, decimal quantity, decimal? cost) => new
    {
        properties = new
        {
            instanceName = $"{Group}/providers/ControlPlane.BareMetal/bareMetalMachines/{name}", meterName = "m", quantity, unitOfMeasure = "1 Hour", isPriced = cost is not null, costInBillingCurrency = cost, billingCurrencyCode = cost is null ? null : "EUR",
        },
    };
}
