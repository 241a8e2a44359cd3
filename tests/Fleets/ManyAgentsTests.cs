using System.Runtime.Versioning;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Agent;
using ControlPlane.Contracts.Arm;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Architecture;
using ControlPlane.Tests.Cli;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>The agents of many clusters in one process, as a simulated fleet has them.</summary>
[Collection(FleetSuite.Name)]
[UnsupportedOSPlatform("windows")]
public sealed class ManyAgentsTests(ControlPlaneFixture plane)
{
    private const string Web = "/apis/apps/v1/namespaces/shop/deployments/web";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Half_of_a_fleet_joins_with_agents_which_run_in_one_process_and_survive_it()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 12 }, joined: 0);
        using var place = new TemporaryDirectory();
        var (clusters, agents) = (Path.Combine(place.Path, "fleet.json"), Path.Combine(place.Path, "agents.json"));
        await File.WriteAllTextAsync(clusters, JsonSerializer.Serialize(site.Clusters.Ready, Json.Options), Cancel);
        var joined = await JoinAsync(plane.Endpoint, site.Group, clusters, "--pull", "50%", "--agents-file", agents);
        Assert.True(joined.ExitCode == 0, joined.Errors);
        Assert.Equal($"stores: 12 clusters joined, 6 of them by agents: {agents}", joined.Output.Trim());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(agents));

        await using (var process = Start(agents))
        {
            await site.PlaceAsync("shop", FleetSite.Shop());
            await site.StatusAsync("shop", seen => seen is { CompletedRevision: 1, RunState: "Succeeded" } && seen.Summary("available") == 12, "all have it", TimeSpan.FromSeconds(60));
            await process.KillAsync();
        }

        // What is wanted meanwhile is done by the next process, with the identities of the one before: the tokens are used up.
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"));
        await using var again = Start(agents);
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 2 && seen.Summary("available") == 12, "all have the next one", TimeSpan.FromSeconds(60));
        Assert.All(site.Clusters.Ready.Clusters, cluster => Assert.Contains("web:2.0", site.Find(cluster.Name, Web)!.ToJsonString(), StringComparison.Ordinal));
        await again.StopAsync();
        using var file = JsonDocument.Parse(await File.ReadAllTextAsync(agents, Cancel));
        Assert.All(file.RootElement.GetProperty("members").EnumerateArray(), member => Assert.DoesNotContain(member.GetProperty("onboardingToken").GetString()!, again.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_front_door_is_killed_while_agents_work_and_wait_and_all_of_them_come_back_to_it()
    {
        await using var stack = await ProcessStack.StartAsync(Composition.InMemory, workers: 0);
        await using var fleet = await ClusterFleet.StartAsync(new() { Clusters = 8 });
        using var place = new TemporaryDirectory();
        var (clusters, agents, group) = (Path.Combine(place.Path, "fleet.json"), Path.Combine(place.Path, "agents.json"), $"{ArmHttp.SubscriptionPath}/resourceGroups/many");
        await File.WriteAllTextAsync(clusters, JsonSerializer.Serialize(fleet.Ready, Json.Options), Cancel);
        (await stack.Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        Assert.Equal(0, (await JoinAsync(stack.Endpoint, group, clusters, "--pull", "100%", "--agents-file", agents)).ExitCode);
        await using var process = Start(agents);
        var shop = $"{group}/providers/Microsoft.ContainerService/fleets/stores/clusterResourcePlacements/shop";
        Task PlaceAsync(string image) => stack.Arm.PutAsync(shop, new JsonObject { ["properties"] = new JsonObject { ["manifests"] = FleetSite.Shop(image: image), ["strategy"] = new JsonObject { ["maxConcurrency"] = "100%" } } });
        Task<PlacementSeen> AvailableAsync(int revision) => Eventually.Async(async () => new PlacementSeen((await stack.Arm.GetAsync(shop)).Is(200).Json.GetProperty("properties")),
            seen => seen.CompletedRevision == revision && seen.Summary("available") == 8, $"revision {revision} is everywhere", TimeSpan.FromSeconds(90));
        await PlaceAsync("registry.example/web:1.0");
        await AvailableAsync(1);

        // Killed when half of the agents have done what is wanted, and the others are at it.
        var fault = fleet.Faults.Add(new() { Action = ClusterFaultAction.Status, Status = 503, Method = "PATCH", Path = "*/deployments/*", Fraction = 0.5 });
        await PlaceAsync("registry.example/web:2.0");
        await Eventually.Async(() => fault.Strikes > 3 && fleet.Clusters.Count(HasTwo) == 4, "half of it is done");
        await stack.FrontDoor.KillAsync();
        fleet.Faults.Remove(fault.Id);
        await Eventually.Async(() => fleet.Clusters.All(HasTwo), "agents go on without it", TimeSpan.FromSeconds(60));
        await stack.StartFrontDoorAsync();
        await AvailableAsync(2);
        await PlaceAsync("registry.example/web:3.0");
        await AvailableAsync(3);
        Assert.True(process.IsRunning, process.Output);
    }

    [Theory]
    [InlineData("--pull is a share such as 50% or a number of at most 1 clusters, not '2'", "--pull", "2", "--agents-file", "agents.json")]
    [InlineData("--pull is a share", "--pull", "101%", "--agents-file", "agents.json")]
    [InlineData("--pull and --agents-file go together", "--pull", "1")]
    [InlineData("--pull and --agents-file go together", "--agents-file", "agents.json")]
    public async Task What_cannot_be_meant_is_said_and_nothing_is_sent(string message, params string[] given)
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        using var place = new TemporaryDirectory();
        var clusters = Path.Combine(place.Path, "fleet.json");
        await File.WriteAllTextAsync(clusters, """{"clusters":[{"name":"one","url":"https://127.0.0.1:1","token":"secret"}]}""", Cancel);
        var run = await Cpctl.RunAsync(arm, "", Cancel, ["fleet", "join", "stores", "-g", "demo", "--clusters", clusters, .. given]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Errors, StringComparison.Ordinal);
        Assert.Empty(arm.Requests);
    }

    [Theory]
    [InlineData("""{"endpoint":"http://127.0.0.1:1","stateDirectory":"/tmp","members":[]}""", "endpoint must be an https address")]
    [InlineData("""{"endpoint":"https://127.0.0.1:1","stateDirectory":"/tmp","members":[{"name":"../a","server":"https://a","token":"t"}]}""", "'../a' is no name of a member")]
    [InlineData("""{"endpoint":"https://127.0.0.1:1","stateDirectory":"/tmp","members":[{"name":"a","server":"https://a","token":"t"},{"name":"a","server":"https://b","token":"t"}]}""", "'a' is no name of a member")]
    [InlineData("""{"endpoint":"https://127.0.0.1:1","stateDirectory":"/tmp"}""", "is no file of members")]
    public async Task A_file_of_members_that_is_wrong_is_refused_with_the_reason(string text, string reason)
    {
        using var place = new TemporaryDirectory();
        var path = Path.Combine(place.Path, "agents.json");
        await File.WriteAllTextAsync(path, text, Cancel);
        Assert.Contains(reason, Assert.Throws<InvalidOperationException>(() => MembersFile.Read(path)).Message, StringComparison.Ordinal);
    }

    /// <summary>Those who were sent away together come back at times of their own, none before it was asked to and none later than half a minute after.</summary>
    [Fact]
    public void Pauses_are_spread()
    {
        var pauses = new Pauses(new Random(7));
        foreach (var attempt in Enumerable.Range(0, 12))
        {
            var most = Math.Min(30, 0.5 * (1 << Math.Min(attempt, 6)));
            var free = Enumerable.Range(0, 400).Select(_ => pauses.After(asked: null, attempt).TotalSeconds).ToList();
            Assert.All(free, pause => Assert.InRange(pause, most / 4, most));
            Assert.All(Enumerable.Range(0, 4), part => Assert.InRange(free.Count(pause => (pause - (most / 4)) / (most * 3 / 16) is var at && at >= part && at < part + 1), 50, 150));
            Assert.All(Enumerable.Range(0, 400).Select(_ => pauses.After(TimeSpan.FromSeconds(3), attempt).TotalSeconds), pause => Assert.InRange(pause, 3, 36));
        }
    }

    private static bool HasTwo(SimulatedCluster cluster) => cluster.Api.Store.Get("deployments.apps", "shop", "web")?.ToJsonString().Contains("web:2.0", StringComparison.Ordinal) is true;

    private static ServerProcess Start(string members) =>
        ServerProcess.Start("agents", "dotnet", [Path.Combine(Product.Root, "artifacts", "bin", "Agent", new DirectoryInfo(AppContext.BaseDirectory).Name, "ControlPlane.Agent.dll"), "--members", members], [new("Logging__LogLevel__Default", "Debug")]);

    private static async Task<(int ExitCode, string Output, string Errors)> JoinAsync(Uri endpoint, string group, string clusters, params string[] more)
    {
        var ca = clusters + ".ca";
        await File.WriteAllTextAsync(ca, ControlPlaneFixture.CaPem, Cancel);
        return await Cpctl.RunAsync(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["CONTROLPLANE_ENDPOINT"] = endpoint.AbsoluteUri, ["CONTROLPLANE_CA_FILE"] = ca, ["CONTROLPLANE_TENANT_ID"] = ControlPlaneFixture.Tenant, ["CONTROLPLANE_CLIENT_ID"] = ControlPlaneFixture.ClientId,
            ["CONTROLPLANE_CLIENT_SECRET"] = ControlPlaneFixture.ClientSecret, ["CONTROLPLANE_SUBSCRIPTION_ID"] = ControlPlaneFixture.Subscription,
        }, "", Cancel, ["fleet", "join", "stores", "-g", group.Split('/')[^1], "--clusters", clusters, .. more]);
    }

    /// <summary>Gone with all that is in it.</summary>
    private sealed class TemporaryDirectory : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("agents-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
