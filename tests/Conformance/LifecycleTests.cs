using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>The same rules with workers: from PUT to the end of the operation, against simulated hardware and a simulated cluster.</summary>
[Collection(ConformanceSuite.Name)]
public sealed class LifecycleTests(ConformanceFixture fixture)
{
    private ControlPlaneFixture Plane => fixture.Whole;

    [Theory, EachType(Which.Asynchronous)]
    public async Task A_create_succeeds_and_the_resource_keeps_its_final_state(string type)
    {
        var thing = Subject.Running(fixture, type);
        var status = await Plane.Arm.FinishAsync(await thing.CreateAsync());
        Assert.True(status.OperationStatus == "Succeeded", status.ToString());
        var read = (await thing.GetAsync()).Is(200);
        Assert.Equal("Succeeded", read.ProvisioningState);
        Assert.Null(read.Header("Retry-After"));
        // What has nothing but its children is there as soon as it is stored.
        Assert.Equal(thing.Properties.Count > 0, status.Json.GetProperty("steps").GetArrayLength() > 0);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task At_no_instant_is_the_operation_ended_and_the_resource_not(string type)
    {
        var thing = Subject.Running(fixture, type);
        var watch = (await thing.CreateAsync()).Header("Azure-AsyncOperation")!;
        var percent = 0.0;
        await Eventually.Async(async () =>
        {
            var status = (await Plane.Arm.SendRawAsync(HttpMethod.Get, watch)).Is(200);
            var read = (await thing.GetAsync()).Is(200);
            var now = status.Json.GetProperty("percentComplete").GetDouble();
            Assert.True(now >= percent, $"{now} after {percent}");
            percent = now;
            if (status.OperationStatus is "Succeeded" or "Failed")
                Assert.Equal(status.OperationStatus, read.ProvisioningState);
            return status;
        }, status => status.OperationStatus is "Succeeded" or "Failed", $"the create of {thing} ends");
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task A_deletion_ends_and_gives_the_name_free(string type)
    {
        var thing = Subject.Running(fixture, type);
        await Plane.Arm.FinishAsync(await thing.CreateAsync());
        var deletion = (await thing.DeleteAsync()).Is(202);
        Assert.Equal("Succeeded", (await Plane.Arm.FinishAsync(deletion)).OperationStatus);
        (await thing.GetAsync()).Is(404, "ResourceNotFound");
        (await thing.DeleteAsync()).Is(204);
        (await Plane.Arm.SendRawAsync(HttpMethod.Get, deletion.Header("Location")!)).Is(204);
        await Plane.Arm.FinishAsync(await thing.CreateAsync());
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task A_deletion_during_the_create_ends_both(string type)
    {
        var thing = Subject.Running(fixture, type);
        var create = await thing.CreateAsync();
        var deletion = (await thing.DeleteAsync()).Is(202);
        Assert.Equal("Succeeded", (await Plane.Arm.FinishAsync(deletion)).OperationStatus);
        Assert.Contains((await Plane.Arm.FinishAsync(create)).OperationStatus, new[] { "Canceled", "Succeeded" });
        (await thing.GetAsync()).Is(404);
    }

    [Fact]
    public async Task Deletions_that_race_the_end_of_their_create_are_all_accepted_and_all_end()
    {
        var images = Enumerable.Range(0, 150).Select(_ => Subject.Running(fixture, "ControlPlane.BareMetal/osImages")).ToList();
        var deletions = await Task.WhenAll(images.Select(async image =>
        {
            await image.CreateAsync();
            return (await image.DeleteAsync()).Is(202);
        }));
        foreach (var deletion in deletions)
            Assert.Equal("Succeeded", (await Plane.Arm.FinishAsync(deletion)).OperationStatus);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task An_ended_operation_never_changes(string type)
    {
        var thing = Subject.Running(fixture, type);
        var create = await thing.CreateAsync();
        var ended = await Plane.Arm.FinishAsync(create);
        await Plane.Arm.FinishAsync((await thing.PutAsync()).Is(200));
        await Plane.Arm.FinishAsync((await thing.DeleteAsync()).Is(202));
        Assert.Equal(ended.Text, (await Plane.Arm.FinishAsync(create)).Text);
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task A_patch_is_carried_out_and_read_back(string type)
    {
        var thing = Subject.Running(fixture, type);
        await Plane.Arm.FinishAsync(await thing.CreateAsync());
        var patch = (await thing.PatchAsync(Subject.PatchOf(thing.Sample.Optional, thing.Sample.OptionalValue()))).Is(202);
        await Plane.Arm.FinishAsync(patch);
        Assert.Equal(Subject.Text(thing.Sample.OptionalValue()), Subject.Read(await thing.GetAsync(), thing.Sample.Optional));
    }

    [Fact]
    public async Task Deleting_a_group_deletes_everything_in_it_as_one_operation()
    {
        var group = $"all-{Guid.NewGuid():N}";
        await ConformanceFixture.MakeGroupAsync(Plane, group);
        var things = EachTypeAttribute.Names(Which.Grouped).Select(type => Subject.Running(fixture, type, group)).ToList();
        foreach (var thing in things)
            await Plane.Arm.FinishAsync(await thing.CreateAsync());

        var path = $"{ArmHttp.SubscriptionPath}/resourceGroups/{group}";
        var deletion = (await Plane.Arm.DeleteAsync(path)).Is(202);
        Assert.True((await things[0].PutAsync()).Status is 404 or 409);
        var ended = await Plane.Arm.FinishAsync(deletion);
        Assert.True(ended.OperationStatus == "Succeeded", ended.ToString());
        foreach (var thing in things)
            (await thing.GetAsync()).Is(404, "ResourceGroupNotFound");
        (await Plane.Arm.GetAsync(path)).Is(404, "ResourceGroupNotFound");
        (await Plane.Arm.SendRawAsync(HttpMethod.Get, deletion.Header("Location")!)).Is(200);
    }

    [Theory, EachType]
    public async Task A_secret_is_nowhere_to_be_read(string type)
    {
        var thing = Subject.Running(fixture, type);
        if (thing.Sample.Secret is not { } secret)
            return;
        Assert.Contains(secret, thing.Body.ToJsonString(), StringComparison.Ordinal);
        var put = await thing.CreateAsync();
        var ended = await Plane.Arm.FinishAsync(put);
        ArmAnswer[] answers =
        [
            put, ended, await thing.GetAsync(), await Plane.Arm.GetAsync($"{thing.Collection}?$top=1000"), await Plane.Arm.GetAsync($"{ArmHttp.SubscriptionPath}/resources?$top=1000"),
            await thing.PatchAsync(new() { ["tags"] = new JsonObject() }), await thing.PutAsync(), await Plane.Arm.PutAsync(thing.Path, WithFault(thing.Body)),
        ];
        Assert.All(answers, answer => Assert.DoesNotContain(secret, answer.Text + string.Concat(answer.Headers.Values), StringComparison.Ordinal));

        Assert.Contains("ControlPlane.Worker", Plane.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, Plane.Log.Text, StringComparison.Ordinal);
        var tables = ((string)(await Plane.Database.ScalarAsync("select string_agg(quote_ident(table_name), ',') from information_schema.tables where table_schema = 'public'"))!).Split(',');
        Assert.Contains("secrets", tables);
        foreach (var table in tables)
        {
            var found = await Plane.Database.ScalarAsync($"select t::text from {table} t where position($1 in t::text) > 0 or position($2 in t::text) > 0 or position($3 in t::text) > 0 limit 1",
                secret, Convert.ToHexStringLower(Encoding.UTF8.GetBytes(secret)), Convert.ToBase64String(Encoding.UTF8.GetBytes(secret))[..^4]);
            Assert.True(found is null, $"{table} holds the secret in clear: {found}");
        }
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task A_PUT_without_the_secret_keeps_it(string type)
    {
        var thing = Subject.Running(fixture, type);
        if (thing.Sample.Secret is null)
            return;
        await Plane.Arm.FinishAsync(await thing.CreateAsync());
        var read = (await thing.GetAsync()).Copy();
        var again = await Plane.Arm.FinishAsync((await Plane.Arm.PutAsync(thing.Path, read)).Is(200));
        Assert.True(again.OperationStatus == "Succeeded", again.ToString());
    }

    private static JsonObject WithFault(JsonObject body)
    {
        var faulty = body.DeepClone().AsObject();
        faulty["properties"]!["flavour"] = "vanilla";
        return faulty;
    }
}
