using System.Globalization;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Engine;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>
/// Revisions roll out while workers are killed and paused and a tenth of the clusters misbehaves: no member ever goes back to an older revision, runs hold after exactly as many members as
/// they should, and everything ends. <c>CHAOS_CLUSTERS</c> changes the size, <c>CHAOS_SEED</c> repeats a run.
/// </summary>
[Collection(EngineAlone.Name)]
public sealed class FleetChaosTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    [Fact]
    public async Task Whatever_happens_to_workers_and_clusters_a_rollout_keeps_its_limits_and_ends()
    {
        var (seed, size) = (Setting("CHAOS_SEED", Environment.TickCount), Setting("CHAOS_CLUSTERS", 40));
        output.WriteLine($"CHAOS_SEED={seed} CHAOS_CLUSTERS={size}");
        await using var stack = await ProcessStack.StartAsync(Composition.RabbitMq, workers: 2, settings: [("Operations:Lease", Lease.ToString()), ("Fleets:Lease", Lease.ToString())]);
        await using var clusters = await ClusterFleet.StartAsync(new() { Clusters = size, Seed = seed });
        var fleet = await JoinAsync(stack, clusters);
        await WatchForStepsBackAsync(stack.Database);
        var given = clusters.Clusters.ToDictionary(cluster => cluster.Seat.Name, Listen, StringComparer.Ordinal);

        var monkey = new ChaosMonkey(stack, seed, Lease, line => output.WriteLine(line));
        using var enough = new CancellationTokenSource();
        var harm = monkey.RunAsync(enough.Token);
        // A tenth of them is slow, and now and then answers 503, resets the connection, or does nothing at all for a while.
        clusters.Faults.Add(new() { Action = ClusterFaultAction.Slow, DelayMilliseconds = 200, Fraction = 0.1 });
        clusters.Faults.Add(new() { Action = ClusterFaultAction.Status, Status = 503, Fraction = 0.1, Probability = 0.3 });
        clusters.Faults.Add(new() { Action = ClusterFaultAction.ResetConnection, Fraction = 0.1, Probability = 0.2 });

        var hold = size / 3;
        for (var revision = 1; revision <= 3; revision++)
        {
            await PutAsync(stack, fleet, $"{revision}.0", hold);
            for (var held = 1; held <= 2; held++)
            {
                var seen = await StatusAsync(stack, fleet, one => one.RunState == "HealthyHold" && one.Run("healthy") >= held * hold || one.RunState == "Succeeded", $"revision {revision} holds after {held * hold}");
                if (seen.RunState == "Succeeded")
                    break;
                Assert.Equal((held * hold, 0), (seen.Run("healthy"), seen.Run("updating")));
                await ActAsync(stack, fleet, "resume");
            }

            await StatusAsync(stack, fleet, one => one.RunState == "Succeeded", $"revision {revision} has ended");
        }

        await enough.CancelAsync();
        await harm;
        clusters.Faults.Remove(null);
        await StatusAsync(stack, fleet, one => one.Summary("available") == size, "every member is available in the end");
        Assert.All(clusters.Clusters, cluster => Assert.Contains("registry.example/web:3.0", cluster.Api.Store.Get("deployments.apps", "shop", "web")!.ToJsonString(), StringComparison.Ordinal));
        // By its own word no cluster had an older revision after a newer one: no worker that was late has written after another.
        foreach (var (cluster, versions) in given.Select(one => (one.Key, Versions(one.Value))))
        {
            Assert.True(versions.SequenceEqual(versions.Order(StringComparer.Ordinal)), $"{cluster} had {string.Join(", ", versions)}.");
            Assert.Equal("3.0", versions[^1]);
        }

        Assert.Null(await stack.Database.ScalarAsync("select what from steps_back limit 1"));
        output.WriteLine($"{monkey.Kills} kills, {monkey.Pauses} pauses, {monkey.Outages} outages of RabbitMQ, seed {seed}");
    }

    private static async Task<string> JoinAsync(ProcessStack stack, ClusterFleet clusters)
    {
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/chaos";
        var fleet = $"{group}/providers/Microsoft.ContainerService/fleets/stores";
        (await stack.Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        await stack.Arm.FinishAsync(await stack.Arm.PutAsync(fleet, new JsonObject { ["location"] = "westeurope" }));
        await Parallel.ForEachAsync(clusters.Ready.Clusters, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (cluster, _) =>
        {
            var id = $"{group}/providers/Microsoft.Kubernetes/connectedClusters/{cluster.Name}";
            await stack.Arm.FinishAsync(await stack.Arm.PutAsync(id, new JsonObject
            {
                ["location"] = "westeurope", ["properties"] = new JsonObject { ["apiServer"] = cluster.Url, ["caCertificate"] = cluster.Ca, ["credentials"] = new JsonObject { ["token"] = cluster.Token } },
            }));
            await stack.Arm.FinishAsync(await stack.Arm.PutAsync($"{fleet}/members/{cluster.Name}", new JsonObject { ["properties"] = new JsonObject { ["clusterResourceId"] = id } }));
        });
        return fleet;
    }

    private static async Task PutAsync(ProcessStack stack, string fleet, string version, int hold)
    {
        var body = new JsonObject
        {
            ["properties"] = new JsonObject
            {
                ["manifests"] = FleetSite.Shop(image: $"registry.example/web:{version}"),
                ["strategy"] = new JsonObject { ["maxConcurrency"] = "40%", ["pauseAfterHealthyClusters"] = $"{hold}", ["maxFailures"] = "50%" },
            },
        };
        var accepted = await Eventually.Async(() => stack.Arm.PutAsync($"{fleet}/clusterResourcePlacements/shop", body), answer => answer.Status is 200 or 201, "the revision is accepted");
        Assert.Equal("Succeeded", (await stack.Arm.FinishAsync(accepted, Patience)).OperationStatus);
    }

    private static async Task ActAsync(ProcessStack stack, string fleet, string action)
    {
        var accepted = await Eventually.Async(() => stack.Arm.PostAsync($"{fleet}/clusterResourcePlacements/shop/{action}"), answer => answer.Status is 202 or 409, $"{action} is accepted");
        if (accepted.Status == 202)
            await stack.Arm.FinishAsync(accepted, Patience);
    }

    private static Task<PlacementSeen> StatusAsync(ProcessStack stack, string fleet, Func<PlacementSeen, bool> condition, string description) => Eventually.Async(
        async () => new PlacementSeen((await stack.Arm.GetAsync($"{fleet}/clusterResourcePlacements/shop")).Is(200).Json.GetProperty("properties")), condition, description, Patience);

    /// <summary>Everything that changes on a cluster from now on.</summary>
    private static ChannelReader<Change> Listen(SimulatedCluster cluster) => cluster.Api.Store.Feed.Listen(cluster.Api.Store.Version, cluster.Api.Store.Version)!;

    /// <summary>The versions of the workload in the order in which the cluster had them.</summary>
    private static List<string> Versions(ChannelReader<Change> changes)
    {
        var versions = new List<string>();
        while (changes.TryRead(out var change))
        {
            if (change is not { Object: { Shelf: "deployments.apps", Namespace: "shop", Name: "web" } web })
                continue;
            Assert.NotEqual(ChangeType.Deleted, change.Type);
            var version = web.Read()["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!.GetValue<string>().Split(':')[1];
            if (versions.LastOrDefault() != version)
                versions.Add(version);
        }

        return versions;
    }

    /// <summary>The database itself notes a member that is seen with less than it had.</summary>
    private static Task WatchForStepsBackAsync(TestDatabase database) => database.ExecuteAsync("""
        create table steps_back (what text);
        create function note_step_back() returns trigger language plpgsql as $$ begin
            if new.generation < old.generation or new.observed_generation < old.observed_generation or new.applied_revision < old.applied_revision then
                insert into steps_back values (row(old)::text || ' became ' || row(new)::text);
            end if;
            return new;
        end $$;
        create trigger note_step_back before update on placement_bindings for each row execute function note_step_back();
        """);

    private static int Setting(string variable, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
