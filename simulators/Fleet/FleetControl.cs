using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Fleet;

/// <summary>The test's hand in the fleet: look at what happened, break things, turn the clock.</summary>
internal sealed class FleetControl(ClusterFleet fleet)
{
    public async Task HandleAsync(HttpContext http)
    {
        var cancel = http.RequestAborted;
        var path = (http.Request.Path.Value ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (http.Request.Method == "GET" && path is ["clusters", var name, "kubeconfig"] && fleet.Ready.Clusters.FirstOrDefault(cluster => cluster.Name == name) is { } cluster)
        {
            http.Response.ContentType = "application/yaml";
            await http.Response.WriteAsync(cluster.Kubeconfig(http.Request.Query["reader"] == "true"), cancel);
            return;
        }

        var (status, body) = await AnswerAsync(http.Request, path, cancel);
        await Json.WriteAsync(http.Response, status, body, cancel);
    }

    private async Task<(int Status, JsonNode Body)> AnswerAsync(HttpRequest request, string[] path, CancellationToken cancel)
    {
        try
        {
            return (request.Method, path) switch
            {
                ("GET", []) => (200, JsonSerializer.SerializeToNode(fleet.Ready, Json.Compact)!),
                ("GET", ["clusters"]) => (200, new JsonArray([.. fleet.Clusters.Select(Show)])),
                ("GET", ["clusters", var name]) => fleet.Find(name) is { } cluster ? (200, ShowWrites(cluster)) : NotFound(),
                ("GET", ["journal"]) => (200, ReadJournal(request.Query)),
                ("DELETE", ["journal"]) => Cleared(),
                ("GET", ["faults"]) => (200, new JsonArray([.. fleet.Faults.All.Select(Show)])),
                ("POST", ["faults"]) => (201, Show(fleet.Faults.Add((await BodyAsync(request, cancel)).Deserialize<ClusterFault>(Json.Compact) ?? throw new JsonException("No fault.")))),
                ("DELETE", ["faults"]) => (200, new JsonObject { ["removed"] = fleet.Faults.Remove(null) }),
                ("DELETE", ["faults", var id]) => (200, new JsonObject { ["removed"] = fleet.Faults.Remove(id) }),
                ("GET", ["settings"]) => (200, new JsonObject { ["clock"] = fleet.Clock.Factor }),
                ("PATCH", ["settings"]) => (200, ChangeSettings(await BodyAsync(request, cancel))),
                _ => NotFound(),
            };
        }
        catch (Exception error) when (error is JsonException or ArgumentException or FormatException or InvalidOperationException)
        {
            return (400, new JsonObject { ["error"] = error.Message });
        }
    }

    private static (int Status, JsonNode Body) NotFound() => (404, new JsonObject { ["error"] = "There is nothing here." });

    private static async Task<JsonObject> BodyAsync(HttpRequest request, CancellationToken cancel) =>
        await Json.ReadObjectAsync(request, cancel) ?? throw new JsonException("A JSON object is expected.");

    private JsonArray ReadJournal(IQueryCollection query)
    {
        long since = long.TryParse(query["since"].ToString(), out var number) ? number : 0;
        var (path, cluster) = (query["path"].ToString(), query["cluster"].ToString());
        var entries = fleet.Journal.Read(since, null, path.Length == 0 ? null : path).Where(entry => cluster.Length == 0 || entry.Source == cluster);
        return (JsonArray)JsonSerializer.SerializeToNode(entries, Json.Compact)!;
    }

    private (int Status, JsonNode Body) Cleared()
    {
        fleet.Journal.Clear();
        foreach (var cluster in fleet.Clusters) cluster.Tally.Clear();
        return (200, new JsonObject { ["cleared"] = true });
    }

    private JsonObject ChangeSettings(JsonObject body)
    {
        if (body["clock"] is JsonValue clock) fleet.Clock.Factor = clock.GetValue<double>();
        return new JsonObject { ["clock"] = fleet.Clock.Factor };
    }

    private static JsonNode Show(SimulatedCluster cluster)
    {
        var seat = cluster.Seat;
        return new JsonObject
        {
            ["name"] = seat.Name, ["address"] = seat.Address.ToString(), ["region"] = seat.Region, ["labels"] = JsonSerializer.SerializeToNode(seat.Labels, Json.Compact),
            ["kubernetesVersion"] = seat.KubernetesVersion, ["nodeImage"] = seat.NodeImage, ["installed"] = cluster.IsInstalled,
            ["faults"] = Json.Array(cluster.Faults.Select(fault => fault.Id)), ["reads"] = cluster.Tally.Reads, ["writes"] = cluster.Tally.Writes.Values.Sum(count => count.Calls),
        };
    }

    private static JsonNode ShowWrites(SimulatedCluster cluster)
    {
        var shown = Show(cluster);
        shown["writes"] = JsonSerializer.SerializeToNode(cluster.Tally.Writes, Json.Compact);
        return shown;
    }

    private static JsonNode Show(ActiveClusterFault fault)
    {
        var shown = (JsonObject)JsonSerializer.SerializeToNode(fault.Fault, Json.Compact)!;
        (shown["id"], shown["remaining"], shown["struck"]) = (fault.Id, fault.Remaining, fault.Strikes);
        shown["clusters"] = Json.Array(fault.Struck.Select(cluster => cluster.Seat.Name));
        return shown;
    }
}
