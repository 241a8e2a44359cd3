using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>DELETE, and POST actions (ARM RPC, resource API and asynchronous operations).</summary>
[Collection(ConformanceSuite.Name)]
public sealed class DeleteTests(ConformanceFixture fixture)
{
    [Theory, EachType]
    public async Task An_existing_resource_is_202_without_a_body_and_with_both_polling_addresses(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        AssertAccepted(thing, await thing.DeleteAsync());
    }

    [Theory, EachType(Which.Grouped)]
    public async Task A_missing_resource_is_204(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        Assert.Empty((await thing.DeleteAsync()).Is(204).Text);
        (await thing.DeleteAsync(("If-Match", "\"1\""))).Is(204);
    }

    [Theory, EachType]
    public async Task In_a_missing_resource_group_it_is_404(string type)
    {
        var thing = Subject.Frozen(fixture, type, group: "nowhere");
        (await thing.DeleteAsync()).Is(404, "ResourceGroupNotFound");
    }

    [Theory, EachType]
    public async Task While_deleting_GET_is_200_Deleting_and_afterwards_404_and_out_of_every_list(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        var deletion = await thing.DeleteAsync();
        Assert.Equal("Deleting", (await thing.GetAsync()).Is(200).ProvisioningState);
        Assert.Contains(thing.Path, (await thing.Arm.GetAsync($"{thing.Collection}?$top=1000")).Text, StringComparison.Ordinal);

        await thing.EndAsync(ProvisioningState.Succeeded);
        (await thing.GetAsync()).Is(404);
        Assert.DoesNotContain($"\"{thing.Path}\"", (await thing.Arm.GetAsync($"{thing.Collection}?$top=1000")).Text, StringComparison.Ordinal);
        Assert.Equal("Succeeded", (await thing.Arm.SendRawAsync(HttpMethod.Get, deletion.Header("Azure-AsyncOperation")!)).Is(200).OperationStatus);

        // JavaScript clients end a group's deletion with 200 and every other one with 204.
        Assert.Empty((await thing.Arm.SendRawAsync(HttpMethod.Get, deletion.Header("Location")!)).Is(thing.Type.Type == ResourceType.ResourceGroup ? 200 : 204).Text);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task During_a_create_it_is_accepted_and_the_create_ends_as_Canceled(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var create = await thing.CreateAsync();
        AssertAccepted(thing, await thing.DeleteAsync());

        var preempted = (await thing.Arm.SendRawAsync(HttpMethod.Get, create.Header("Azure-AsyncOperation")!)).Is(200);
        Assert.Equal("Canceled", preempted.OperationStatus);
        Assert.Equal("OperationPreempted", preempted.ErrorCode);
        Assert.Equal("Deleting", (await thing.GetAsync()).ProvisioningState);
    }

    [Theory, EachType]
    public async Task A_second_DELETE_joins_the_first_ones_operation(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        var first = await thing.DeleteAsync();
        var second = (await thing.DeleteAsync()).Is(202);
        Assert.Equal(first.Header("Azure-AsyncOperation"), second.Header("Azure-AsyncOperation"));
        Assert.Equal(first.Header("Location"), second.Header("Location"));
    }

    [Theory, EachType]
    public async Task Many_DELETEs_at_once_start_one_operation(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => thing.DeleteAsync()));
        Assert.Single(answers.Select(answer => answer.Is(202).Header("Azure-AsyncOperation")).Distinct(StringComparer.Ordinal));
    }

    [Theory, EachType]
    public async Task While_deleting_every_other_write_is_409(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        await thing.DeleteAsync();
        (await thing.PutAsync()).Is(409);
        (await thing.PatchAsync(new() { ["tags"] = new JsonObject() })).Is(409);
    }

    [Theory, EachType]
    public async Task After_a_deletion_that_failed_it_can_be_asked_again(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        var first = await thing.DeleteAsync();
        await thing.EndAsync(ProvisioningState.Failed, """{"code":"Stuck","message":"It would not go."}""");
        Assert.Equal("Failed", (await thing.GetAsync()).ProvisioningState);
        Assert.NotEqual(first.Header("Azure-AsyncOperation"), (await thing.DeleteAsync()).Is(202).Header("Azure-AsyncOperation"));
    }

    [Theory, EachType]
    public async Task An_unknown_action_is_404(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        (await thing.Arm.PostAsync($"{thing.Path}/dance")).Is(404, "InvalidAction");
    }

    [Theory, EachType]
    public async Task Every_action_is_accepted_with_202_or_refused_with_a_reason(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        foreach (var action in thing.Type.Actions)
        {
            var answer = await thing.Arm.PostAsync($"{thing.Path}/{action.Name.ToUpperInvariant()}", action.Body is null ? null : new JsonObject());
            if (answer.Status == 409)
            {
                Assert.NotNull(answer.ErrorCode);
                continue;
            }

            AssertAccepted(thing, answer);
            Assert.Equal("Updating", (await thing.GetAsync()).ProvisioningState);
            (await thing.Arm.PostAsync($"{thing.Path}/{action.Name}")).Is(409);
            await thing.EndAsync(ProvisioningState.Succeeded);
        }
    }

    [Theory, EachType]
    public async Task An_action_on_a_missing_resource_is_404_and_an_unknown_parameter_400(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        if (thing.Type.Actions.Count == 0)
            return;
        var address = $"{thing.Path}/{thing.Type.Actions[0].Name}";
        (await thing.Arm.PostAsync(address)).Is(404, "ResourceNotFound");
        await thing.SettleAsync();
        (await thing.Arm.PostAsync(address, new JsonObject { ["flavour"] = "vanilla" })).Is(400);
    }

    private static void AssertAccepted(Subject thing, ArmAnswer answer)
    {
        answer.Is(202);
        Assert.Empty(answer.Text);
        Assert.Equal(thing.Arm.Endpoint.Authority, new Uri(answer.Header("Azure-AsyncOperation")!).Authority);
        Assert.Equal(answer.Header("Azure-AsyncOperation")!.Replace("operationStatuses", "operationResults", StringComparison.Ordinal), answer.Header("Location"));
        Assert.True(int.Parse(answer.Header("Retry-After")!) >= 1);
    }
}
