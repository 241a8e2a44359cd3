using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>What tests about update runs do at a site.</summary>
internal static class UpdateSite
{
    public static string Run(this FleetSite site, string name) => $"{site.Fleet}/updateRuns/{name}";

    public static string Strategy(this FleetSite site, string name) => $"{site.Fleet}/updateStrategies/{name}";

    public static JsonObject Strategy(params JsonObject[] stages) => new() { ["properties"] = new JsonObject { ["strategy"] = new JsonObject { ["stages"] = new JsonArray([.. stages]) } } };

    public static async Task StrategyAsync(this FleetSite site, string name, params JsonObject[] stages) => Assert.InRange((await site.Arm.PutAsync(site.Strategy(name), Strategy(stages))).Status, 200, 201);

    public static async Task RunAsync(this FleetSite site, string name, JsonObject properties) => await site.DoneAsync((await site.Arm.PutAsync(site.Run(name), new JsonObject { ["properties"] = properties })).Is(201));

    public static async Task ActAsync(this FleetSite site, string run, string action, JsonObject? body = null)
    {
        var accepted = (await site.Arm.PostAsync($"{site.Run(run)}/{action}", body)).Is(202);
        await site.DoneAsync(accepted);
        Assert.Equal(run, (await site.Arm.SendRawAsync(HttpMethod.Get, accepted.Header("Location")!)).Is(200).Json.GetProperty("name").GetString());
    }

    public static Task<RunSeen> SeenAsync(this FleetSite site, string run, Func<RunSeen, bool> condition, string description) =>
        Eventually.Async(async () => new RunSeen((await site.Arm.GetAsync(site.Run(run))).Is(200).Json.GetProperty("properties")), condition, description);

    public static async Task<IReadOnlyList<JsonElement>> GatesAsync(this FleetSite site, string query) => [.. (await site.Arm.GetAsync($"{site.Fleet}/gates{query}")).Is(200).Json.GetProperty("value").EnumerateArray()];

    public static IReadOnlyList<JsonObject> Nodes(this FleetSite site, string cluster) => [.. site.Clusters.Find(cluster)!.Api.Store.List("nodes").Select(node => node.Read())];
}

/// <summary>The properties of an update run.</summary>
internal sealed record RunSeen(JsonElement Properties)
{
    public string? State => Status.GetProperty("status").GetProperty("state").GetString();

    public IReadOnlyList<string?> Stages => [.. StageList.Select(stage => stage.GetProperty("name").GetString())];

    public IReadOnlyList<JsonElement> Members => [.. StageList.SelectMany(Of)];

    public IReadOnlyList<string?> Images => [.. Status.GetProperty("nodeImageSelection").GetProperty("selectedNodeImageVersions").EnumerateArray().Select(image => image.GetProperty("version").GetString())];

    /// <summary>A line for each stage: its state, its name, and its members with theirs.</summary>
    public IReadOnlyList<string> Tree =>
        [.. StageList.Select(stage => $"{StateOf(stage)} {stage.GetProperty("name").GetString()}: {string.Join(", ", Of(stage).Select(member => $"{member.GetProperty("name").GetString()} {StateOf(member)}").Order(StringComparer.Ordinal))}")];

    public DateTimeOffset Time(string stage, string which) => Stage(stage).GetProperty("status").GetProperty(which).GetDateTimeOffset();

    public string? Wait(string stage) => StateOf(Stage(stage).GetProperty("afterStageWaitStatus"));

    private JsonElement Status => Properties.GetProperty("status");

    private IEnumerable<JsonElement> StageList => Status.GetProperty("stages").EnumerateArray();

    private JsonElement Stage(string name) => StageList.Single(stage => stage.GetProperty("name").GetString() == name);

    private static IEnumerable<JsonElement> Of(JsonElement stage) => stage.GetProperty("groups").EnumerateArray().SelectMany(group => group.GetProperty("members").EnumerateArray());

    private static string? StateOf(JsonElement thing) => thing.GetProperty("status").GetProperty("state").GetString();
}
