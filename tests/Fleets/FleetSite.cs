using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>One control plane for all tests about fleets.</summary>
[CollectionDefinition(Name)]
public sealed class FleetSuite : ICollectionFixture<ControlPlaneFixture>
{
    public const string Name = "Fleets";
}

/// <summary>A test's own fleet: simulated clusters, connected and joined.</summary>
internal sealed class FleetSite : IAsyncDisposable
{
    private static int count;

    private FleetSite(ControlPlaneFixture plane, ClusterFleet clusters, string group)
    {
        (Plane, Clusters) = (plane, clusters);
        Group = $"{ArmHttp.SubscriptionPath}/resourceGroups/{group}";
        Fleet = $"{Group}/providers/Microsoft.ContainerService/fleets/stores";
    }

    public ControlPlaneFixture Plane { get; }
    public ClusterFleet Clusters { get; }
    public string Group { get; }
    public string Fleet { get; }

    public ArmHttp Arm => Plane.Arm;

    /// <param name="joined">How many of the clusters join at once; the others are only connected.</param>
    /// <param name="isPull">Which of them an agent of their own reaches out from; none when not given.</param>
    public static async Task<FleetSite> StartAsync(ControlPlaneFixture plane, FleetOptions options, int? joined = null, Func<FleetCluster, bool>? isPull = null)
    {
        var site = new FleetSite(plane, await ClusterFleet.StartAsync(options), $"fleet-{Interlocked.Increment(ref count)}");
        (await plane.Arm.PutAsync(site.Group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        await site.DoneAsync((await plane.Arm.PutAsync(site.Fleet, new JsonObject { ["location"] = "westeurope" })).Is(201));
        await Parallel.ForEachAsync(site.Clusters.Ready.Clusters, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (cluster, _) => await site.DoneAsync((await site.ConnectAsync(cluster, isPull?.Invoke(cluster) is true)).Is(201)));
        await Parallel.ForEachAsync(site.Clusters.Ready.Clusters.Take(joined ?? options.Clusters), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (cluster, _) => await site.JoinAsync(cluster.Name));
        return site;
    }

    public string Cluster(string name) => $"{Group}/providers/Microsoft.Kubernetes/connectedClusters/{name}";

    public string Member(string name) => $"{Fleet}/members/{name}";

    public string Placement(string name) => $"{Fleet}/clusterResourcePlacements/{name}";

    public async Task JoinAsync(string name, params (string Key, string Value)[] labels)
    {
        var all = new JsonObject(Clusters.Ready.Clusters.Single(cluster => cluster.Name == name).Labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value)));
        foreach (var (key, value) in labels)
            all[key] = value;
        var member = new JsonObject { ["properties"] = new JsonObject { ["clusterResourceId"] = Cluster(name), ["labels"] = all } };
        var answer = await Arm.PutAsync(Member(name), member);
        Assert.True(answer.Status is 200 or 201, answer.ToString());
        await DoneAsync(answer);
    }

    /// <summary>PUTs a placement and waits until it is scheduled.</summary>
    public async Task<ArmAnswer> PlaceAsync(string name, JsonArray manifests, JsonObject? more = null)
    {
        var properties = new JsonObject { ["manifests"] = manifests };
        foreach (var (key, value) in more ?? [])
            properties[key] = value?.DeepClone();
        // Its status may be written at that very moment: then it is said again, as the answer says.
        var answer = await Eventually.Async(() => Arm.PutAsync(Placement(name), new JsonObject { ["properties"] = properties.DeepClone() }), one => one.Status != 409 || one.ErrorCode != "Conflict", "the PUT meets nobody else's");
        return await Arm.FinishAsync(answer);
    }

    /// <summary>A namespace and a workload in it, as a placement has them.</summary>
    public static JsonArray Shop(string image = "registry.example/web:1.0", string space = "shop", params JsonObject[] more)
    {
        var web = Simulators.Fleet.Manifests.Deployment(image: image);
        web["metadata"]!["namespace"] = space;
        return [Simulators.Fleet.Manifests.Namespace(space), web, .. more];
    }

    /// <summary>The placement, once its status is as it should be.</summary>
    public Task<PlacementSeen> StatusAsync(string name, Func<PlacementSeen, bool> condition, string description, TimeSpan? timeout = null) =>
        Eventually.Async(async () => new PlacementSeen((await Arm.GetAsync(Placement(name))).Is(200).Json.GetProperty("properties")), condition, description, timeout);

    public async Task<IReadOnlyList<(string Name, string State)>> ClustersAsync(string placement, string query = "") =>
        [.. (await Arm.GetAsync($"{Placement(placement)}/clusters{query}")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => (one.GetProperty("name").GetString()!, one.GetProperty("properties").GetProperty("state").GetString()!))];

    /// <summary>What a cluster has at a path; null when there is nothing.</summary>
    public JsonObject? Find(string cluster, string path)
    {
        var place = ResourcePath.Parse(path)!;
        var group = place.ApiVersion.Contains('/', StringComparison.Ordinal) ? $".{place.ApiVersion.Split('/')[0]}" : "";
        return Clusters.Find(cluster)!.Api.Store.Get($"{place.Resource}{group}", place.Namespace, place.Name!);
    }

    public async Task DoneAsync(ArmAnswer accepted) => Assert.Equal("Succeeded", (await Arm.FinishAsync(accepted)).OperationStatus);

    public async ValueTask DisposeAsync() => await Clusters.DisposeAsync();

    /// <summary>A token for the agent of a cluster.</summary>
    public async Task<string> OnboardAsync(string cluster) => (await Arm.PostAsync($"{Cluster(cluster)}/issueOnboardingToken")).Is(200).Json.GetProperty("token").GetString()!;

    private Task<ArmAnswer> ConnectAsync(FleetCluster cluster, bool isPull) => Arm.PutAsync(Cluster(cluster.Name), new JsonObject
    {
        ["location"] = "westeurope",
        ["properties"] = isPull ? new JsonObject { ["access"] = "Pull" } : new JsonObject { ["apiServer"] = cluster.Url, ["caCertificate"] = cluster.Ca, ["credentials"] = new JsonObject { ["token"] = cluster.Token } },
    });
}

/// <summary>The properties of a placement.</summary>
internal sealed record PlacementSeen(JsonElement Properties)
{
    public string? RunState => Properties.TryGetProperty("rollout", out var run) ? run.GetProperty("state").GetString() : null;
    public string? RunKind => Properties.TryGetProperty("rollout", out var run) ? run.GetProperty("kind").GetString() : null;

    public int Run(string count) => Properties.TryGetProperty("rollout", out var run) ? run.GetProperty("clusters").GetProperty(count).GetInt32() : -1;

    public int Summary(string count) => Properties.TryGetProperty("summary", out var summary) ? summary.GetProperty(count).GetInt32() : -1;

    public int? CompletedRevision => Properties.TryGetProperty("completedRevision", out var revision) ? revision.GetInt32() : null;

    public string? Condition(string type) => Properties.TryGetProperty("conditions", out var conditions)
        ? conditions.EnumerateArray().Where(one => one.GetProperty("type").GetString() == type).Select(one => $"{one.GetProperty("status").GetString()} {one.GetProperty("reason").GetString()}").FirstOrDefault()
        : null;
}
