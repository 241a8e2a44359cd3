using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>What every answer carries, systemData, and who may see anything at all.</summary>
[Collection(ConformanceSuite.Name)]
public sealed class HeaderTests(ConformanceFixture fixture)
{
    private ArmHttp Arm => fixture.Frozen.Arm;

    [Theory, EachType]
    public async Task Every_answer_has_a_request_id_of_its_own_and_the_clients_correlation_id(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var correlation = Guid.NewGuid().ToString();
        (string, string)[] headers = [("x-ms-correlation-request-id", correlation), ("x-ms-client-request-id", "mine-1"), ("x-ms-return-client-request-id", "true")];
        ArmAnswer[] answers =
        [
            await thing.GetAsync(headers), await thing.PutAsync(headers), await thing.GetAsync(headers), await thing.DeleteAsync(headers),
            await Arm.GetAsync("/nowhere", headers), await Arm.Anonymous().GetAsync(thing.Path, headers),
        ];

        Assert.All(answers, answer => Assert.Equal(correlation, answer.Header("x-ms-correlation-request-id")));
        Assert.All(answers, answer => Assert.Equal("mine-1", answer.Header("x-ms-client-request-id")));
        Assert.Equal(answers.Length, answers.Select(answer => Guid.Parse(answer.Header("x-ms-request-id")!)).Distinct().Count());
        Assert.All(answers.Where(answer => answer.Text.Length > 0), answer => Assert.Equal("application/json; charset=utf-8", answer.Header("Content-Type")));
        Assert.All(answers, answer => Assert.Equal("no-cache", answer.Header("Cache-Control")));
        Assert.All(answers, answer => Assert.NotNull(answer.Header("Strict-Transport-Security")));
        Assert.All(answers, answer => Assert.Null(answer.Header("Server")));
    }

    [Theory, EachType]
    public async Task Without_a_correlation_id_one_is_made_and_a_client_id_is_returned_only_on_request(string type)
    {
        var answer = await Subject.Frozen(fixture, type).GetAsync(("x-ms-client-request-id", "mine-1"), ("x-ms-correlation-request-id", "not a guid"));
        Assert.True(Guid.TryParse(answer.Header("x-ms-correlation-request-id"), out _));
        Assert.Null(answer.Header("x-ms-client-request-id"));
    }

    [Theory, EachType]
    public async Task Every_error_has_a_code_a_message_and_the_code_as_header(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        ArmAnswer[] errors =
        [
            await thing.GetAsync(), await thing.PatchAsync([]), await Arm.PutAsync(thing.Path, new JsonObject()), await Arm.PutAsync(thing.PathOf("a%3Cb"), thing.Body),
            await Arm.SendRawAsync(HttpMethod.Get, thing.Path), await Arm.PostAsync(thing.Path + "/dance"), await Arm.SendAsync(HttpMethod.Put, thing.Path, ArmHttp.Text("x", "text/plain")),
            await thing.PutAsync(("If-Match", "*")), await Arm.Anonymous().GetAsync(thing.Path), await Arm.SendAsync(HttpMethod.Options, thing.Path), await Arm.SendAsync(new("TRACE"), thing.Path),
        ];
        Assert.All(errors, answer =>
        {
            Assert.True(answer.Status is >= 400 and < 500, answer.ToString());
            Assert.False(string.IsNullOrEmpty(answer.ErrorCode), answer.ToString());
            Assert.Equal(answer.ErrorCode, answer.Header("x-ms-error-code"));
            Assert.NotEmpty(answer.Json.GetProperty("error").GetProperty("message").GetString()!);
        });
    }

    [Theory, EachType]
    public async Task SystemData_names_who_made_and_who_changed_it_and_only_writes_of_clients_move_it(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var created = (await thing.SettleAsync()).Json.GetProperty("systemData");
        Assert.Equal("Application", created.GetProperty("createdByType").GetString());
        Assert.Equal(created.GetProperty("createdAt").GetDateTimeOffset(), created.GetProperty("lastModifiedAt").GetDateTimeOffset());

        await thing.Plane.Database.ExecuteAsync("update resources set created_by = 'someone-else', created_by_type = 'User' where key = $1", thing.Path.ToLowerInvariant());
        await thing.PatchAsync(new() { ["tags"] = new JsonObject() });
        var changed = (await thing.GetAsync()).Json.GetProperty("systemData");
        Assert.Equal("someone-else", changed.GetProperty("createdBy").GetString());
        Assert.Equal("User", changed.GetProperty("createdByType").GetString());
        Assert.Equal(created.GetProperty("createdAt").GetDateTimeOffset(), changed.GetProperty("createdAt").GetDateTimeOffset());
        Assert.Equal(created.GetProperty("lastModifiedBy").GetString(), changed.GetProperty("lastModifiedBy").GetString());
        Assert.True(changed.GetProperty("lastModifiedAt").GetDateTimeOffset() > created.GetProperty("lastModifiedAt").GetDateTimeOffset());
    }

    [Theory, EachType]
    public async Task Nothing_is_answered_to_who_has_no_token(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var watch = (await thing.SettleAsync(), await thing.DeleteAsync()).Item2.Header("Azure-AsyncOperation")!;
        using var anonymous = Arm.Anonymous();
        foreach (var verb in new[] { HttpMethod.Get, HttpMethod.Put, HttpMethod.Patch, HttpMethod.Delete, HttpMethod.Post, HttpMethod.Head, HttpMethod.Options })
        {
            foreach (var path in new[] { thing.Path, thing.Collection, thing.Path + "/dance", watch, watch.Replace("Statuses", "Results", StringComparison.Ordinal), ArmHttp.SubscriptionPath, "/subscriptions", "/providers", "/tenants", "/nowhere" })
            {
                var refused = (await anonymous.SendAsync(verb, path)).Is(401);
                Assert.Contains("authorization_uri", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
                Assert.True(verb == HttpMethod.Head || refused.ErrorCode == "AuthenticationFailed", refused.ToString());
            }
        }
    }

    [Theory, EachType]
    public async Task A_subscription_of_others_is_404_whatever_is_asked(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var foreign = await ForeignSubscriptionAsync();
        var (somebody, objectId) = await fixture.Frozen.NewPrincipalAsync();
        await fixture.Frozen.AssignAsync(objectId, BuiltInRoles.Owner, ArmHttp.SubscriptionPath);
        foreach (var verb in new[] { HttpMethod.Get, HttpMethod.Put, HttpMethod.Patch, HttpMethod.Delete, HttpMethod.Post, HttpMethod.Head })
        {
            foreach (var path in new[] { thing.Path, thing.Collection, $"{ArmHttp.SubscriptionPath}/resources", ArmHttp.SubscriptionPath, $"{ArmHttp.SubscriptionPath}/providers/{type}" })
            {
                var refused = (await somebody.SendAsync(verb, path.Replace(ControlPlaneFixture.Subscription, foreign, StringComparison.Ordinal))).Is(404);
                Assert.True(verb == HttpMethod.Head || refused.ErrorCode == "SubscriptionNotFound", refused.ToString());
            }
        }

        Assert.DoesNotContain(foreign, (await somebody.GetAsync("/subscriptions")).Is(200).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Subscriptions_locations_and_tenants_read_as_clients_expect()
    {
        var subscription = (await Arm.GetAsync(ArmHttp.SubscriptionPath)).Is(200).Json;
        Assert.Equal(ControlPlaneFixture.Subscription, subscription.GetProperty("subscriptionId").GetString());
        Assert.Equal(ControlPlaneFixture.Tenant, subscription.GetProperty("tenantId").GetString());
        Assert.Equal("Enabled", subscription.GetProperty("state").GetString());
        Assert.Contains(ControlPlaneFixture.Subscription, (await Arm.GetAsync("/subscriptions")).Is(200).Text, StringComparison.Ordinal);
        Assert.Contains("\"westus\"", (await Arm.GetAsync($"{ArmHttp.SubscriptionPath}/locations")).Is(200).Text, StringComparison.Ordinal);
        Assert.Contains(ControlPlaneFixture.Tenant, (await Arm.GetAsync("/tenants")).Is(200).Text, StringComparison.Ordinal);
    }

    /// <summary>A subscription that exists and belongs to nobody we are.</summary>
    private async Task<string> ForeignSubscriptionAsync()
    {
        var foreign = Guid.NewGuid().ToString();
        await fixture.Frozen.Database.ExecuteAsync("""
            insert into resources (key, id, parent_key, type, name, subscription, location, tags, properties, status, state, version, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs)
            select '/subscriptions/' || $1, '/subscriptions/' || $1, null, type, $1, $1, location, tags, properties, status, state, version, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs
            from resources where key = $2
            """, foreign, ArmHttp.SubscriptionPath);
        return foreign;
    }
}
