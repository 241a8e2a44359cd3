using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>`fleet join`: connects many clusters and makes them members, many at a time. Some of them may be reached by agents of their own; those find what they need in the agents' file.</summary>
internal static class FleetCommands
{
    public const string Fleet = "Microsoft.ContainerService/fleets";

    private const int AtOnce = 16;

    public static Command Create()
    {
        var name = new Argument<string>("fleet") { Description = "Fleet name or resource id; it is created when it is not there." };
        var group = ResourceCommands.GroupOption();
        var file = new Option<string>("--clusters") { Description = "JSON file: {\"clusters\":[{\"name\",\"url\",\"ca\",\"token\",\"region\",\"labels\":{…}}]}; region is the location, by default that of --location.", Required = true };
        var pull = new Option<string?>("--pull") { Description = "How many of the clusters have an agent that calls the control plane (access Pull), such as 50% or 20, evenly spread over the file." };
        var agents = new Option<string?>("--agents-file") { Description = "Where to write what those agents take (ControlPlane.Agent --members FILE). It has their tokens and is yours alone." };
        var fleets = new Command("fleet", "Fleets of clusters.")
        {
            Session.Run(new Command("join", "Connect clusters and make them members of a fleet.") { name, group, file, pull, agents }, async (client, parsed, cancel) =>
            {
                var clusters = Read(parsed.GetValue(file)!);
                var pulled = Pulled(parsed.GetValue(pull), clusters.Count);
                if (parsed.GetValue(pull) is null != parsed.GetValue(agents) is null)
                    throw new UsageException("--pull and --agents-file go together: agents of Pull clusters need their tokens");
                var fleet = PlacementCommands.IdOf(client, parsed.GetValue(name)!, parsed.GetValue(group), Fleet);
                await PutAsync(client, fleet, new() { ["location"] = client.Connection.Location }, cancel);
                var (joined, members) = (0, new ConcurrentDictionary<int, JsonObject>());
                await Parallel.ForEachAsync(Enumerable.Range(0, clusters.Count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel }, async (at, token) =>
                {
                    var cluster = await JoinAsync(client, fleet, clusters[at], IsPulled(at, pulled, clusters.Count), token);
                    if (IsPulled(at, pulled, clusters.Count))
                        members[at] = await OnboardAsync(client, cluster, clusters[at], token);
                    var count = Interlocked.Increment(ref joined);
                    if (count % 50 == 0 || count == clusters.Count)
                        Report.Line($"  {count} of {clusters.Count} clusters joined");
                });
                if (parsed.GetValue(agents) is { } path)
                    await WriteAsync(Path.GetFullPath(path), client.Connection, [.. members.OrderBy(one => one.Key).Select(one => one.Value)], cancel);
                Console.WriteLine($"{fleet.Split('/')[^1]}: {joined} clusters joined{(members.IsEmpty ? "" : $", {members.Count} of them by agents: {parsed.GetValue(agents)}")}");
                return ExitCode.Ok;
            }),
        };
        foreach (var command in InsightCommands.All())
            fleets.Add(command);
        return fleets;
    }

    /// <summary>A number of clusters, or a share of them.</summary>
    private static int Pulled(string? given, int clusters)
    {
        if (given is null)
            return 0;
        var isShare = given.EndsWith('%');
        return int.TryParse(isShare ? given[..^1] : given, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= (isShare ? 100 : clusters)
            ? isShare ? (int)Math.Round(clusters * number / 100.0, MidpointRounding.AwayFromZero) : number
            : throw new UsageException($"--pull is a share such as 50% or a number of at most {clusters} clusters, not '{given}'");
    }

    /// <summary>The same ones each time, evenly spread.</summary>
    private static bool IsPulled(long at, long pulled, long clusters) => (at + 1) * pulled / clusters > at * pulled / clusters;

    private static async Task<string> JoinAsync(Client client, string fleet, JsonObject cluster, bool isPulled, CancellationToken cancel)
    {
        var name = cluster.Text("name")!;
        var id = $"{fleet[..fleet.IndexOf("/providers/", StringComparison.OrdinalIgnoreCase)]}/providers/Microsoft.Kubernetes/connectedClusters/{Uri.EscapeDataString(name)}";
        await PutAsync(client, id, new()
        {
            ["location"] = cluster.Text("region") ?? client.Connection.Location,
            ["properties"] = isPulled
                ? new JsonObject { ["access"] = "Pull" }
                : new JsonObject { ["apiServer"] = cluster.Text("url"), ["caCertificate"] = cluster.Text("ca"), ["credentials"] = new JsonObject { ["token"] = cluster.Text("token") } },
        }, cancel);
        await PutAsync(client, $"{fleet}/members/{Uri.EscapeDataString(name)}", new()
        {
            ["properties"] = new JsonObject { ["clusterResourceId"] = id, ["labels"] = cluster["labels"]?.DeepClone() ?? new JsonObject() },
        }, cancel);
        return id;
    }

    /// <summary>What the agent of a cluster takes: a token to register with, and how it reaches the cluster from inside.</summary>
    private static async Task<JsonObject> OnboardAsync(Client client, string id, JsonObject cluster, CancellationToken cancel)
    {
        var issued = await client.SendAsync(HttpMethod.Post, ResourceAddress.Versioned($"{id}/issueOnboardingToken"), body: null, cancel);
        return new()
        {
            ["name"] = cluster.Text("name"), ["server"] = cluster.Text("url"), ["token"] = cluster.Text("token"), ["ca"] = cluster.Text("ca"), ["onboardingToken"] = issued.Body.Text("token"),
        };
    }

    /// <summary>Whole or not at all, and readable by its owner alone from its first byte on.</summary>
    private static async Task WriteAsync(string path, Connection connection, JsonArray members, CancellationToken cancel)
    {
        var content = new JsonObject
        {
            ["endpoint"] = connection.Endpoint.AbsoluteUri.TrimEnd('/'), ["endpointCa"] = connection.CaFile is { } ca ? await File.ReadAllTextAsync(ca, cancel) : null, ["stateDirectory"] = path + ".state", ["members"] = members,
        };
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using (var file = new FileStream(draft, options))
            await JsonSerializer.SerializeAsync(file, content, cancellationToken: cancel);
        File.Move(draft, path, overwrite: true);
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
