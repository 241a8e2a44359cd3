using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>Invariants 2 and 4: the row is the truth, messages are hints, and who lost the lease writes nothing.</summary>
public abstract class LeaseTests(RunningEngine engine) : EngineTests(engine)
{
    [Fact]
    public async Task An_operation_that_nobody_was_told_of_is_carried_out()
    {
        var image = await NewImageAsync();

        await Database.ExecuteAsync("update resources set state = 'Deleting' where key = $1", image.ToLowerInvariant());
        var planted = await PlantAsync(image, "ControlPlane.BareMetal/osImages", "delete");

        await Eventually.Async(async () => (await StatusAsync(planted, "ControlPlane.BareMetal")).OperationStatus == "Succeeded", "the planted operation ended");
        Assert.Equal(404, (await Arm.GetAsync(image)).Status);
    }

    [Fact]
    public async Task A_lease_is_renewed_while_its_step_takes_longer_than_the_lease()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);
        var first = await ReadAsync<DateTime>(started, "lease_until");

        await Eventually.Async(async () => await ReadAsync<DateTime>(started, "lease_until") > first + RunningEngine.Lease, "the lease was extended by more than itself");

        Assert.Equal(1, await ReadAsync<long>(started, "lease_epoch"));
        Assert.Equal(1, script.Calls);
        script.Release();
        Assert.Equal("Succeeded", (await EndAsync(started)).OperationStatus);
    }

    [Fact]
    public async Task What_a_dead_worker_left_is_taken_over()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);
        await Database.ExecuteAsync("update operations set lease_epoch = 7, lease_owner = 'elsewhere/1', lease_until = now() + interval '1 second' where id = $1", started.Operation);

        await Eventually.Async(async () => await ReadAsync<long>(started, "lease_epoch") > 7, "somebody took it");
        script.Release();

        Assert.Equal("Succeeded", (await EndAsync(started)).OperationStatus);
        Assert.Equal(1, await EndsInActivityLogAsync(started));
    }

    [Fact]
    public async Task A_worker_whose_operation_was_taken_writes_nothing()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);
        var runner = await ReadAsync<string>(started, "lease_owner");

        // The taker holds on for long; the loser's call is answered only now.
        await Database.ExecuteAsync("update operations set lease_epoch = lease_epoch + 1, lease_owner = 'elsewhere/1', lease_until = now() + interval '1 hour' where id = $1", started.Operation);
        var before = await RowAsync(started);
        script.Release();
        await NewImageAsync();

        Assert.Equal(before, await RowAsync(started));
        Assert.NotEqual(runner, await ReadAsync<string>(started, "lease_owner"));
        await Database.ExecuteAsync("update operations set lease_until = now() where id = $1", started.Operation);
        Assert.Equal("Succeeded", (await EndAsync(started)).OperationStatus);
    }

    [Fact]
    public async Task A_worker_that_was_paused_past_its_lease_writes_nothing_when_it_wakes()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);
        var sleeper = Stack.Runner((await ReadAsync<string>(started, "lease_owner"))!);

        await sleeper.PauseAsync();
        await Database.ExecuteAsync("update operations set lease_epoch = lease_epoch + 1, lease_owner = 'elsewhere/1', lease_until = now() + interval '1 hour' where id = $1", started.Operation);
        var before = await RowAsync(started);
        script.Release();
        await Eventually.Async(() => script.Answers > 0, "the answer waits in the sleeper's socket");
        await sleeper.ResumeAsync();
        await NewImageAsync();

        Assert.Equal(before, await RowAsync(started));
        Assert.Equal(0, await EndsInActivityLogAsync(started));
        await Database.ExecuteAsync("update operations set lease_until = now() where id = $1", started.Operation);
        Assert.Equal("Succeeded", (await EndAsync(started)).OperationStatus);
        Assert.Equal(1, await EndsInActivityLogAsync(started));
    }

    [Fact]
    public async Task An_operation_whose_worker_was_killed_goes_on()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);
        var victim = Stack.Runner((await ReadAsync<string>(started, "lease_owner"))!);

        await Stack.KillAsync(victim);
        script.Release();
        if (victim == Stack.FrontDoor)
            await Stack.StartFrontDoorAsync();
        else
            await Stack.AddWorkerAsync();

        Assert.Equal("Succeeded", (await EndAsync(started)).OperationStatus);
        Assert.Equal(2, await ReadAsync<long>(started, "lease_epoch"));
        Assert.Equal(1, await EndsInActivityLogAsync(started));
    }

    [Fact]
    public async Task A_worker_that_is_asked_to_stop_hands_its_operations_over_at_once()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);
        var leaver = Stack.Runner((await ReadAsync<string>(started, "lease_owner"))!);

        await leaver.StopAsync();

        // Given back (and perhaps taken again), not left to run out.
        Assert.True(await ReadAsync<string>(started, "lease_until::text") is null || await ReadAsync<long>(started, "lease_epoch") == 2);
        script.Release();
        if (leaver == Stack.FrontDoor)
            await Stack.StartFrontDoorAsync();
        else
        {
            await Stack.KillAsync(leaver);
            await Stack.AddWorkerAsync();
        }

        Assert.Equal("Succeeded", (await EndAsync(started)).OperationStatus);
    }

    [Fact]
    public async Task Ended_operations_are_kept_for_a_week()
    {
        var image = await NewImageAsync();
        var old = await PlantAsync(image, "ControlPlane.BareMetal/osImages", "put");
        await Database.ExecuteAsync("update operations set status = 'Succeeded', ended_at = now() - interval '7 days 1 minute' where id = $1", old);
        var recent = await PlantAsync(image, "ControlPlane.BareMetal/osImages", "put");
        await Database.ExecuteAsync("update operations set status = 'Succeeded', ended_at = now() - interval '6 days 23 hours' where id = $1", recent);

        var worker = await Stack.AddWorkerAsync();

        await Eventually.Async(async () => (await StatusAsync(old, "ControlPlane.BareMetal")).Status == 404, "the old operation is forgotten");
        Assert.Equal(200, (await StatusAsync(recent, "ControlPlane.BareMetal")).Status);
        await Stack.KillAsync(worker);
    }

    private Task<object?> RowAsync(Started started) => Database.ScalarAsync("select row(o, r)::text from operations o join resources r on r.key = o.resource_key where o.id = $1", started.Operation);
}

[Collection(EngineInOneProcess.Name)]
public sealed class LeaseInMemoryTests(InMemoryEngine engine) : LeaseTests(engine);

[Collection(EngineInSeveralProcesses.Name)]
public sealed class LeaseRabbitMqTests(RabbitMqEngine engine) : LeaseTests(engine);
