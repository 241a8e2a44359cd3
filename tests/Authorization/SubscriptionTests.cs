using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>The life of a subscription, the namespaces it has registered, its tags and its activity log.</summary>
[Collection(AuthorizationSuite.Name)]
public sealed class SubscriptionTests(AuthorizationFixture fixture)
{
    private ArmHttp Arm => fixture.Plane.Arm;

    [Fact]
    public async Task Warned_and_suspended_take_reads_and_deletes_only_and_deleted_takes_everything_along()
    {
        var subscription = $"/subscriptions/{Guid.NewGuid()}";
        await StateAsync(subscription, "Registered");
        await StateAsync(subscription, "Registered");
        var group = $"{subscription}/resourceGroups/g";
        (await Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        var image = $"{group}/providers/ControlPlane.BareMetal/osImages/a";
        await Arm.FinishAsync((await Arm.PutAsync(image, AuthorizationFixture.Image())).Is(201));
        (await Arm.PutAsync($"{subscription}/providers/Microsoft.Authorization/locks/l?api-version=2016-09-01", new JsonObject { ["properties"] = new JsonObject { ["level"] = "CanNotDelete" } })).Is(201);
        foreach (var state in new[] { "Warned", "Suspended" })
        {
            await StateAsync(subscription, state);
            Assert.NotEqual("Enabled", (await Arm.GetAsync(subscription)).Is(200).Json.GetProperty("state").GetString());
            (await Arm.GetAsync(image)).Is(200);
            (await Arm.PutAsync(image, AuthorizationFixture.Image())).Is(409, "ReadOnlyDisabledSubscription");
            (await Arm.PatchAsync(group, new JsonObject { ["tags"] = new JsonObject() })).Is(409, "ReadOnlyDisabledSubscription");
        }

        await StateAsync(subscription, "Registered");
        await StateAsync(subscription, "Deleted");
        await StateAsync(subscription, "Deleted");
        await Eventually.Async(() => Arm.GetAsync(subscription), answer => answer.Status == 404, "the subscription is gone", TimeSpan.FromSeconds(60));
        (await Arm.GetAsync(image)).Is(404, "SubscriptionNotFound");
    }

    [Fact]
    public async Task Its_owner_may_not_change_its_state()
    {
        var subscription = $"/subscriptions/{Guid.NewGuid()}";
        await StateAsync(subscription, "Registered");
        var (owner, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Owner, subscription);
        (await owner.PutAsync($"{subscription}?api-version=2.0", new JsonObject { ["state"] = "Suspended" })).Is(403, "AuthorizationFailed");
        (await Arm.PutAsync($"{subscription}?api-version=2.0", new JsonObject { ["state"] = "Sleeping" })).Is(400);
        (await Arm.PutAsync("/subscriptions/no-guid?api-version=2.0", new JsonObject { ["state"] = "Registered" })).Is(400);
    }

    [Fact]
    public async Task An_unregistered_namespace_refuses_writes_with_the_text_that_az_reads_and_registering_helps()
    {
        var subscription = $"/subscriptions/{Guid.NewGuid()}";
        await StateAsync(subscription, "Registered");
        (await Arm.PutAsync($"{subscription}/resourceGroups/g", new JsonObject { ["location"] = "westeurope" })).Is(201);
        var provider = $"{subscription}/providers/ControlPlane.BareMetal";
        Assert.Equal("Unregistered", (await Arm.PostAsync($"{provider}/unregister?api-version=2021-04-01")).Is(200).Json.GetProperty("registrationState").GetString());
        var image = $"{subscription}/resourceGroups/g/providers/ControlPlane.BareMetal/osImages/a";
        var refused = (await Arm.PutAsync(image, AuthorizationFixture.Image())).Is(409, "MissingSubscriptionRegistration");
        Assert.EndsWith("'ControlPlane.BareMetal'.", refused.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("Registered", (await Arm.PostAsync($"{provider}/register?api-version=2016-02-01")).Is(200).Json.GetProperty("registrationState").GetString());
        Assert.Equal("Registered", (await Arm.GetAsync(provider)).Is(200).Json.GetProperty("registrationState").GetString());
        (await Arm.PutAsync(image, AuthorizationFixture.Image())).Is(201);
    }

    [Fact]
    public async Task Tags_of_any_scope_are_read_merged_replaced_and_removed_by_whoever_may_tag()
    {
        var group = await fixture.GroupAsync();
        var tags = $"{group}/providers/Microsoft.Resources/tags/default?api-version=2021-04-01";
        (await Arm.PutAsync(tags, Tags(("a", "1"), ("b", "2")))).Is(200);
        (await Arm.PatchAsync(tags, Patch("Merge", ("B", "3"), ("c", "4")))).Is(200);
        Assert.Equal("1,3,4", await ReadAsync());
        (await Arm.PatchAsync(tags, Patch("Delete", ("A", "1")))).Is(200);
        Assert.Equal("3,4", await ReadAsync());
        (await Arm.PatchAsync(tags, Patch("Shuffle", ("A", "1")))).Is(400);
        (await Arm.PutAsync(tags, Tags(("bad<name", "1")))).Is(400);
        Assert.Contains("\"tagName\":\"c\"", (await Arm.GetAsync($"{ArmHttp.SubscriptionPath}/tagNames?api-version=2021-04-01")).Is(200).Text, StringComparison.Ordinal);
        (await Arm.DeleteAsync(tags)).Is(200);
        Assert.Equal("", await ReadAsync());
        (await Arm.PutAsync($"{ArmHttp.SubscriptionPath}/providers/Microsoft.Resources/tags/default?api-version=2021-04-01", Tags(("team", "x")))).Is(200);

        async Task<string> ReadAsync() => string.Join(',', (await Arm.GetAsync(tags)).Is(200).Json.GetProperty("properties").GetProperty("tags").EnumerateObject().OrderBy(tag => tag.Name, StringComparer.OrdinalIgnoreCase).Select(tag => tag.Value.GetString()));
    }

    [Fact]
    public async Task The_activity_log_has_every_write_and_every_refused_one()
    {
        var group = await fixture.GroupAsync();
        var correlation = Guid.NewGuid().ToString();
        var image = $"{group}/providers/ControlPlane.BareMetal/osImages/logged";
        await Arm.FinishAsync((await Arm.PutAsync(image, AuthorizationFixture.Image(), ("x-ms-correlation-request-id", correlation))).Is(201));
        var (reader, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Reader, group);
        (await reader.DeleteAsync(image, ("x-ms-correlation-request-id", correlation))).Is(403);

        var events = await EventsAsync(Arm, $"correlationId eq '{correlation}'");
        Assert.Equal(["Failed delete", "Succeeded write", "Accepted write"], events.Select(one => $"{one.GetProperty("status").GetProperty("value").GetString()} {one.GetProperty("operationName").GetProperty("value").GetString()!.Split('/')[^1]}"));
        Assert.Equal(id, events[0].GetProperty("caller").GetString());
        Assert.Contains("AuthorizationFailed", events[0].GetProperty("subStatus").GetProperty("value").GetString(), StringComparison.Ordinal);
        Assert.Equal(events[1].GetProperty("operationId").GetString(), events[2].GetProperty("operationId").GetString());
        Assert.Equal(3, (await EventsAsync(reader, $"eventTimestamp ge '2020-01-01T00:00:00Z' and resourceUri eq '{image}'")).Count);
        Assert.Empty(await EventsAsync(Arm, $"eventTimestamp le '2020-01-01T00:00:00Z' and resourceUri eq '{image}'"));
        Assert.DoesNotContain(await EventsAsync(reader, "status eq 'Succeeded'"), one => !one.GetProperty("resourceId").GetString()!.StartsWith(group, StringComparison.OrdinalIgnoreCase));
        (await Arm.GetAsync($"{ArmHttp.SubscriptionPath}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter=drop%20table")).Is(400, "InvalidFilterInQueryString");
    }

    [Fact]
    public async Task Who_set_a_quota_stands_in_the_activity_log()
    {
        var quota = $"{ArmHttp.SubscriptionPath}/providers/ControlPlane.BareMetal/locations/westeurope/providers/Microsoft.Quota/quotas/logged";
        var wanted = new JsonObject { ["properties"] = new JsonObject { ["limit"] = new JsonObject { ["limitObjectType"] = "LimitValue", ["value"] = 3 } } };
        var correlation = Guid.NewGuid().ToString();
        (await Arm.PutAsync(quota, wanted, ("x-ms-correlation-request-id", correlation))).Is(200);
        var logged = Assert.Single(await EventsAsync(Arm, $"correlationId eq '{correlation}'"));
        Assert.Equal(("Succeeded", "Microsoft.Quota/quotas/write", quota), (logged.GetProperty("status").GetProperty("value").GetString(), logged.GetProperty("operationName").GetProperty("value").GetString(), logged.GetProperty("resourceId").GetString()));
    }

    [Fact]
    public async Task Every_action_of_a_route_is_among_the_operations_of_its_namespace()
    {
        var names = (await Arm.GetAsync("/providers/ControlPlane.BareMetal/operations")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("name").GetString()).ToList();
        foreach (var name in new[] { "racks/read", "racks/write", "racks/delete", "bareMetalMachines/reimage/action", "register/action" })
            Assert.Contains($"ControlPlane.BareMetal/{name}", names);
        var shown = (await Arm.GetAsync("/providers/Microsoft.Authorization/providerOperations/ControlPlane.BareMetal?api-version=2018-01-01-preview&$expand=resourceTypes")).Is(200).Json;
        Assert.Contains(shown.GetProperty("resourceTypes").EnumerateArray(), type => type.GetProperty("name").GetString() == "racks");
    }

    private async Task StateAsync(string subscription, string state) => (await Arm.PutAsync($"{subscription}?api-version=2.0", new JsonObject { ["state"] = state })).Is(200);

    private static async Task<List<System.Text.Json.JsonElement>> EventsAsync(ArmHttp arm, string filter) =>
        [.. (await arm.GetAsync($"{ArmHttp.SubscriptionPath}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter={Uri.EscapeDataString(filter)}")).Is(200).Json.GetProperty("value").EnumerateArray()];

    private static JsonObject Tags(params (string Name, string Value)[] tags) =>
        new() { ["properties"] = new JsonObject { ["tags"] = new JsonObject(tags.Select(tag => KeyValuePair.Create<string, JsonNode?>(tag.Name, tag.Value))) } };

    private static JsonObject Patch(string operation, params (string Name, string Value)[] tags)
    {
        var patch = Tags(tags);
        patch["operation"] = operation;
        return patch;
    }
}
