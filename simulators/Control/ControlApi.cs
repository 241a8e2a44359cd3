using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.BareMetal.Redfish;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Control;

/// <summary>The test's hand in the simulated world: look at what happened, break things, turn the clock.</summary>
internal sealed class ControlApi(IReadOnlyList<Machine> machines, World world, FaultRules faults, JsonObject ready)
{
    public async Task HandleAsync(HttpContext http)
    {
        var cancel = http.RequestAborted;
        var segments = (http.Request.Path.Value ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        var answer = await AnswerAsync(http.Request, segments, cancel);
        await Json.WriteAsync(http.Response, answer.Status, answer.Body, cancel);
    }

    private async Task<(int Status, JsonNode Body)> AnswerAsync(HttpRequest request, string[] path, CancellationToken cancel)
    {
        try
        {
            return (request.Method, path) switch
            {
                ("GET", []) => (200, ready.DeepClone()),
                ("GET", ["journal"]) => (200, ReadJournal(request.Query)),
                ("DELETE", ["journal"]) => Cleared(),
                ("GET", ["effects"]) => (200, Effects()),
                ("GET", ["machines"]) => (200, new JsonArray([.. machines.Select(machine => (JsonNode)MachineView.Show(machine))])),
                ("GET", ["machines", var slot]) => Find(slot) is { } machine ? (200, MachineView.Show(machine)) : NotFound(),
                ("PATCH", ["machines", var slot]) => Find(slot) is { } machine ? (200, MachineView.Change(machine, await BodyAsync(request, cancel))) : NotFound(),
                ("GET", ["faults"]) => (200, new JsonArray([.. faults.All.Select(Show)])),
                ("POST", ["faults"]) => (201, Show(faults.Add((await BodyAsync(request, cancel)).Deserialize<FaultRule>(Json.Compact) ?? throw new JsonException("No rule.")))),
                ("DELETE", ["faults"]) => (200, new JsonObject { ["removed"] = faults.Remove(null) }),
                ("DELETE", ["faults", var id]) => (200, new JsonObject { ["removed"] = faults.Remove(id) }),
                ("GET", ["settings"]) => (200, Settings()),
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

    private Machine? Find(string slot) => int.TryParse(slot, out var number) && number >= 1 && number <= machines.Count ? machines[number - 1] : null;

    private JsonArray ReadJournal(IQueryCollection query)
    {
        long since = long.TryParse(query["since"].ToString(), out var number) ? number : 0;
        int? machine = int.TryParse(query["machine"].ToString(), out var slot) ? slot : null;
        var path = query["path"].ToString();
        return (JsonArray)JsonSerializer.SerializeToNode(world.Journal.Read(since, machine, path.Length == 0 ? null : path), Json.Compact)!;
    }

    private (int Status, JsonNode Body) Cleared()
    {
        world.Journal.Clear();
        return (200, new JsonObject { ["cleared"] = true });
    }

    private JsonObject Effects() => new()
    {
        ["byKey"] = JsonSerializer.SerializeToNode(world.Journal.EffectsByKey(), Json.Compact),
        ["machines"] = new JsonArray([.. machines.Select(machine => (JsonNode)MachineView.Counters(machine))]),
    };

    private JsonObject Settings() => new() { ["clock"] = world.Clock.Factor, ["pxeServer"] = world.PxeServer?.ToString() };

    private JsonObject ChangeSettings(JsonObject body)
    {
        if (body["clock"] is JsonValue clock) world.Clock.Factor = clock.GetValue<double>();
        if (body.ContainsKey("pxeServer"))
            world.PxeServer = body.Text("pxeServer") is { Length: > 0 } server ? new Uri(server.TrimEnd('/') + "/", UriKind.Absolute) : null;
        if (body.Text("trustCa") is { } pem) world.Network.Trust(pem);
        return Settings();
    }

    private static JsonNode Show(ActiveFault fault)
    {
        var shown = (JsonObject)JsonSerializer.SerializeToNode(fault.Rule, Json.Compact)!;
        (shown["id"], shown["remaining"], shown["struck"]) = (fault.Id, fault.Remaining, fault.Struck);
        return shown;
    }
}
