using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>Watching and cancelling operations (ARM RPC, asynchronous operations).</summary>
[Collection(ConformanceSuite.Name)]
public sealed class OperationTests(ConformanceFixture fixture)
{
    private const string Failure = """{"code":"Broken","message":"It broke.","details":[{"code":"Inner","message":"Here.","target":"properties.x"}]}""";

    [Theory, EachType(Which.Asynchronous)]
    public async Task The_status_is_200_with_id_name_status_startTime_and_Retry_After_as_soon_as_the_PUT_is_answered(string type)
    {
        var (_, watch) = await StartAsync(type);
        var status = (await GetAsync(watch)).Is(200);

        Assert.Equal(watch.AbsolutePath, status.Json.GetProperty("id").GetString());
        Assert.Equal(watch.Segments[^1], status.Json.GetProperty("name").GetString());
        Assert.Equal("Accepted", status.OperationStatus);
        Assert.NotEqual(default, status.Json.GetProperty("startTime").GetDateTimeOffset());
        Assert.InRange(status.Json.GetProperty("percentComplete").GetDouble(), 0, 100);
        Assert.True(int.Parse(status.Header("Retry-After")!) >= 1);
        foreach (var absent in new[] { "endTime", "properties", "error" })
            Assert.False(status.Json.TryGetProperty(absent, out _), absent);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task A_success_is_100_percent_with_an_endTime_and_no_error_and_the_resource_is_final_too(string type)
    {
        var (thing, watch) = await StartAsync(type);
        await thing.EndAsync(ProvisioningState.Succeeded);
        var status = (await GetAsync(watch)).Is(200);

        Assert.Equal("Succeeded", status.OperationStatus);
        Assert.Equal(100, status.Json.GetProperty("percentComplete").GetDouble());
        Assert.True(status.Json.GetProperty("endTime").GetDateTimeOffset() >= status.Json.GetProperty("startTime").GetDateTimeOffset());
        Assert.False(status.Json.TryGetProperty("error", out _));
        Assert.Null(status.Header("Retry-After"));
        Assert.Equal("Succeeded", (await thing.GetAsync()).ProvisioningState);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task A_failure_carries_its_error_and_its_result_is_an_error_too(string type)
    {
        var (thing, watch) = await StartAsync(type);
        await thing.EndAsync(ProvisioningState.Failed, Failure);
        var status = (await GetAsync(watch)).Is(200);

        Assert.Equal("Failed", status.OperationStatus);
        Assert.Equal("Broken", status.ErrorCode);
        Assert.Equal("properties.x", status.Json.GetProperty("error").GetProperty("details")[0].GetProperty("target").GetString());
        Assert.False(status.Json.TryGetProperty("properties", out _));
        Assert.Equal("Broken", (await GetAsync(Result(watch))).Is(409).ErrorCode);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task The_result_is_202_with_Location_and_Retry_After_and_then_what_a_synchronous_PUT_had_answered(string type)
    {
        var (thing, watch) = await StartAsync(type);
        var running = (await GetAsync(Result(watch))).Is(202);
        Assert.Empty(running.Text);
        Assert.Equal(Result(watch).AbsolutePath, new Uri(running.Header("Location")!).AbsolutePath);
        Assert.True(int.Parse(running.Header("Retry-After")!) >= 1);

        await thing.EndAsync(ProvisioningState.Succeeded);
        Assert.Equal(thing.Path, (await GetAsync(Result(watch))).Is(200).Json.GetProperty("id").GetString());
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task Cancel_is_202_and_of_an_operation_that_has_ended_409(string type)
    {
        var (thing, watch) = await StartAsync(type);
        var canceled = await CancelAsync(watch);
        canceled.Is(202);
        Assert.NotNull(canceled.Header("Azure-AsyncOperation"));
        (await CancelAsync(watch)).Is(202);

        await thing.EndAsync(ProvisioningState.Canceled, """{"code":"OperationCanceled","message":"On request."}""");
        (await CancelAsync(watch)).Is(409, "OperationAlreadyEnded");
        var status = await GetAsync(watch);
        Assert.Equal("Canceled", status.OperationStatus);
        Assert.Equal("OperationCanceled", status.ErrorCode);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task Every_api_version_is_served_but_one_must_be_there(string type)
    {
        var (thing, watch) = await StartAsync(type);
        foreach (var version in thing.Type.ApiVersions.Concat(["2014-04-01", "2030-01-01-preview"]))
        {
            (await thing.Arm.SendRawAsync(HttpMethod.Get, $"{watch.AbsolutePath}?api-version={version}")).Is(200);
            (await thing.Arm.SendRawAsync(HttpMethod.Get, $"{Result(watch).AbsolutePath}?api-version={version}")).Is(202);
        }

        (await thing.Arm.SendRawAsync(HttpMethod.Get, watch.AbsolutePath)).Is(400, "MissingApiVersionParameter");
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task An_unknown_operation_and_one_of_another_subscription_are_404(string type)
    {
        var (_, watch) = await StartAsync(type);
        var door = fixture.Frozen.Arm;
        foreach (var id in new[] { Guid.NewGuid().ToString(), "nonsense" })
        {
            var unknown = watch.AbsolutePath.Replace(watch.Segments[^1], id, StringComparison.Ordinal);
            (await door.GetAsync(unknown)).Is(404, "OperationNotFound");
            (await door.GetAsync(unknown.Replace("operationStatuses", "operationResults", StringComparison.Ordinal))).Is(404, "OperationNotFound");
            (await door.PostAsync($"{unknown}/cancel")).Is(404, "OperationNotFound");
        }

        (await door.GetAsync(watch.AbsolutePath.Replace(ControlPlaneFixture.Subscription, Guid.NewGuid().ToString(), StringComparison.Ordinal))).Is(404, "SubscriptionNotFound");
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task Percent_and_steps_are_those_of_the_row(string type)
    {
        var (thing, watch) = await StartAsync(type);
        await fixture.Frozen.Database.ExecuteAsync("""
            update operations set status = 'Running', percent = 40, steps = '[{"stepName":"One","status":"Running","startTime":"2026-06-01T00:00:00Z","message":"On its way."}]'::jsonb
            where resource_key = $1 and ended_at is null
            """, thing.Path.ToLowerInvariant());
        var status = (await GetAsync(watch)).Is(200);

        Assert.Equal("Running", status.OperationStatus);
        Assert.Equal(40, status.Json.GetProperty("percentComplete").GetDouble());
        Assert.Equal("On its way.", status.Json.GetProperty("steps")[0].GetProperty("message").GetString());
    }

    [Theory, EachType(Which.Grouped)]
    public async Task It_can_be_read_when_its_resource_and_its_group_are_gone(string type)
    {
        var group = $"gone-{Guid.NewGuid():N}";
        await ConformanceFixture.MakeGroupAsync(fixture.Frozen, group);
        var thing = Subject.Frozen(fixture, type, group);
        await thing.SettleAsync();
        var watch = new Uri((await thing.DeleteAsync()).Is(202).Header("Azure-AsyncOperation")!);
        await thing.EndAsync(ProvisioningState.Succeeded);
        await fixture.Frozen.Database.ExecuteAsync("delete from resources where name = $1", group);
        Assert.Equal("Succeeded", (await GetAsync(watch)).Is(200).OperationStatus);
    }

    private async Task<(Subject Thing, Uri Watch)> StartAsync(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        return (thing, new Uri((await thing.CreateAsync()).Header("Azure-AsyncOperation")!));
    }

    private Task<ArmAnswer> GetAsync(Uri address) => fixture.Frozen.Arm.SendRawAsync(HttpMethod.Get, address.AbsoluteUri);

    private Task<ArmAnswer> CancelAsync(Uri watch) => fixture.Frozen.Arm.PostAsync($"{watch.AbsolutePath}/cancel");

    private static Uri Result(Uri watch) => new(watch.AbsoluteUri.Replace("operationStatuses", "operationResults", StringComparison.Ordinal));
}
