using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Contracts.Policy;
using ControlPlane.Tests.Fixtures;
using Xunit;
using static ControlPlane.Tests.Policy.PolicyFixture;

namespace ControlPlane.Tests.Policy;

/// <summary>Who is found to keep the policies and who is not.</summary>
[Collection(PolicySuite.Name)]
public sealed class PolicyComplianceTests(PolicyFixture fixture)
{
    private const string States = "/providers/Microsoft.PolicyInsights/policyStates/latest";
    private const string AuditUntagged = """{"if":{"allOf":[{"field":"type","equals":"ControlPlane.BareMetal/osImages"},{"field":"tags['env']","exists":false}]},"then":{"effect":"audit"}}""";

    private ArmHttp Arm => fixture.Arm;

    [Fact]
    public async Task An_existing_resource_becomes_non_compliant_and_compliant_again()
    {
        var group = await fixture.GroupAsync();
        (await fixture.ImageAsync(group, "old")).Is(201);
        var assignment = await fixture.AssignAsync(group, await fixture.DefineAsync(AuditUntagged));
        var state = (await UntilAsync(group, "NonCompliant", ["old"])).Single();
        Assert.Equal((assignment, "audit", false, "ControlPlane.BareMetal/osImages"), (state.GetProperty("policyAssignmentId").GetString(), state.GetProperty("policyDefinitionAction").GetString(), state.GetProperty("isCompliant").GetBoolean(), state.GetProperty("resourceType").GetString()));
        Assert.Equal(ImagePath(group, "old"), state.GetProperty("resourceId").GetString());

        (await fixture.ImageAsync(group, "new")).Is(201);
        await UntilAsync(group, "NonCompliant", ["new", "old"]);
        await Eventually.Async(async () => (await Arm.GetAsync(ImagePath(group, "old"))).ProvisioningState, one => one == "Succeeded", "the image is there");
        (await Arm.PatchAsync(ImagePath(group, "old"), new JsonObject { ["tags"] = new JsonObject { ["env"] = "prod" } })).Is(200);
        await UntilAsync(group, "NonCompliant", ["new"]);
        Assert.Contains(await QueryAsync(group, "Compliant"), one => one.GetProperty("resourceId").GetString() == ImagePath(group, "old"));

        await Arm.FinishAsync((await Arm.DeleteAsync(ImagePath(group, "new"))).Is(202));
        await UntilAsync(group, "NonCompliant", []);
        (await Arm.DeleteAsync($"{assignment}?{PolicyFixture.Version}")).Is(200);
        Assert.Empty(await QueryAsync(group, "Compliant"));
    }

    [Fact]
    public async Task Deny_that_came_late_and_deny_that_is_not_enforced_are_reported()
    {
        var group = await fixture.GroupAsync();
        (await fixture.ImageAsync(group, "early")).Is(201);
        var more = Parameters(("tagName", "env"));
        more["enforcementMode"] = "DoNotEnforce";
        await fixture.AssignAsync(group, BuiltIn(BuiltInPolicies.RequireTag), more);
        (await fixture.ImageAsync(group, "let-through")).Is(201);
        await UntilAsync(group, "NonCompliant", ["early", "let-through"]);
    }

    [Fact]
    public async Task AuditIfNotExists_looks_for_what_must_exist_in_the_same_group()
    {
        var group = await fixture.GroupAsync();
        (await fixture.ImageAsync(group, "main")).Is(201);
        await fixture.AssignAsync(group, await fixture.DefineAsync("""
            {"if":{"allOf":[{"field":"type","equals":"ControlPlane.BareMetal/osImages"},{"field":"name","equals":"main"}]},
            "then":{"effect":"auditIfNotExists","details":{"type":"ControlPlane.BareMetal/osImages","name":"[concat(field('name'), '-backup')]","existenceCondition":{"field":"ControlPlane.BareMetal/osImages/version","like":"24.*"}}}}
            """));
        await UntilAsync(group, "NonCompliant", ["main"]);
        (await fixture.ImageAsync(group, "main-backup")).Is(201);
        // What must exist is not what is judged: it is seen when asked for, or within the hour.
        await TriggerAsync(group);
        await UntilAsync(group, "NonCompliant", []);
    }

    [Fact]
    public async Task A_summary_counts_resources_and_policies()
    {
        var group = await fixture.GroupAsync();
        (await fixture.ImageAsync(group, "a")).Is(201);
        (await fixture.ImageAsync(group, "b", new() { ["env"] = "prod" })).Is(201);
        var audited = await fixture.AssignAsync(group, await fixture.DefineAsync(AuditUntagged));
        await fixture.AssignAsync(group, await fixture.DefineAsync(AuditUntagged.Replace("env", "team", StringComparison.Ordinal)));
        await UntilAsync(group, "NonCompliant", ["a", "a", "b"]);
        await TriggerAsync(group);
        var summary = (await Arm.PostAsync($"{group}{States}/summarize?{InsightsVersion}")).Is(200).Json.GetProperty("value")[0];
        Assert.Equal((2, 2), (summary.GetProperty("results").GetProperty("nonCompliantResources").GetInt32(), summary.GetProperty("results").GetProperty("nonCompliantPolicies").GetInt32()));
        var one = summary.GetProperty("policyAssignments").EnumerateArray().Single(entry => entry.GetProperty("policyAssignmentId").GetString() == audited);
        Assert.Equal(1, one.GetProperty("results").GetProperty("nonCompliantResources").GetInt32());
        Assert.Equal("audit", one.GetProperty("policyDefinitions")[0].GetProperty("effect").GetString());
        (await Arm.PostAsync($"{group}{States}/queryResults?{InsightsVersion}&$filter=colour%20eq%20'red'")).Is(400, "InvalidFilterInQueryString");
        Assert.Equal(1, (await Arm.PostAsync($"{group}{States}/queryResults?{InsightsVersion}&$top=1")).Is(200).Json.GetProperty("@odata.count").GetInt32());
    }

    [Fact]
    public async Task Who_may_not_read_a_group_does_not_read_its_states()
    {
        var group = await fixture.GroupAsync();
        var (reader, id) = await fixture.Plane.NewPrincipalAsync();
        (await reader.PostAsync($"{group}{States}/queryResults?{InsightsVersion}")).Is(404);
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Reader, group);
        (await reader.PostAsync($"{group}{States}/queryResults?{InsightsVersion}")).Is(200);
        (await reader.PostAsync($"{group}{States}/triggerEvaluation?{InsightsVersion}")).Is(403, "AuthorizationFailed");
    }

    private async Task TriggerAsync(string scope)
    {
        var accepted = (await Arm.PostAsync($"{scope}{States}/triggerEvaluation?{InsightsVersion}")).Is(202);
        await Eventually.Async(() => Arm.SendRawAsync(HttpMethod.Get, accepted.Header("Location")!), answer => answer.Status == 200, "the evaluation ends");
    }

    private async Task<List<JsonElement>> QueryAsync(string scope, string state) =>
        [.. (await Arm.PostAsync($"{scope}{States}/queryResults?{InsightsVersion}&$filter=complianceState%20eq%20'{state}'")).Is(200).Json.GetProperty("value").EnumerateArray()];

    private Task<List<JsonElement>> UntilAsync(string scope, string state, string[] names) => Eventually.Async(() => QueryAsync(scope, state),
        states => states.Select(one => one.GetProperty("resourceId").GetString()!.Split('/')[^1]).Order(StringComparer.Ordinal).SequenceEqual(names, StringComparer.Ordinal), $"{state} are {string.Join(", ", names)}");
}
