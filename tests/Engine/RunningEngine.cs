using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>A running control plane with short leases, and a cluster whose answers the test controls: one for all tests of a composition.</summary>
public abstract class RunningEngine(Composition composition, int workers) : IAsyncLifetime
{
    /// <summary>How long a lease of these processes lasts: longer than a busy machine stands still.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);

    internal ProcessStack Stack { get; private set; } = null!;
    internal ScriptedCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Cluster = await ScriptedCluster.StartAsync();
        Stack = await ProcessStack.StartAsync(composition, workers, settings: [("Operations:Lease", Lease.ToString()), ("Operations:Sweep", "00:00:00.5")]);
    }

    public async ValueTask DisposeAsync()
    {
        if (Stack is not null)
            await Stack.DisposeAsync();
        await Cluster.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>One process, the bus in memory.</summary>
public sealed class InMemoryEngine() : RunningEngine(Composition.InMemory, workers: 0);

/// <summary>An <c>api</c> and two <c>worker</c> processes, RabbitMQ between them.</summary>
public sealed class RabbitMqEngine() : RunningEngine(Composition.RabbitMq, workers: 2);

/// <summary>These tests stop and kill what the others of the collection use, so they run one after another, and alone: seconds count here.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EngineInOneProcess : ICollectionFixture<InMemoryEngine>
{
    public const string Name = "The engine in one process";
}

/// <inheritdoc cref="EngineInOneProcess"/>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EngineInSeveralProcesses : ICollectionFixture<RabbitMqEngine>
{
    public const string Name = "The engine in several processes";
}

/// <summary>What the tests of the engine have in common: clusters and images as the subject of operations, and the operation's row to look at and to tamper with.</summary>
public abstract class EngineTests(RunningEngine engine)
{
    internal RunningEngine Engine { get; } = engine;
    internal ProcessStack Stack => Engine.Stack;
    internal ArmHttp Arm => Stack.Arm;
    internal TestDatabase Database => Stack.Database;

    internal async Task<string> NewGroupAsync()
    {
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/rg-{Guid.NewGuid():N}";
        var made = await Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" });
        Assert.True(made.Status == 201, made.ToString());
        return group;
    }

    /// <summary>Asks for a cluster and returns once it was accepted.</summary>
    internal async Task<Started> ConnectAsync(ClusterScript script, string? group = null)
    {
        var path = $"{group ?? await NewGroupAsync()}/providers/Microsoft.Kubernetes/connectedClusters/cluster-{Guid.NewGuid():N}";
        return Begun(path, await Arm.PutAsync(path, script.Resource));
    }

    /// <summary>Asks for a cluster and returns once its step is under way, waiting for the cluster's answer.</summary>
    internal async Task<Started> ConnectHeldAsync(ClusterScript script, string? group = null)
    {
        var started = await ConnectAsync(script.Hold(), group);
        await Eventually.Async(() => script.Calls > 0, "the step is under way");
        return started;
    }

    internal static Started Begun(string path, ArmAnswer accepted)
    {
        Assert.True(accepted.Status is 200 or 201 or 202, accepted.ToString());
        var watch = new Uri(accepted.Header("Azure-AsyncOperation")!);
        return new(path, accepted, Guid.Parse(watch.Segments[^1]));
    }

    internal static JsonObject Image(string version = "24.04.3") => new()
    {
        ["location"] = "westeurope",
        ["properties"] = new JsonObject { ["version"] = version, ["url"] = "https://images.example/ubuntu.raw.zst", ["sha256"] = new string('a', 64), ["sizeBytes"] = 1024 },
    };

    internal async Task<string> NewImageAsync(string? group = null)
    {
        var path = $"{group ?? await NewGroupAsync()}/providers/ControlPlane.BareMetal/osImages/image-{Guid.NewGuid():N}";
        Assert.Equal("Succeeded", (await EndAsync(Begun(path, await Arm.PutAsync(path, Image())))).OperationStatus);
        return path;
    }

    internal Task<ArmAnswer> EndAsync(Started started) => Arm.FinishAsync(started.Accepted);

    internal Task<ArmAnswer> CancelAsync(Started started)
    {
        var watch = new Uri(started.Accepted.Header("Azure-AsyncOperation")!);
        return Arm.PostAsync($"{watch.AbsolutePath}/cancel");
    }

    /// <summary>Puts an operation into the database and tells nobody.</summary>
    internal async Task<Guid> PlantAsync(string path, string resourceType, string request, TimeSpan? timeLeft = null)
    {
        var id = Guid.NewGuid();
        await Database.ExecuteAsync($$"""
            insert into operations (id, resource_key, resource_id, resource_type, subscription, location, request, status, started_at, deadline_at, due_at,
                wakes, lease_epoch, next_step, step_count, attempts, percent, steps, memory, principal, correlation_id)
            values ($1, $2, $3, $4, '{{ControlPlaneFixture.Subscription}}', 'westeurope', $5, 'Accepted', now(), now() + $6, now(), 0, 0, 0, 0, 0, 0, '[]', '{}', 'test', 'test')
            """, id, path.ToLowerInvariant(), path, resourceType, request, timeLeft ?? TimeSpan.FromHours(1));
        return id;
    }

    internal Task<ArmAnswer> StatusAsync(Guid operation, string provider) =>
        Arm.GetAsync($"{ArmHttp.SubscriptionPath}/providers/{provider}/locations/westeurope/operationStatuses/{operation}");

    /// <summary>One column of an operation's row.</summary>
    internal async Task<T?> ReadAsync<T>(Started started, string column) =>
        await Database.ScalarAsync($"select {column} from operations where id = $1", started.Operation) is T value ? value : default;

    internal async Task<long> CountAsync(string from, params object?[] values) => (long)(await Database.ScalarAsync($"select count(*) from {from}", values))!;

    internal Task<long> EndsInActivityLogAsync(Started started) => CountAsync("activities where operation_id = $1 and status in ('Succeeded', 'Failed', 'Canceled')", started.Operation);
}

/// <summary>A request that was accepted, its resource's path and its operation.</summary>
internal sealed record Started(string Path, ArmAnswer Accepted, Guid Operation)
{
    public string Key => Path.ToLowerInvariant();
}
