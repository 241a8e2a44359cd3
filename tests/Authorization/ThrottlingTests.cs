using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>Request limits per principal and subscription, and retries that start nothing twice.</summary>
public sealed class ThrottlingTests
{
    private static readonly (string, string)[] Tight = [("Throttling:Reads:Burst", "20"), ("Throttling:Reads:PerSecond", "1"), ("Throttling:Writes:Burst", "200"), ("Throttling:Writes:PerSecond", "1")];

    [Fact]
    public async Task A_spent_budget_is_429_with_a_time_and_concerns_nobody_else()
    {
        await using var plane = await ControlPlaneFixture.StartAsync(Tight);
        var (noisy, noisyId) = await plane.NewPrincipalAsync();
        var (quiet, quietId) = await plane.NewPrincipalAsync();
        await plane.AssignAsync(noisyId, BuiltInRoles.Reader, ArmHttp.SubscriptionPath);
        await plane.AssignAsync(quietId, BuiltInRoles.Reader, ArmHttp.SubscriptionPath);

        var first = (await noisy.GetAsync(ArmHttp.SubscriptionPath)).Is(200);
        var second = (await noisy.GetAsync(ArmHttp.SubscriptionPath)).Is(200);
        Assert.True(int.Parse(second.Header("x-ms-ratelimit-remaining-subscription-reads")!) < int.Parse(first.Header("x-ms-ratelimit-remaining-subscription-reads")!));
        var refused = await SpendAsync(noisy, ArmHttp.SubscriptionPath);
        Assert.Equal("SubscriptionRequestsThrottled", refused.ErrorCode);
        Assert.True(int.Parse(refused.Header("Retry-After")!) >= 1);
        Assert.Equal("0", refused.Header("x-ms-ratelimit-remaining-subscription-reads"));
        (await quiet.GetAsync(ArmHttp.SubscriptionPath)).Is(200);
        // Another kind of request, and the tenant, have budgets of their own; polling costs nothing.
        (await noisy.DeleteAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/none")).Is(403);
        (await noisy.GetAsync("/subscriptions")).Is(200);
        var poll = $"{ArmHttp.SubscriptionPath}/providers/ControlPlane.BareMetal/locations/westeurope/operationStatuses/{Guid.NewGuid()}";
        for (var time = 0; time < 30; time++)
            (await noisy.GetAsync(poll)).Is(404, "OperationNotFound");
    }

    [Fact]
    public async Task Made_up_subscriptions_do_not_add_to_the_budget()
    {
        await using var plane = await ControlPlaneFixture.StartAsync(Tight);
        var (hostile, _) = await plane.NewPrincipalAsync();
        await SpendAsync(hostile, path: null);
    }

    [Fact]
    public async Task An_action_that_is_asked_for_again_with_the_same_request_id_is_started_once()
    {
        await using var plane = await ControlPlaneFixture.StartFrontDoorAsync();
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/retries";
        (await plane.Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        var machine = $"{group}/providers/ControlPlane.BareMetal/bareMetalMachines/m";
        (await plane.Arm.PutAsync(machine, new JsonObject
        {
            ["location"] = "westeurope",
            ["properties"] = new JsonObject { ["bmc"] = new JsonObject { ["endpoint"] = "https://127.0.0.9:4444", ["credentials"] = new JsonObject { ["userName"] = "u", ["password"] = "p" } } },
        })).Is(201);
        // What a worker does when it ends the PUT; there is none here.
        await plane.Database.ExecuteAsync("with ended as (update operations set status = 'Succeeded', ended_at = now() where ended_at is null) update resources set state = 'Succeeded', version = version + 1 where key = $1", machine.ToLowerInvariant());

        var id = Guid.NewGuid().ToString();
        var first = (await plane.Arm.PostAsync($"{machine}/inspect", body: null, ("x-ms-client-request-id", id))).Is(202);
        var again = (await plane.Arm.PostAsync($"{machine}/inspect", body: null, ("x-ms-client-request-id", id))).Is(202);
        Assert.Equal(first.Header("Azure-AsyncOperation"), again.Header("Azure-AsyncOperation"));
        (await plane.Arm.PostAsync($"{machine}/inspect", body: null, ("x-ms-client-request-id", Guid.NewGuid().ToString()))).Is(409, "Conflict");
        var (stranger, strangerId) = await plane.NewPrincipalAsync();
        await plane.AssignAsync(strangerId, BuiltInRoles.Reader, group);
        (await stranger.PostAsync($"{machine}/inspect", body: null, ("x-ms-client-request-id", id))).Is(403, "AuthorizationFailed");
    }

    /// <summary>Reads until it is refused; null: a subscription of another name each time.</summary>
    private static async Task<ArmAnswer> SpendAsync(ArmHttp arm, string? path)
    {
        for (var time = 0; time < 200; time++)
        {
            var answer = await arm.GetAsync(path ?? $"/subscriptions/{Guid.NewGuid()}");
            if (answer.Status == 429)
                return answer;
            Assert.Equal(path is null ? 404 : 200, answer.Status);
        }

        throw new InvalidOperationException("The budget never ends.");
    }
}
