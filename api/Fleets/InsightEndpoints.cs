using ControlPlane.Admission.Fleets;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>What a fleet is, runs, costs and risks: one scorecard, the clusters behind each of its numbers, and how the numbers were before. All of it is computed from rows when it is asked for.</summary>
internal static class InsightEndpoints
{
    private const string Insights = "/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/Microsoft.ContainerService/fleets/{name}/insights";
    private const string Permission = "Microsoft.ContainerService/fleets/insights";
    private const int MostClusters = 1000;
    private const int MostGroups = 200;
    private const int Days = 30;
    private static readonly QueryParameter Filter = new("$filter", $"Only these clusters: {{name}} eq|ne '{{value}}', joined by and. Names are {FleetSelection.Names}.");

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, Insights, new("FleetInsights_Get", $"{Permission}/read", "The scorecard: health, versions, cost, compliance and exposure, of all clusters and by group.")
        {
            Answers = [new(200, "The scorecard.", typeof(InsightsShown))],
            Query = [Filter, new("groupBy", "A scorecard for each region, kubernetesVersion, nodeImage, connectivity, addOns/{name} (its version), labels/{name} or a label's name.")],
        }, ScorecardAsync);
        app.MapArm(HttpMethod.Get, $"{Insights}/clusters", new("FleetInsights_ListClusters", $"{Permission}/read", "The clusters behind the numbers, by name.")
        {
            IsPaged = true, Answers = [new(200, "A page of clusters.", typeof(Page<InsightCluster>))],
            Query = [Filter, new("$top", $"At most so many, 1 to {MostClusters}.", Shape: typeof(int)), new("$skipToken", "From a nextLink.")],
        }, ClustersAsync);
        app.MapArm(HttpMethod.Get, $"{Insights}/history", new("FleetInsights_History", $"{Permission}/read", $"A number of the scorecard over the last {Days} days.")
        {
            Answers = [new(200, "The points, oldest first.", typeof(InsightHistory))],
            Query = [new("metric", $"One of {string.Join(", ", InsightMetrics.Names)}.", IsRequired: true), new("interval", "hour, or day for the last point of each day.")],
        }, HistoryAsync);
    }

    private static async Task ScorecardAsync(HttpContext http)
    {
        var (fleet, source) = await FleetAsync(http);
        var (selection, groupBy) = (FleetSelection.Parse(http.Request.Query["$filter"]), http.Request.Query["groupBy"].ToString() is { Length: > 0 } text ? text : null);
        if (groupBy?.Contains('\0', StringComparison.Ordinal) is true)
            throw ArmErrors.InvalidQuery("groupBy", "holds U+0000.");
        var hits = await Exposure.ReadAsync(source, fleet.ResourceId, http.RequestAborted);
        var total = FleetScorecards.ReadAsync(source, fleet.Key, hits, selection, groupBy: null, http.RequestAborted);
        var groups = groupBy is null ? null : await FleetScorecards.ReadAsync(source, fleet.Key, hits, selection, groupBy, http.RequestAborted);
        var now = http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        await http.AnswerAsync(new InsightsShown($"{fleet.Id}/insights", "insights", Permission, new()
        {
            At = now,
            CostsSince = now.AddDays(-Days),
            Total = (await total).Select(one => one.Card).FirstOrDefault() ?? FleetScorecards.Nothing,
            GroupBy = groupBy,
            Groups = groups is null ? null : [.. groups.Take(MostGroups).Select(group => new InsightGroup(group.Group, group.Card))],
            RemainingGroups = groups?.Count > MostGroups ? groups.Count - MostGroups : null,
        }));
    }

    private static async Task ClustersAsync(HttpContext http)
    {
        var (fleet, source) = await FleetAsync(http);
        var top = http.Request.Query.TryGetValue("$top", out var text) ? int.TryParse(text, out var given) && given is > 0 and <= MostClusters ? given : throw ArmErrors.InvalidQuery("$top", $"must be a number from 1 to {MostClusters}.") : 100;
        var after = http.Request.Query["$skipToken"].ToString();
        if (after.Contains('\0', StringComparison.Ordinal))
            throw ArmErrors.InvalidQuery("$skipToken", "is not one that a nextLink carried.");
        var clusters = await InsightClusters.ReadAsync(source, fleet, FleetSelection.Parse(http.Request.Query["$filter"]), after, top + 1, http.RequestAborted);
        await http.AnswerAsync(new Page<InsightCluster>([.. clusters.Take(top)], clusters.Count > top ? http.NextLink(clusters[top - 1].Name) : null));
    }

    private static async Task HistoryAsync(HttpContext http)
    {
        var (fleet, source) = await FleetAsync(http);
        var metric = InsightMetrics.Names.FirstOrDefault(name => name.Equals(http.Request.Query["metric"], StringComparison.OrdinalIgnoreCase)) ?? throw ArmErrors.InvalidQuery("metric", $"must be one of {string.Join(", ", InsightMetrics.Names)}.");
        var interval = http.Request.Query["interval"].ToString() is { Length: > 0 } given ? given.ToLowerInvariant() : "hour";
        if (interval is not ("hour" or "day"))
            throw ArmErrors.InvalidQuery("interval", "must be hour or day.");
        await using var command = Sql.Command(source, """
            select distinct on (currency, date_trunc($3, at, 'UTC')) date_trunc($3, at, 'UTC'), value, currency from fleet_insight_points
            where fleet_key = $1 and metric = $2 and at >= now() - make_interval(days => $4) order by currency, date_trunc($3, at, 'UTC'), at desc
            """, fleet.Key, metric, interval, Days);
        await using var row = await command.ExecuteReaderAsync(http.RequestAborted);
        var points = new List<InsightPoint>();
        while (await row.ReadAsync(http.RequestAborted))
            points.Add(new(row.GetFieldValue<DateTimeOffset>(0), row.GetDecimal(1), row.GetString(2) is { Length: > 0 } currency ? currency : null));
        await http.AnswerAsync(new InsightHistory(metric, points));
    }

    private static async Task<(ResourceRow Fleet, NpgsqlDataSource Source)> FleetAsync(HttpContext http)
    {
        ApiVersion.Require(http, ResourceTypes.Find(Fleet.Type));
        string Value(string name) => (string)http.Request.RouteValues[name]!;
        var id = ResourceId.Create(Value("subscription"), Value("resourceGroup"), Fleet.Type, [Value("name")]);
        var source = http.RequestServices.GetRequiredService<NpgsqlDataSource>();
        return (await source.FindResourceAsync(id.Key, http.RequestAborted) ?? throw await http.RequestServices.GetRequiredService<ResourceLookup>().MissingAsync(id, http.RequestAborted), source);
    }
}
