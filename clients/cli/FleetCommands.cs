using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>`fleet join`: connects many clusters and makes them members, many at a time.</summary>
internal static class FleetCommands
{
    public const string Fleet = "Microsoft.ContainerService/fleets";

    private const int AtOnce = 16;

    public static Command Create()
    {
        var name = new Argument<string>("fleet") { Description = "Fleet name or resource id; it is created when it is not there." };
        var group = ResourceCommands.GroupOption();
        var file = new Option<string>("--clusters") { Description = "JSON file: {\"clusters\":[{\"name\",\"url\",\"ca\",\"token\",\"labels\":{…}}]}.", Required = true };
        var fleets = new Command("fleet", "Fleets of clusters.")
        {
            Session.Run(new Command("join", "Connect clusters and make them members of a fleet.") { name, group, file }, async (client, parsed, cancel) =>
            {
                var clusters = Read(parsed.GetValue(file)!);
                var fleet = PlacementCommands.IdOf(client, parsed.GetValue(name)!, parsed.GetValue(group), Fleet);
                await PutAsync(client, fleet, new() { ["location"] = client.Connection.Location }, cancel);
                var joined = 0;
                await Parallel.ForEachAsync(clusters, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel }, async (cluster, token) =>
                {
                    await JoinAsync(client, fleet, cluster, token);
                    var count = Interlocked.Increment(ref joined);
                    if (count % 50 == 0 || count == clusters.Count)
                        Report.Line($"  {count} of {clusters.Count} clusters joined");
                });
                Console.WriteLine($"{fleet.Split('/')[^1]}: {joined} clusters joined");
                return ExitCode.Ok;
            }),
        };
        foreach (var command in InsightCommands.All())
            fleets.Add(command);
        return fleets;
    }

    private static async Task JoinAsync(Client client, string fleet, JsonObject cluster, CancellationToken cancel)
    {
        var name = cluster.Text("name")!;
        var id = $"{fleet[..fleet.IndexOf("/providers/", StringComparison.OrdinalIgnoreCase)]}/providers/Microsoft.Kubernetes/connectedClusters/{Uri.EscapeDataString(name)}";
        await PutAsync(client, id, new()
        {
            ["location"] = client.Connection.Location,
            ["properties"] = new JsonObject { ["apiServer"] = cluster.Text("url"), ["caCertificate"] = cluster.Text("ca"), ["credentials"] = new JsonObject { ["token"] = cluster.Text("token") } },
        }, cancel);
        await PutAsync(client, $"{fleet}/members/{Uri.EscapeDataString(name)}", new()
        {
            ["properties"] = new JsonObject { ["clusterResourceId"] = id, ["labels"] = cluster["labels"]?.DeepClone() ?? new JsonObject() },
        }, cancel);
    }

    /// <summary>PUTs and waits; what went wrong is thrown.</summary>
    private static async Task PutAsync(Client client, string id, JsonObject body, CancellationToken cancel)
    {
        var accepted = await client.SendAsync(HttpMethod.Put, ResourceAddress.Versioned(id), body, cancel);
        JsonObject status = [];
        await foreach (var next in client.FollowAsync(accepted, cancel))
            status = next;
        if (ArmError.From(status["error"]) is { } error)
            throw new UsageException($"{id.Split('/')[^1]}: {error.Code}: {error.Message}");
    }

    private static List<JsonObject> Read(string path)
    {
        try
        {
            var clusters = JsonNode.Parse(File.ReadAllText(path)).Items("clusters").ToList();
            if (clusters.Count == 0)
                throw new UsageException($"{path} has no clusters");
            return clusters.Find(cluster => cluster.Text("name") is null || cluster.Text("url") is null || cluster.Text("token") is null) is { } wrong
                ? throw new UsageException($"{path}: a cluster needs name, url and token: {string.Join(", ", wrong.Select(member => member.Key))}")
                : clusters;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new UsageException($"cannot read {path}: {failure.Message}");
        }
    }
}
