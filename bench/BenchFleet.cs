using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Bench;

/// <summary>A fleet made and used through the front door.</summary>
internal sealed class BenchFleet(Stack stack, string group)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    /// <summary>How often is asked whether something has ended. A hundred who ask every 50 ms cost more than what they wait for.</summary>
    public TimeSpan Poll { get; set; } = TimeSpan.FromMilliseconds(50);

    public string Path => $"{stack.GroupPath(group)}/providers/Microsoft.ContainerService/fleets/stores";

    public async Task CreateAsync()
    {
        await stack.PutGroupAsync(group);
        await FinishAsync(await stack.PutAsync(Path, $$"""{"location":"{{stack.Location}}"}"""));
    }

    /// <summary>Connects and joins them all, 32 at a time. The first hundred of them are the ones with the label <c>hundred</c>.</summary>
    public async Task<TimeSpan> JoinAsync(IReadOnlyList<JsonElement> clusters, bool isPull = false)
    {
        var begin = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(clusters.Select((cluster, at) => (cluster, at)), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (one, _) =>
        {
            var (name, id) = (Text(one.cluster, "name"), Cluster(Text(one.cluster, "name")));
            await FinishAsync(await stack.PutAsync(id, new JsonObject
            {
                ["location"] = stack.Location,
                ["properties"] = isPull
                    ? new JsonObject { ["access"] = "Pull" }
                    : new JsonObject { ["apiServer"] = Text(one.cluster, "url"), ["caCertificate"] = Text(one.cluster, "ca"), ["credentials"] = new JsonObject { ["token"] = Text(one.cluster, "token") } },
            }.ToJsonString()));
            // 20, 30 and 50 of the hundred, as KubeFleet's own test has them.
            var labels = one.at < 100 ? new JsonObject { ["hundred"] = "yes", ["ring"] = one.at < 20 ? "one" : one.at < 50 ? "two" : "three" } : new JsonObject();
            await FinishAsync(await stack.PutAsync($"{Path}/members/{name}", new JsonObject { ["properties"] = new JsonObject { ["clusterResourceId"] = id, ["labels"] = labels } }.ToJsonString()));
        });
        return Stopwatch.GetElapsedTime(begin);
    }

    /// <summary>Joins the first, and makes rows of all the others after it.</summary>
    /// <param name="door">The front door that this fleet is at.</param>
    /// <param name="clusters">As the simulators describe them.</param>
    /// <param name="areLooked">Workers look at them from time to time, as at any cluster.</param>
    /// <param name="isPull">Agents of their own reach out from them.</param>
    /// <param name="beforeOthers">What happens while only the first has joined.</param>
    public async Task LoadAsync(FrontDoorProcess door, IReadOnlyList<JsonElement> clusters, bool areLooked = true, bool isPull = false, Func<Task>? beforeOthers = null)
    {
        await JoinAsync([clusters[0]], isPull);
        using (var late = new CancellationTokenSource(Limit))
        {
            while (!await stack.ScalarAsync<bool>($"select exists (select from cluster_inventories where connectivity = '{(isPull ? "Connecting" : "Connected")}' and due_at is not null <> {isPull})"))
                await Task.Delay(50, late.Token);
        }

        if (beforeOthers is not null)
            await beforeOthers();
        var name = Text(clusters[0], "name");
        await FleetRows.CopyAsync(door, stack, Cluster(name), $"{Path}/members/{name}", clusters, areLooked && !isPull);
    }

    /// <summary>From sending the PUT until the run has ended with every member healthy.</summary>
    public async Task<TimeSpan> RollOutAsync(string name, string version, string policy, JsonObject strategy, string space = "shop")
    {
        var body = new JsonObject { ["properties"] = new JsonObject { ["manifests"] = Manifests(version, space), ["policy"] = JsonNode.Parse(policy), ["strategy"] = strategy.DeepClone() } }.ToJsonString();
        var begin = Stopwatch.GetTimestamp();
        await FinishAsync(await stack.PutAsync(Placement(name), body));
        await EndedAsync(name);
        return Stopwatch.GetElapsedTime(begin);
    }

    /// <summary>From sending the POST until every member that can be reached has said that it is available with the earlier revision.</summary>
    public async Task<TimeSpan> RollBackAsync(string name)
    {
        var begin = Stopwatch.GetTimestamp();
        await FinishAsync(await stack.SendAsync(HttpMethod.Post, $"{Placement(name)}/rollback", "{}"));
        return Stopwatch.GetElapsedTime(begin);
    }

    /// <summary>Of the last run: from its start until a member was seen to be healthy.</summary>
    public Task<double> MemberSecondsAsync(string name, double percentile) => stack.ScalarAsync<double>($"""
        select percentile_cont({percentile.ToString(System.Globalization.CultureInfo.InvariantCulture)}) within group (order by extract(epoch from m.ended_at - r.started_at))::float8 from rollout_members m join rollout_runs r on r.id = m.run_id
        where r.id = (select max(u.id) from rollout_runs u join placements p on p.id = u.placement_id where p.resource_key = '{Placement(name).ToLowerInvariant()}')
        """);

    /// <summary>Of the last run: from its start until so many members were seen to be healthy.</summary>
    public Task<double> SecondsUntilAsync(string name, int members) => stack.ScalarAsync<double>($"""
        select extract(epoch from m.ended_at - r.started_at)::float8 from rollout_members m join rollout_runs r on r.id = m.run_id
        where m.state = 2 and r.id = (select max(u.id) from rollout_runs u join placements p on p.id = u.placement_id where p.resource_key = '{Placement(name).ToLowerInvariant()}')
        order by m.ended_at offset {members - 1} limit 1
        """);

    public Task<double> PageMillisecondsAsync(string name, int times) => MillisecondsAsync($"{Placement(name)}/clusters", times, 0.99);

    /// <summary>How long a GET takes, one after another.</summary>
    public async Task<double> MillisecondsAsync(string path, int times, double percentile, string query = "")
    {
        var took = new List<double>(times);
        for (var turn = 0; turn < times; turn++)
        {
            var begin = Stopwatch.GetTimestamp();
            using var answer = await stack.Http.GetAsync(new Uri($"{Stack.Versioned(path)}{query}", UriKind.Relative));
            answer.EnsureSuccessStatusCode();
            await answer.Content.ReadAsByteArrayAsync();
            took.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }

        return took.Order().ElementAt((int)(times * percentile));
    }

    private async Task EndedAsync(string name)
    {
        using var late = new CancellationTokenSource(Limit);
        while (true)
        {
            var placement = await stack.Http.GetFromJsonAsync<JsonElement>(Stack.Versioned(Placement(name)), late.Token);
            var run = placement.GetProperty("properties").GetProperty("rollout");
            switch (run.GetProperty("state").GetString())
            {
                case "Succeeded":
                    return;
                case "Failed" or "Superseded" or "RolledBack":
                    throw new InvalidOperationException($"The run did not succeed: {run.GetRawText()}");
            }

            await Task.Delay(Poll, late.Token);
        }
    }

    private Task FinishAsync(HttpResponseMessage accepted) => stack.FinishAsync(accepted, Poll, Limit);

    public string Cluster(string name) => $"{stack.GroupPath(group)}/providers/Microsoft.Kubernetes/connectedClusters/{name}";

    public string Placement(string name) => $"{Path}/clusterResourcePlacements/{name}";

    /// <summary>Five objects: a namespace, and four in it.</summary>
    public static JsonArray Manifests(string version, string space)
    {
        JsonObject Of(string apiVersion, string kind, string name, JsonObject rest)
        {
            var thing = new JsonObject { ["apiVersion"] = apiVersion, ["kind"] = kind, ["metadata"] = kind == "Namespace" ? new JsonObject { ["name"] = name } : new JsonObject { ["name"] = name, ["namespace"] = space } };
            foreach (var (key, value) in rest)
                thing[key] = value?.DeepClone();
            return thing;
        }

        var labels = new JsonObject { ["app"] = "web" };
        return
        [
            Of("v1", "Namespace", space, []),
            Of("v1", "ConfigMap", "settings", new() { ["data"] = new JsonObject { ["version"] = version } }),
            Of("v1", "ResourceQuota", "quota", new() { ["spec"] = new JsonObject { ["hard"] = new JsonObject { ["pods"] = version == "1.0" ? "10" : "20" } } }),
            Of("v1", "Service", "web", new() { ["spec"] = new JsonObject { ["selector"] = labels.DeepClone(), ["ports"] = new JsonArray(new JsonObject { ["port"] = 80, ["targetPort"] = version == "1.0" ? 8080 : 8081 }) } }),
            Of("apps/v1", "Deployment", "web", new()
            {
                ["spec"] = new JsonObject
                {
                    ["replicas"] = 1, ["selector"] = new JsonObject { ["matchLabels"] = labels.DeepClone() },
                    ["template"] = new JsonObject
                    {
                        ["metadata"] = new JsonObject { ["labels"] = labels.DeepClone() },
                        ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "web", ["image"] = $"registry.example/web:{version}" }) },
                    },
                },
            }),
        ];
    }

    private static string Text(JsonElement cluster, string name) => cluster.GetProperty(name).GetString()!;
}
