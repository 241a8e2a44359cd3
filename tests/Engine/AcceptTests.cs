using ControlPlane.Tests.Fixtures;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>Invariants 1, 3 and 8: accepting is atomic, one active operation per resource, the ETag is a version.</summary>
public abstract class AcceptTests(RunningEngine engine) : EngineTests(engine)
{
    [Fact]
    public async Task An_accepted_write_is_a_resource_an_operation_and_an_activity_record()
    {
        var started = await ConnectHeldAsync(Engine.Cluster.Add());

        Assert.Equal(1, await CountAsync("resources where key = $1", started.Key));
        Assert.Equal(1, await CountAsync("operations where resource_key = $1 and ended_at is null", started.Key));
        Assert.Equal(1, await CountAsync("activities where operation_id = $1 and status = 'Accepted'", started.Operation));
        Assert.Equal(202, (await CancelAsync(started)).Status);
        await EndAsync(started);
    }

    [Fact]
    public async Task A_write_whose_activity_record_cannot_be_stored_leaves_nothing_behind()
    {
        var group = await NewGroupAsync();
        var path = $"{group}/providers/ControlPlane.BareMetal/osImages/unrecorded";
        await Database.ExecuteAsync("""
            create function refuse() returns trigger language plpgsql as $$ begin
                if new.resource_id like '%/unrecorded' then raise exception 'refused by the test'; end if;
                return new;
            end $$;
            create trigger refuse before insert on activities for each row execute function refuse();
            """);
        try
        {
            var refused = await Arm.PutAsync(path, Image());

            Assert.True(refused.Status == 500, refused.ToString());
            Assert.Equal(404, (await Arm.GetAsync(path)).Status);
            Assert.Equal(0, await CountAsync("operations where resource_key = $1", path.ToLowerInvariant()));
        }
        finally
        {
            await Database.ExecuteAsync("drop trigger refuse on activities; drop function refuse;");
        }
    }

    [Fact]
    public async Task Of_many_writes_at_once_one_gets_the_operation_and_the_others_a_conflict()
    {
        var group = await NewGroupAsync();
        var path = $"{group}/providers/Microsoft.Kubernetes/connectedClusters/contested";
        var script = Engine.Cluster.Add().Hold();

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Arm.PutAsync(path, script.Resource)));

        Assert.Single(answers, answer => answer.Status == 201);
        Assert.Equal(9, answers.Count(answer => answer.Status is 409 or 412));
        Assert.Equal(1, await CountAsync("operations where resource_key = $1", path.ToLowerInvariant()));
        script.Release();
        await EndAsync(Begun(path, answers.Single(answer => answer.Status == 201)));
    }

    [Fact]
    public async Task The_database_itself_refuses_a_second_active_operation()
    {
        var started = await ConnectHeldAsync(Engine.Cluster.Add());

        var failure = await Assert.ThrowsAsync<PostgresException>(() => PlantAsync(started.Path, "Microsoft.Kubernetes/connectedClusters", "delete"));

        Assert.Equal("ux_operations_active", failure.ConstraintName);
        await CancelAsync(started);
        await EndAsync(started);
    }

    [Fact]
    public async Task Of_many_writes_with_the_same_If_Match_one_wins()
    {
        // Again and again: the losers once waited for the winner's worker, which waited for them.
        for (var round = 0; round < 15; round++)
        {
            var script = Engine.Cluster.Add();
            var started = await ConnectAsync(script);
            await EndAsync(started);
            var etag = (await Arm.GetAsync(started.Path)).Header("ETag")!;

            var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Arm.PutAsync(started.Path, script.Resource, ("If-Match", etag))));

            Assert.Single(answers, answer => answer.Status == 200);
            Assert.All(answers.Where(answer => answer.Status != 200), answer => Assert.True(answer.Status is 409 or 412, answer.ToString()));
            await EndAsync(Begun(started.Path, answers.Single(answer => answer.Status == 200)));
            Assert.Equal(412, (await Arm.DeleteAsync(started.Path, ("If-Match", etag))).Status);
        }
    }

    [Fact]
    public async Task The_ETag_stays_while_nothing_but_the_operation_moves()
    {
        var script = Engine.Cluster.Add();
        var started = await ConnectAsync(script);
        await EndAsync(started);
        script.Status = 503;
        var calls = script.Calls;
        var again = Begun(started.Path, await Arm.PutAsync(started.Path, script.Resource));
        var version = again.Accepted.Header("ETag");

        await Eventually.Async(() => script.Calls >= calls + 3, "the step was tried three times");

        Assert.Equal(version, (await Arm.GetAsync(started.Path)).Header("ETag"));
        script.Status = 200;
        await EndAsync(again);
    }

    [Fact]
    public async Task A_second_machine_at_the_same_controller_is_told_who_has_it()
    {
        var group = await NewGroupAsync();
        var (first, second) = ($"{group}/providers/ControlPlane.BareMetal/bareMetalMachines/first", $"{group}/providers/ControlPlane.BareMetal/bareMetalMachines/second");
        var machine = System.Text.Json.Nodes.JsonNode.Parse("""
            { "location": "westeurope", "properties": { "bmc": { "endpoint": "https://127.0.0.1:9", "credentials": { "userName": "admin", "password": "secret" } } } }
            """)!.AsObject();

        Assert.Equal(201, (await Arm.PutAsync(first, machine)).Status);
        var refused = await Arm.PutAsync(second, machine);

        Assert.True(refused.Status == 409, refused.ToString());
        Assert.Contains("/first", refused.Text, StringComparison.Ordinal);
    }
}

[Collection(EngineInOneProcess.Name)]
public sealed class AcceptInMemoryTests(InMemoryEngine engine) : AcceptTests(engine);

[Collection(EngineInSeveralProcesses.Name)]
public sealed class AcceptRabbitMqTests(RabbitMqEngine engine) : AcceptTests(engine);
