using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>Invariants 5, 6 and 7: steps are repeated within bounds, waits hold nothing, everything ends, once, and terminal is terminal.</summary>
public abstract class EndingTests(RunningEngine engine) : EngineTests(engine)
{
    [Fact]
    public async Task A_step_that_fails_for_a_while_is_tried_again_until_it_works()
    {
        var script = Engine.Cluster.Add();
        script.Status = 503;
        var started = await ConnectAsync(script);

        await Eventually.Async(() => script.Calls >= 2, "the step was tried twice");
        script.Status = 200;

        var status = await EndAsync(started);
        Assert.Equal("Succeeded", status.OperationStatus);
        Assert.Equal(1, status.Json.GetProperty("steps").GetArrayLength());
    }

    [Fact]
    public async Task A_step_that_never_works_fails_the_operation_with_the_reason()
    {
        var script = Engine.Cluster.Add();
        script.Status = 503;

        var started = await ConnectAsync(script);
        var status = await EndAsync(started);

        Assert.Equal("Failed", status.OperationStatus);
        Assert.Equal("ClusterRequestFailed", status.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal(5, script.Calls);
        Assert.Equal("Failed", (await Arm.GetAsync(started.Path)).ProvisioningState);
    }

    [Fact]
    public async Task A_result_that_the_database_cannot_store_fails_the_operation_instead_of_repeating_it_for_ever()
    {
        var script = Engine.Cluster.Add();
        script.Version = "v1\0";

        var started = await ConnectAsync(script);
        var status = await Arm.FinishAsync(started.Accepted, TimeSpan.FromSeconds(60));

        Assert.Equal("Failed", status.OperationStatus);
        Assert.Equal("InternalServerError", status.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("Failed", (await Arm.GetAsync(started.Path)).ProvisioningState);
        Assert.Equal(1, await EndsInActivityLogAsync(started));
    }

    [Fact]
    public async Task Waiting_holds_no_lease()
    {
        var group = await NewGroupAsync();
        var script = Engine.Cluster.Add();
        var child = await ConnectAsync(script, group);
        await EndAsync(child);
        await Database.ExecuteAsync("update resources set state = 'Deleting' where key = $1", child.Key);
        var stuck = await PlantAsync(child.Path, "Microsoft.Kubernetes/connectedClusters", "delete");
        await Database.ExecuteAsync("update operations set lease_owner = 'elsewhere/1', lease_until = now() + interval '1 hour' where id = $1", stuck);

        var started = Begun(group, await Arm.DeleteAsync(group));

        await Eventually.Async(async () => await ReadAsync<bool>(started, "lease_until is null and due_at > now() and lease_epoch > 1"), "the operation waits, and nobody holds it");
        Assert.Equal("Running", (await Arm.SendRawAsync(HttpMethod.Get, started.Accepted.Header("Azure-AsyncOperation")!)).OperationStatus);
        await Database.ExecuteAsync("update operations set lease_until = now() where id = $1", stuck);
        Assert.Equal("Succeeded", (await EndAsync(started)).OperationStatus);
        Assert.Equal(404, (await Arm.GetAsync(group)).Status);
    }

    [Fact]
    public async Task A_deadline_ends_an_operation_in_the_middle_of_a_step()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);

        await Database.ExecuteAsync("update operations set deadline_at = now() where id = $1", started.Operation);
        var status = await EndAsync(started);

        Assert.Equal("Failed", status.OperationStatus);
        Assert.Equal("OperationTimedOut", status.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("Failed", (await Arm.GetAsync(started.Path)).ProvisioningState);
        Assert.Equal(0, script.Answers);
    }

    [Fact]
    public async Task A_deadline_ends_an_operation_that_no_worker_knows_how_to_carry_out()
    {
        var image = await NewImageAsync();
        await Database.ExecuteAsync("update resources set state = 'Updating' where key = $1", image.ToLowerInvariant());
        var planted = await PlantAsync(image, "ControlPlane.BareMetal/osImages", "unheardOf", timeLeft: TimeSpan.FromSeconds(1));

        await Eventually.Async(async () => (await StatusAsync(planted, "ControlPlane.BareMetal")).OperationStatus == "Failed", "the operation ended");

        Assert.Equal("Failed", (await Arm.GetAsync(image)).ProvisioningState);
    }

    [Fact]
    public async Task A_cancel_ends_an_operation_in_the_middle_of_a_step()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);

        Assert.Equal(202, (await CancelAsync(started)).Status);
        var status = await EndAsync(started);

        Assert.Equal("Canceled", status.OperationStatus);
        Assert.Equal("Canceled", (await Arm.GetAsync(started.Path)).ProvisioningState);
        Assert.Equal(1, await EndsInActivityLogAsync(started));
        script.Release();
        Assert.Equal("Succeeded", (await EndAsync(Begun(started.Path, await Arm.PutAsync(started.Path, script.Resource)))).OperationStatus);
    }

    [Fact]
    public async Task A_cancel_ends_an_operation_that_waits()
    {
        var script = Engine.Cluster.Add();
        script.Status = 503;
        var started = await ConnectAsync(script);
        await Eventually.Async(() => script.Calls >= 4, "the next try is seconds away");

        await CancelAsync(started);

        Assert.Equal("Canceled", (await EndAsync(started)).OperationStatus);
    }

    [Fact]
    public async Task Deleting_what_is_being_created_cancels_the_creation()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);

        var deletion = Begun(started.Path, await Arm.DeleteAsync(started.Path));

        var canceled = await EndAsync(started);
        Assert.Equal("Canceled", canceled.OperationStatus);
        Assert.Equal("OperationPreempted", canceled.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.All(canceled.Json.GetProperty("steps").EnumerateArray(), step => Assert.NotEqual("Running", step.GetProperty("status").GetString()));
        Assert.Equal(1, await EndsInActivityLogAsync(started));
        Assert.Equal("Succeeded", (await EndAsync(deletion)).OperationStatus);
        Assert.Equal(404, (await Arm.GetAsync(started.Path)).Status);
        Assert.Equal(0, script.Answers);
    }

    [Fact]
    public async Task What_has_ended_cannot_be_canceled()
    {
        var started = await ConnectAsync(Engine.Cluster.Add());
        await EndAsync(started);
        var before = await Database.ScalarAsync("select o::text from operations o where id = $1", started.Operation);

        var refused = await CancelAsync(started);

        Assert.True(refused.Status == 409, refused.ToString());
        Assert.Equal(before, await Database.ScalarAsync("select o::text from operations o where id = $1", started.Operation));
    }

    [Fact]
    public async Task A_succeeded_operation_is_never_seen_beside_a_resource_that_still_moves()
    {
        var group = await NewGroupAsync();
        var script = Engine.Cluster.Add();
        var starts = new List<Started>();
        for (var at = 0; at < 20; at++)
            starts.Add(await ConnectAsync(script, group));

        await Task.WhenAll(starts.Select(async started =>
        {
            await EndAsync(started);
            Assert.Equal("Succeeded", (await Arm.GetAsync(started.Path)).ProvisioningState);
        }));
        Assert.Equal(0, await CountAsync("operations o join resources r on r.key = o.resource_key where o.ended_at is null and r.state in ('Succeeded', 'Failed', 'Canceled')"));
    }

    [Fact]
    public async Task A_group_whose_content_is_in_use_elsewhere_says_so_instead_of_waiting_for_hours()
    {
        var (group, other) = (await NewGroupAsync(), await NewGroupAsync());
        var image = await NewImageAsync(group);
        var cluster = await ConnectAsync(Engine.Cluster.Add());
        await EndAsync(cluster);
        var machine = JsonNode.Parse("""{ "location": "westeurope", "properties": { "bmc": { "endpoint": "https://127.0.0.1:11", "credentials": { "userName": "admin", "password": "secret" } } } }""")!.AsObject();
        (machine["properties"]!["osImageId"], machine["properties"]!["clusterId"]) = (image, cluster.Path);
        var put = await Arm.PutAsync($"{other}/providers/ControlPlane.BareMetal/bareMetalMachines/user", machine);
        Assert.True(put.Status == 201, put.ToString());

        var status = await EndAsync(Begun(group, await Arm.DeleteAsync(group)));

        Assert.Equal("Failed", status.OperationStatus);
        Assert.Contains("/user", status.Text, StringComparison.Ordinal);
    }
}

[Collection(EngineInOneProcess.Name)]
public sealed class EndingInMemoryTests(InMemoryEngine engine) : EndingTests(engine);

[Collection(EngineInSeveralProcesses.Name)]
public sealed class EndingRabbitMqTests(RabbitMqEngine engine) : EndingTests(engine)
{
    [Fact]
    public async Task A_deletion_waits_until_the_step_that_it_overtook_cannot_act_any_more()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectHeldAsync(script);
        var sleeper = Stack.Runner((await ReadAsync<string>(started, "lease_owner"))!);
        await sleeper.PauseAsync();

        var deletion = Begun(started.Path, await Arm.DeleteAsync(started.Path));

        Assert.True(await ReadAsync<DateTime>(deletion, "due_at") >= await ReadAsync<DateTime>(started, "lease_until"));
        Assert.Equal("Succeeded", (await EndAsync(deletion)).OperationStatus);
        await sleeper.ResumeAsync();
    }

    [Fact]
    public async Task Without_the_bus_work_goes_on_and_every_process_stays_in_service()
    {
        await Stack.Rabbit!.CrashAsync();

        await NewImageAsync();
        Assert.Equal(200, (await Arm.SendRawAsync(HttpMethod.Get, "/readyz")).Status);

        await Stack.Rabbit.ResumeAsync();
        await NewImageAsync();
    }
}
