using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;
using static ControlPlane.Tests.Fleets.InsightFixture;

namespace ControlPlane.Tests.Fleets;

/// <summary>The scorecard of a fleet, the clusters behind its numbers, what they cost, and how the numbers were.</summary>
[Collection(InsightSuite.Name)]
public sealed class InsightTests(InsightFixture world)
{
    private const int Clusters = 140;

    private ArmHttp Arm => world.Arm;

    [Fact]
    public async Task The_scorecard_counts_what_clusters_are_and_run()
    {
        var fleet = await PlantedAsync();
        var card = await TotalAsync(fleet);
        var clusters = card.GetProperty("clusters");
        Assert.Equal((Clusters, 120, 20, 4 * Clusters, 16 * Clusters), (Number(clusters, "total"), Number(clusters, "connected"), Number(clusters, "offline"), Number(clusters, "nodes"), Number(clusters, "cores")));
        Assert.Equal([("v1.32.6", 94), ("v1.31.9", 46)], card.GetProperty("kubernetesVersions").EnumerateArray().Select(one => (one.GetProperty("version").GetString()!, Number(one, "clusters"))));
        Assert.Equal([(NewImage, 140, 532), (OldImage, 28, 28)], card.GetProperty("nodeImages").EnumerateArray().Select(one => (one.GetProperty("image").GetString()!, Number(one, "clusters"), Number(one, "nodes"))));
        Assert.Contains(("secrets-store-csi-driver", "1.4.2", 14), card.GetProperty("addOns").EnumerateArray().Select(one => (one.GetProperty("name").GetString()!, one.GetProperty("version").GetString()!, Number(one, "clusters"))));
        Assert.Equal(Clusters, Number(card.GetProperty("compliance"), "notJudged"));
        var free = card.GetProperty("cost").EnumerateArray().Single(line => line.GetProperty("product").GetString() == "Fleet");
        Assert.Equal((0m, 0m), (free.GetProperty("quantity").GetDecimal(), free.GetProperty("cost").GetDecimal()));
    }

    [Fact]
    public async Task Groups_add_up_to_the_total_and_filters_narrow_it()
    {
        var fleet = await PlantedAsync();
        foreach (var (groupBy, expected) in new (string, (string, int)[])[]
        {
            ("region", [("westeurope", 105), ("southeastasia", 35)]), ("tier", [("gold", 70), ("silver", 70)]), ("labels/region", [("label-0", 70), ("label-1", 70)]), ("kubernetesVersion", [("v1.32.6", 94), ("v1.31.9", 46)]),
            ("nodeImage", [(NewImage, 140), (OldImage, 28)]), ("addOns/secrets-store-csi-driver", [("1.4.8", 126), ("1.4.2", 14)]), ("connectivity", [("Connected", 120), ("Offline", 20)]), ("nobody-has-it", [("", 140)]),
        })
        {
            var shown = (await Arm.GetAsync(Query($"{fleet}/insights", ("groupBy", groupBy)))).Is(200).Json.GetProperty("properties");
            Assert.Equal(expected, shown.GetProperty("groups").EnumerateArray().Select(group => (group.GetProperty("value").GetString()!, Number(group.GetProperty("scorecard").GetProperty("clusters"), "total"))));
            Assert.Equal(Clusters, Number(shown.GetProperty("total").GetProperty("clusters"), "total"));
        }

        foreach (var (filter, expected) in new[]
        {
            ("region eq 'southeastasia'", 35), ("region eq 'Southeast Asia'", 35), ("region ne 'southeastasia' and tier eq 'gold'", 70), ($"image eq '{OldImage}' and region eq 'southeastasia'", 7), ("version eq 'v1.31.9'", 46),
            ("connectivity eq 'offline'", 20), ("addOns/secrets-store-csi-driver eq '1.4.2'", 14), ("labels/region eq 'label-1'", 70), ("compliance eq 'NotJudged'", 140), ("compliance eq 'Compliant'", 0), ("tier eq 'it''s'", 0), ("tier ne 'it''s'", 140),
        })
        {
            Assert.Equal(expected, Number((await TotalAsync(fleet, ("$filter", filter))).GetProperty("clusters"), "total"));
        }

        foreach (var filter in new[] { "region", "region eq", "region gt 'a'", "region eq 'a' or tier eq 'b'", "region eq 'a' and", "'a' eq 'a'", "region eq 'a'; drop table resources" })
            (await Arm.GetAsync(Query($"{fleet}/insights", ("$filter", filter)))).Is(400, "InvalidFilterInQueryString");
        (await Arm.GetAsync($"{fleet}/insights?groupBy=cve")).Is(400);
        (await Arm.GetAsync($"{fleet}-of-nobody/insights")).Is(404);
    }

    [Fact]
    public async Task Which_clusters_of_a_region_run_an_image_with_a_CVE_is_one_question()
    {
        var fleet = await PlantedAsync();
        await PublishAsync(world.Plane, "CVE-2026-1001", "Critical", new JsonObject { ["nodeImage"] = "AKSUbuntu-2204gen2containerd-*", ["versions"] = "<202602.1.0", ["fixedIn"] = NewImage });
        await PublishAsync(world.Plane, "CVE-2026-1002", "Low", new JsonObject { ["addOn"] = "secrets-store-csi-driver", ["versions"] = ">=1.4.0 <1.4.5", ["fixedIn"] = "1.4.8" });
        await PublishAsync(world.Plane, "CVE-2026-1003", "High", new JsonObject { ["nodeImage"] = "Windows-*" });

        var card = await TotalAsync(fleet);
        Assert.Equal(28, Number(card, "exposedClusters"));
        var found = card.GetProperty("vulnerabilities").EnumerateArray().ToDictionary(one => one.GetProperty("cve").GetString()!, StringComparer.Ordinal);
        Assert.Equal((28, 28, "Critical"), (Number(found["CVE-2026-1001"], "clusters"), Number(found["CVE-2026-1001"], "nodes"), found["CVE-2026-1001"].GetProperty("severity").GetString()));
        Assert.Equal([(OldImage, 28)], Values(found["CVE-2026-1001"].GetProperty("byImage")));
        Assert.Equal([("westeurope", 21), ("southeastasia", 7)], Values(found["CVE-2026-1001"].GetProperty("byRegion")));
        Assert.Equal(14, Number(found["CVE-2026-1002"], "clusters"));
        Assert.DoesNotContain("CVE-2026-1003", found.Keys);

        var seven = Enumerable.Range(1, Clusters).Where(n => n % 20 == 0).Select(n => $"c{n:00000}").ToList();
        Assert.Equal(seven, (await ClustersAsync(fleet, ("$filter", "region eq 'southeastasia' and cve eq 'CVE-2026-1001'"))).Select(one => one.GetProperty("name").GetString()!));
        Assert.Equal(seven, (await ClustersAsync(fleet, ("$filter", $"region eq 'southeastasia' and nodeImage eq '{OldImage}'"), ("$top", "2"))).Select(one => one.GetProperty("name").GetString()!));
        var one = (await ClustersAsync(fleet, ("$filter", "cve eq 'cve-2026-1001'")))[1].GetProperty("properties");
        Assert.Equal(["CVE-2026-1001", "CVE-2026-1002"], one.GetProperty("cves").EnumerateArray().Select(cve => cve.GetString()));
        Assert.Equal((1, "1.4.2", "Connected"), (Number(one.GetProperty("nodeImages"), OldImage), one.GetProperty("addOns").GetProperty("secrets-store-csi-driver").GetString(), one.GetProperty("connectivityStatus").GetString()));
        (await Arm.GetAsync($"{fleet}/insights/clusters?$top=0")).Is(400);

        (await Arm.DeleteAsync("/providers/ControlPlane.Fleet/vulnerabilities/CVE-2026-1001")).Is(200);
        Assert.Equal(14, Number(await TotalAsync(fleet), "exposedClusters"));
        var refused = (await Arm.PutAsync("/providers/ControlPlane.Fleet/vulnerabilities/CVE-2026-9", new JsonObject { ["properties"] = new JsonObject { ["severity"] = "High", ["affects"] = new JsonArray() } })).Is(400);
        Assert.Contains("CVE", refused.Text, StringComparison.Ordinal);
        var faults = (await Arm.PutAsync("/providers/ControlPlane.Fleet/vulnerabilities/CVE-2026-1009", new JsonObject
        {
            ["properties"] = new JsonObject { ["severity"] = "High", ["affects"] = new JsonArray(new JsonObject(), new JsonObject { ["addOn"] = "a", ["nodeImage"] = "b" }, new JsonObject { ["addOn"] = "a", ["versions"] = "soon" }) },
        })).Is(400);
        Assert.Equal(["properties.affects[0]", "properties.affects[1]", "properties.affects[2].versions"], faults.Targets.Where(target => target?.StartsWith("properties.", StringComparison.Ordinal) is true).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_an_OS_image_is_known_to_carry_counts_for_the_clusters_that_run_it()
    {
        var fleet = await PlantedAsync();
        var group = fleet[..fleet.IndexOf("/providers/", StringComparison.Ordinal)];
        foreach (var (name, cves) in new (string, string[])[] { (OldImage, ["CVE-2026-5001", "CVE-2026-5002", "CVE-2026-5003"]), ("spotless", []) })
        {
            Assert.Equal("Succeeded", (await Arm.FinishAsync((await Arm.PutAsync($"{group}/providers/ControlPlane.BareMetal/osImages/{name}", new JsonObject
            {
                ["location"] = "westeurope",
                ["properties"] = new JsonObject { ["version"] = "1", ["url"] = "https://images.example/disk.raw", ["sha256"] = new string('a', 64), ["sizeBytes"] = 1024, ["knownCves"] = new JsonArray([.. cves.Select(cve => (JsonNode)cve)]) },
            })).Is(201))).OperationStatus);
        }

        var found = (await TotalAsync(fleet)).GetProperty("vulnerabilities").EnumerateArray().Where(one => one.GetProperty("cve").GetString()!.StartsWith("CVE-2026-500", StringComparison.Ordinal));
        Assert.Equal([("CVE-2026-5001", 28), ("CVE-2026-5002", 28), ("CVE-2026-5003", 28)], found.Select(one => (one.GetProperty("cve").GetString()!, Number(one, "clusters"))).Order());
        foreach (var name in new[] { OldImage, "spotless" })
            await Arm.FinishAsync((await Arm.DeleteAsync($"{group}/providers/ControlPlane.BareMetal/osImages/{name}")).Is(202));
    }

    [Fact]
    public async Task Node_hours_are_metered_and_cost_what_usage_details_say_and_numbers_become_history()
    {
        var fleet = await FleetAsync(world.Plane);
        (await Arm.PutAsync("/providers/ControlPlane.Metering/priceSheets/default", new JsonObject
        {
            ["properties"] = new JsonObject { ["currency"] = "EUR", ["prices"] = new JsonArray(new JsonObject { ["meter"] = "cluster-node-hours", ["unitPrice"] = 0.25m, ["includedQuantity"] = 10, ["effectiveFrom"] = "2026-01-01T00:00:00Z" }) },
        })).Is(201);
        await PlantAsync(world.Plane, fleet, 6);
        var group = fleet[..fleet.IndexOf("/providers/", StringComparison.Ordinal)];
        await Eventually.Async(async () => await UsageAsync(group), usage => usage.Quantity >= 24, "six clusters with four nodes are metered");
        await Eventually.Async(async () => (Usage: await UsageAsync(group), Line: (await TotalAsync(fleet)).GetProperty("cost").EnumerateArray().FirstOrDefault(line => line.TryGetProperty("currency", out var currency) && currency.GetString() == "EUR")),
            seen => seen.Line.ValueKind is JsonValueKind.Object && seen.Line.GetProperty("quantity").GetDecimal() == seen.Usage.Quantity && Math.Abs(seen.Line.GetProperty("cost").GetDecimal() - seen.Usage.Cost) < 0.000001m,
            "the scorecard costs what usage details say");

        var points = await Eventually.Async(async () => (await Arm.GetAsync($"{fleet}/insights/history?metric=clusters")).Is(200).Json.GetProperty("points"), seen => seen.GetArrayLength() > 0 && Number(seen[seen.GetArrayLength() - 1], "value") == 6, "the number of clusters is kept");
        Assert.True(points[0].GetProperty("at").GetDateTimeOffset() is { Minute: 0, Second: 0 });
        await Eventually.Async(async () => (await Arm.GetAsync($"{fleet}/insights/history?metric=cost&interval=day")).Is(200).Json.GetProperty("points"), seen => seen.GetArrayLength() > 0 && seen[0].GetProperty("currency").GetString() == "EUR", "so are costs");
        (await Arm.GetAsync($"{fleet}/insights/history?metric=luck")).Is(400);
        (await Arm.GetAsync($"{fleet}/insights/history?metric=clusters&interval=minute")).Is(400);
    }

    [Fact]
    public async Task A_fleet_whose_numbers_cannot_be_computed_does_not_keep_the_others_from_having_history()
    {
        var broken = await FleetAsync(world.Plane);
        await PlantAsync(world.Plane, broken, 1);
        // No inventory looks like this; whatever does fails every question about the fleet.
        const string images = "update cluster_inventories set node_images = $2::jsonb where cluster_key in (select cluster_key from fleet_members where fleet_key = $1)";
        await world.Plane.Database.ExecuteAsync(images, broken.ToLowerInvariant(), "[]");
        // It is looked at after the broken one.
        var later = broken[..broken.LastIndexOf('/')] + "/zebra";
        Assert.Equal("Succeeded", (await Arm.FinishAsync((await Arm.PutAsync(later, new JsonObject { ["location"] = "westeurope" })).Is(201))).OperationStatus);
        Task<JsonElement> HistoryAsync(string fleet) => Eventually.Async(async () => (await Arm.GetAsync($"{fleet}/insights/history?metric=clusters")).Is(200).Json.GetProperty("points"), points => points.GetArrayLength() > 0, $"{fleet} has history");
        await HistoryAsync(later);
        await world.Plane.Database.ExecuteAsync(images, broken.ToLowerInvariant(), "{}");
        await HistoryAsync(broken);
    }

    [Fact]
    public async Task A_remediation_is_about_exactly_the_clusters_that_are_meant()
    {
        var fleet = await PlantedAsync();
        await PublishAsync(world.Plane, "CVE-2026-2001", "Critical", new JsonObject { ["nodeImage"] = OldImage, ["fixedIn"] = NewImage });
        await PublishAsync(world.Plane, "CVE-2026-2002", "High", new JsonObject { ["addOn"] = "coredns" });
        async Task<string?> CodeAsync(JsonObject parameters) => (await Arm.FinishAsync((await Arm.PostAsync($"{fleet}/remediate", parameters)).Is(202))).Json is var ended && ended.TryGetProperty("error", out var error) ? error.GetProperty("code").GetString() : null;
        (await Arm.PostAsync($"{fleet}/remediate", new JsonObject())).Is(409, "NothingToRemediate");
        (await Arm.PostAsync($"{fleet}/remediate", new JsonObject { ["filter"] = "tier eq 'gold'" })).Is(409, "WrongRemediationTarget");
        foreach (var share in new[] { "0", "-1", "101%", "many" })
            (await Arm.PostAsync($"{fleet}/remediate", new JsonObject { ["cve"] = "CVE-2026-2001", ["maxConcurrency"] = share })).Is(409, "WrongMaxConcurrency");
        (await Arm.PostAsync($"{fleet}/remediate", new JsonObject { ["cve"] = "CVE-2026-2001", ["target"] = new JsonObject { ["addOn"] = "coredns" } })).Is(409, "WrongRemediationTarget");
        Assert.Equal("RemediationTargetUnknown", await CodeAsync(new() { ["cve"] = "CVE-2026-2002" }));
        Assert.Equal("RemediationTargetUnknown", await CodeAsync(new() { ["cve"] = "CVE-2026-2003" }));
        Assert.Equal("NothingToRemediate", await CodeAsync(new() { ["cve"] = "CVE-2026-2001", ["filter"] = "region eq 'nowhere'" }));
        Assert.Equal("InvalidFilterInQueryString", await CodeAsync(new() { ["cve"] = "CVE-2026-2001", ["filter"] = "region" }));

        var (remedy, fault) = await Remedy.FindAsync(world.Plane.Services.GetRequiredService<NpgsqlDataSource>(), ResourceId.Parse(fleet), new() { Cve = "CVE-2026-2001", Filter = "region eq 'southeastasia'" }, CancellationToken.None);
        Assert.Null(fault);
        Assert.Equal(NewImage, remedy!.Target.NodeImage);
        Assert.Equal(Enumerable.Range(1, Clusters).Where(n => n % 20 == 0).Select(n => $"c{n:00000}"), remedy.Members);
        foreach (var cve in new[] { "CVE-2026-2001", "CVE-2026-2002" })
            (await Arm.DeleteAsync($"/providers/ControlPlane.Fleet/vulnerabilities/{cve}")).Is(200);
    }

    [Fact]
    public async Task Ten_thousand_clusters_are_counted_at_once()
    {
        await using var plane = await ControlPlaneFixture.StartAsync();
        var fleet = await FleetAsync(plane);
        await PlantAsync(plane, fleet, 10_000);
        await plane.Database.ExecuteAsync("analyze");
        await PublishAsync(plane, "CVE-2026-1001", "Critical", new JsonObject { ["nodeImage"] = "AKSUbuntu-2204gen2containerd-*", ["versions"] = "<202602.1.0" });
        foreach (var (name, path) in new[]
        {
            ("scorecard", $"{fleet}/insights"), ("by region", $"{fleet}/insights?groupBy=region"), ("by label", $"{fleet}/insights?groupBy=tier"),
            ("exposed clusters of a region, a page of 100", Query($"{fleet}/insights/clusters", ("$filter", "region eq 'southeastasia' and cve eq 'CVE-2026-1001'"))),
        })
        {
            await plane.Arm.GetAsync(path);
            var times = new List<double>();
            for (var round = 0; round < 5; round++)
            {
                var started = Stopwatch.GetTimestamp();
                (await plane.Arm.GetAsync(path)).Is(200);
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"10,000 clusters, {name}: median {times.Order().ElementAt(2):0} ms");
        }

        Assert.Equal(2000, Number((await plane.Arm.GetAsync($"{fleet}/insights")).Is(200).Json.GetProperty("properties").GetProperty("total"), "exposedClusters"));
    }

    private async Task<string> PlantedAsync()
    {
        var fleet = await FleetAsync(world.Plane);
        await PlantAsync(world.Plane, fleet, Clusters);
        return fleet;
    }

    private async Task<JsonElement> TotalAsync(string fleet, params (string, string)[] query) => (await Arm.GetAsync(Query($"{fleet}/insights", query))).Is(200).Json.GetProperty("properties").GetProperty("total");

    /// <summary>All of them, page after page.</summary>
    private async Task<IReadOnlyList<JsonElement>> ClustersAsync(string fleet, params (string, string)[] query)
    {
        var clusters = new List<JsonElement>();
        var next = Query($"{fleet}/insights/clusters", [.. query, ("api-version", ArmHttp.ApiVersion)]);
        while (next is not null)
        {
            var page = (await Arm.SendRawAsync(HttpMethod.Get, next)).Is(200).Json;
            clusters.AddRange(page.GetProperty("value").EnumerateArray());
            next = page.TryGetProperty("nextLink", out var link) ? link.GetString() : null;
        }

        return clusters;
    }

    private async Task<(decimal Quantity, decimal Cost)> UsageAsync(string group)
    {
        var records = (await Arm.GetAsync($"{group}/providers/Microsoft.Consumption/usageDetails?api-version=2024-08-01")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("properties")).ToList();
        return (records.Sum(one => one.GetProperty("quantity").GetDecimal()), records.Sum(one => one.TryGetProperty("costInBillingCurrency", out var cost) && cost.ValueKind is JsonValueKind.Number ? cost.GetDecimal() : 0));
    }

    private static int Number(JsonElement of, string name) => of.GetProperty(name).GetInt32();

    private static IEnumerable<(string, int)> Values(JsonElement list) => list.EnumerateArray().Select(one => (one.GetProperty("value").GetString()!, Number(one, "clusters")));
}
