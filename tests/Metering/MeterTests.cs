using System.Text.Json;
using ControlPlane.Persistence.Metering;
using ControlPlane.Tests.BareMetal;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Worker.Metering;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace ControlPlane.Tests.Metering;

/// <summary>The parts of a span that fall into each clock hour.</summary>
public sealed class MeterWindowTests
{
    private static readonly DateTimeOffset Epoch = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly Gen<(DateTimeOffset From, DateTimeOffset To)> Spans = Gen.Select(Gen.Long[0, 40L * TimeSpan.TicksPerHour], Gen.Long[0, 60L * TimeSpan.TicksPerHour])
        .Select((from, length) => (Epoch.AddTicks(from), Epoch.AddTicks(from + length)));

    [Fact]
    public void Windows_add_up_to_the_span() => Spans.Sample(span =>
        Assert.Equal((span.To - span.From).TotalSeconds, Meters.Windows(span.From, span.To).Sum(window => window.Seconds), 1e-3));

    [Fact]
    public void Every_window_is_a_different_clock_hour_of_at_most_3600_seconds() => Spans.Sample(span =>
    {
        var windows = Meters.Windows(span.From, span.To).ToList();
        Assert.Equal(windows.Count, windows.Select(window => window.Hour).Distinct().Count());
        Assert.All(windows, window => Assert.True(window.Seconds is > 0 and <= 3600 && window.Hour is { Minute: 0, Second: 0, Millisecond: 0 }));
        Assert.All(windows.Skip(1).SkipLast(1), window => Assert.Equal(3600, window.Seconds));
    });
}

/// <summary>What is billed: the seconds from Provisioned to the begin of deprovisioning.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class MeterTests(BareMetalWorld world)
{
    [Fact]
    public async Task The_meter_runs_while_the_machine_is_provisioned_and_splits_at_the_hour()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("metered", place);
        // It has been running for two and a half hours, as far as the store knows.
        Assert.Equal(1, await world.Plane.Database.ExecuteAsync("update meter_spans set started_at = now() - interval '150 minutes', recorded_to = now() - interval '150 minutes' where resource_id = $1", await IdAsync("metered")));

        await Task.WhenAll(RecordAsync(), RecordAsync());
        var first = await UsageAsync("metered");
        Assert.InRange(first.Count, 3, 4);
        Assert.All(first, record => Assert.InRange(record.Quantity, 0.001, 3600));
        Assert.All(first.Skip(1).SkipLast(1), record => Assert.Equal(3600, record.Quantity));
        Assert.InRange(first.Sum(record => record.Quantity), 9000, 9060);

        await RecordAsync();
        var second = await UsageAsync("metered");
        Assert.Equal(first.SkipLast(1), second.Take(first.Count - 1));

        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("metered"))).OperationStatus);
        await Task.WhenAll(RecordAsync(), RecordAsync());
        var final = await UsageAsync("metered");
        var span = (double)(decimal)(await world.Plane.Database.ScalarAsync("select extract(epoch from ended_at - started_at) from meter_spans where resource_id like '%/metered'"))!;
        Assert.Equal(span, final.Sum(record => record.Quantity), 0.5);
        await RecordAsync();
        Assert.Equal(final, await UsageAsync("metered"));
    }

    [Fact]
    public async Task A_reimage_interrupts_the_meter()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("interrupted", place);
        Assert.Equal("Succeeded", (await world.ActAsync(BareMetalWorld.MachinePath("interrupted"), "reimage", new() { ["safeguardMode"] = "None" })).OperationStatus);
        Assert.Equal(2L, await world.Plane.Database.ScalarAsync("select count(*) from meter_spans where resource_id like '%/interrupted'"));
        Assert.Equal(1L, await world.Plane.Database.ScalarAsync("select count(*) from meter_spans where resource_id like '%/interrupted' and ended_at is null"));
    }

    [Fact]
    public async Task What_is_not_provisioned_is_not_metered()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("free", place, properties =>
        {
            properties.Remove("osImageId");
            properties.Remove("clusterId");
        });
        await RecordAsync();
        Assert.Empty(await UsageAsync("free"));
    }

    private async Task<string> IdAsync(string name) => (await world.Arm.GetAsync(BareMetalWorld.MachinePath(name))).Json.GetProperty("id").GetString()!;

    private Task RecordAsync() => world.Plane.Services.GetServices<IHostedService>().OfType<MeterRecorder>().Single().RecordAsync(TestContext.Current.CancellationToken);

    private async Task<List<(DateTimeOffset Hour, double Quantity)>> UsageAsync(string name)
    {
        var details = await BareMetalWorld.SucceedAsync(world.Arm.GetAsync($"{ArmHttp.SubscriptionPath}/providers/Microsoft.Consumption/usageDetails"));
        return [.. details.Json.GetProperty("value").EnumerateArray().Select(record => record.GetProperty("properties"))
            .Where(record => record.GetProperty("resourceId").GetString()!.EndsWith($"/{name}", StringComparison.OrdinalIgnoreCase))
            // Sold by the hour, recorded by the second.
            .Select(record => (record.GetProperty("date").GetDateTimeOffset(), Math.Round(record.GetProperty("quantity").GetDouble() * 3600, 6))).OrderBy(record => record.Item1)];
    }
}
