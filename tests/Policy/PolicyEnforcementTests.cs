using System.Text.Json.Nodes;
using ControlPlane.Contracts.Policy;
using ControlPlane.Tests.Fixtures;
using Xunit;
using static ControlPlane.Tests.Policy.PolicyFixture;

namespace ControlPlane.Tests.Policy;

/// <summary>What policies do to writes at the front door.</summary>
[Collection(PolicySuite.Name)]
public sealed class PolicyEnforcementTests(PolicyFixture fixture)
{
    private const string DenyNamed = """{"if":{"allOf":[{"field":"type","equals":"ControlPlane.BareMetal/osImages"},{"field":"name","like":"[parameters('pattern')]"}]},"then":{"effect":"[parameters('effect')]"}}""";
    private const string DenyNamedParameters = """{"pattern":{"type":"String"},"effect":{"type":"String","allowedValues":["deny","audit","disabled"],"defaultValue":"deny"}}""";

    private ArmHttp Arm => fixture.Arm;

    [Fact]
    public async Task Deny_refuses_and_says_which_policy_and_why()
    {
        var group = await fixture.GroupAsync();
        var definition = await fixture.DefineAsync(DenyNamed, DenyNamedParameters);
        var assignment = await fixture.AssignAsync(group, definition, Parameters(("pattern", "bad-*")));
        var refused = (await fixture.ImageAsync(group, "bad-1")).Is(403, "RequestDisallowedByPolicy").Json.GetProperty("error");
        Assert.StartsWith("Resource 'bad-1' was disallowed by policy. Policy identifiers: '[{\"policyAssignment\":{\"name\":", refused.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("bad-1", refused.GetProperty("target").GetString());
        var info = refused.GetProperty("additionalInfo")[0];
        Assert.Equal("PolicyViolation", info.GetProperty("type").GetString());
        Assert.Equal((assignment, definition, "deny", group), (Text("policyAssignmentId"), Text("policyDefinitionId"), Text("policyDefinitionEffect"), Text("policyAssignmentScope")));
        Assert.Equal("bad-*", info.GetProperty("info").GetProperty("policyAssignmentParameters").GetProperty("pattern").GetProperty("value").GetString());
        (await Arm.GetAsync(ImagePath(group, "bad-1"))).Is(404);
        (await fixture.ImageAsync(group, "good-1")).Is(201);

        string? Text(string name) => info.GetProperty("info").GetProperty(name).GetString();
    }

    [Fact]
    public async Task An_assignment_at_the_subscription_binds_its_groups_and_one_at_a_resource_binds_that()
    {
        var (group, other) = (await fixture.GroupAsync(), await fixture.GroupAsync());
        var definition = await fixture.DefineAsync(DenyNamed, DenyNamedParameters);
        var whole = await fixture.AssignAsync(ArmHttp.SubscriptionPath, definition, Parameters(("pattern", "inherited-*")));
        (await fixture.ImageAsync(group, "inherited-1")).Is(403, "RequestDisallowedByPolicy");
        (await fixture.ImageAsync(other, "inherited-1")).Is(403, "RequestDisallowedByPolicy");
        (await Arm.DeleteAsync($"{whole}?{PolicyFixture.Version}")).Is(200);
        (await fixture.ImageAsync(group, "inherited-1")).Is(201);

        await fixture.AssignAsync(ImagePath(group, "inherited-1"), definition, Parameters(("pattern", "inherited-*")));
        (await Arm.PatchAsync(ImagePath(group, "inherited-1"), new JsonObject { ["tags"] = new JsonObject { ["a"] = "b" } })).Is(403, "RequestDisallowedByPolicy");
        (await fixture.ImageAsync(group, "inherited-2")).Is(201);
    }

    [Fact]
    public async Task What_is_out_of_scope_and_what_is_not_enforced_passes()
    {
        var (group, spared) = (await fixture.GroupAsync(), await fixture.GroupAsync());
        var definition = await fixture.DefineAsync(DenyNamed, DenyNamedParameters);
        var more = Parameters(("pattern", "spared-*"));
        more["notScopes"] = new JsonArray(spared.ToUpperInvariant());
        more["nonComplianceMessages"] = new JsonArray(new JsonObject { ["message"] = "Ask the platform team." });
        var assignment = await fixture.AssignAsync(ArmHttp.SubscriptionPath, definition, more);
        Assert.Contains("Reasons: 'Ask the platform team.'", (await fixture.ImageAsync(group, "spared-1")).Is(403, "RequestDisallowedByPolicy").Text, StringComparison.Ordinal);
        (await fixture.ImageAsync(spared, "spared-1")).Is(201);
        more["enforcementMode"] = "DoNotEnforce";
        (await fixture.PutAssignmentAsync(assignment, definition, more)).Is(201);
        (await fixture.ImageAsync(group, "spared-1")).Is(201);
        (await Arm.DeleteAsync($"{assignment}?{PolicyFixture.Version}")).Is(200);
    }

    [Fact]
    public async Task The_effect_may_be_a_parameter_and_a_changed_definition_is_in_force_at_once()
    {
        var group = await fixture.GroupAsync();
        var definition = await fixture.DefineAsync(DenyNamed, DenyNamedParameters);
        await fixture.AssignAsync(group, definition, Parameters(("pattern", "x-*"), ("effect", "disabled")));
        (await fixture.ImageAsync(group, "x-1")).Is(201);
        (await fixture.PutDefinitionAsync(definition, DenyNamed.Replace("\"[parameters('effect')]\"", "\"deny\"", StringComparison.Ordinal), DenyNamedParameters)).Is(201);
        (await fixture.ImageAsync(group, "x-2")).Is(403, "RequestDisallowedByPolicy");
    }

    [Fact]
    public async Task What_is_removed_and_made_again_under_its_old_name_is_in_force_as_it_is_now()
    {
        var group = await fixture.GroupAsync();
        var definition = await fixture.DefineAsync(Deny("a-*"));
        var assignment = await fixture.AssignAsync(group, definition);
        (await fixture.ImageAsync(group, "a-1")).Is(403, "RequestDisallowedByPolicy");
        (await Arm.DeleteAsync($"{assignment}?{PolicyFixture.Version}")).Is(200);
        (await fixture.ImageAsync(group, "a-1")).Is(201);
        (await Arm.DeleteAsync($"{definition}?{PolicyFixture.Version}")).Is(200);
        (await fixture.PutDefinitionAsync(definition, Deny("b-*"))).Is(201);
        (await fixture.PutAssignmentAsync(assignment, definition)).Is(201);
        (await fixture.ImageAsync(group, "a-2")).Is(201);
        (await fixture.ImageAsync(group, "b-1")).Is(403, "RequestDisallowedByPolicy");

        static string Deny(string pattern) => """{"if":{"field":"name","like":"PATTERN"},"then":{"effect":"deny"}}""".Replace("PATTERN", pattern, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Modify_changes_puts_patches_and_tag_writes()
    {
        var group = await fixture.GroupAsync();
        await fixture.AssignAsync(group, BuiltIn(BuiltInPolicies.InheritTag), Parameters(("tagName", "costCenter")));
        await fixture.AssignAsync(group, BuiltIn(BuiltInPolicies.AddTag), Parameters(("tagName", "managed"), ("tagValue", "yes")));
        var created = (await fixture.ImageAsync(group, "tagged", new() { ["costCenter"] = "7", ["own"] = "1" })).Is(201).Json.GetProperty("tags");
        Assert.Equal("""{"costCenter":"42","own":"1","managed":"yes"}""", created.GetRawText());
        await Eventually.Async(async () => (await Arm.GetAsync(ImagePath(group, "tagged"))).ProvisioningState, state => state == "Succeeded", "the image is there");
        var patched = (await Arm.PatchAsync(ImagePath(group, "tagged"), new JsonObject { ["tags"] = new JsonObject { ["managed"] = "no" } })).Is(200).Json.GetProperty("tags");
        Assert.Equal(("42", "no"), (patched.GetProperty("costCenter").GetString(), patched.GetProperty("managed").GetString()));
        (await Arm.PatchAsync($"{ImagePath(group, "tagged")}/providers/Microsoft.Resources/tags/default?api-version=2021-04-01",
            new JsonObject { ["operation"] = "Replace", ["properties"] = new JsonObject { ["tags"] = new JsonObject { ["costCenter"] = "0" } } })).Is(200);
        Assert.Equal("42", (await Arm.GetAsync(ImagePath(group, "tagged"))).Json.GetProperty("tags").GetProperty("costCenter").GetString());
    }

    [Fact]
    public async Task Modify_and_append_change_properties_before_they_are_checked()
    {
        var group = await fixture.GroupAsync();
        await fixture.AssignAsync(group, await fixture.DefineAsync(
            """{"if":{"field":"type","equals":"ControlPlane.BareMetal/osImages"},"then":{"effect":"modify","details":{"operations":[{"operation":"addOrReplace","field":"ControlPlane.BareMetal/osImages/version","value":"25.10"}]}}}"""));
        Assert.Equal("25.10", (await fixture.ImageAsync(group, "a", version: "1.0")).Is(201).Json.GetProperty("properties").GetProperty("version").GetString());
        await fixture.AssignAsync(group, await fixture.DefineAsync(
            """{"if":{"field":"type","equals":"ControlPlane.BareMetal/osImages"},"then":{"effect":"append","details":[{"field":"tags['owner']","value":"ada"}]}}"""));
        Assert.Equal("ada", (await fixture.ImageAsync(group, "b")).Is(201).Json.GetProperty("tags").GetProperty("owner").GetString());
        (await fixture.ImageAsync(group, "c", new() { ["owner"] = "bob" })).Is(403, "RequestDisallowedByPolicy");
    }

    [Fact]
    public async Task The_built_in_definitions_do_what_they_say()
    {
        var group = await fixture.GroupAsync();
        var located = await fixture.AssignAsync(group, BuiltIn(BuiltInPolicies.AllowedLocations), Parameters(("listOfAllowedLocations", new JsonArray("West Europe"))));
        (await fixture.ImageAsync(group, "far", location: "westus")).Is(403, "RequestDisallowedByPolicy");
        (await fixture.ImageAsync(group, "near")).Is(201);
        (await Arm.DeleteAsync($"{located}?{PolicyFixture.Version}")).Is(200);
        var typed = await fixture.AssignAsync(group, BuiltIn(BuiltInPolicies.AllowedResourceTypes), Parameters(("listOfResourceTypesAllowed", new JsonArray("ControlPlane.BareMetal/racks"))));
        (await fixture.ImageAsync(group, "typed")).Is(403, "RequestDisallowedByPolicy");
        (await Arm.DeleteAsync($"{typed}?{PolicyFixture.Version}")).Is(200);
        await fixture.AssignAsync(group, BuiltIn(BuiltInPolicies.RequireTagAndValue), Parameters(("tagName", "env"), ("tagValue", "prod")));
        (await fixture.ImageAsync(group, "untagged")).Is(403, "RequestDisallowedByPolicy");
        (await fixture.ImageAsync(group, "untagged", new() { ["env"] = "test" })).Is(403, "RequestDisallowedByPolicy");
        (await fixture.ImageAsync(group, "tagged", new() { ["ENV"] = "prod" })).Is(201);
    }

    [Fact]
    public async Task Definitions_and_assignments_are_checked_when_they_are_written()
    {
        var path = $"{ArmHttp.SubscriptionPath}/providers/Microsoft.Authorization/policyDefinitions/broken";
        var broken = (await fixture.PutDefinitionAsync(path, """{"if":{"allOf":[{"field":"nam","equals":"x"},{"field":"name","is":"x"}]},"then":{"effect":"refuse"}}""")).Is(400, "MultipleErrorsOccurred");
        Assert.Superset(new HashSet<string?> { "properties.policyRule.if.allOf[0].field", "properties.policyRule.if.allOf[1].is", "properties.policyRule.then.effect" }, broken.Targets.ToHashSet());

        var group = await fixture.GroupAsync();
        var assignment = $"{group}/providers/Microsoft.Authorization/policyAssignments/wrong";
        var wrong = (await fixture.PutAssignmentAsync(assignment, BuiltIn(BuiltInPolicies.RequireTagAndValue), Parameters(("tagName", 7), ("tagNam", "x")))).Is(400, "MultipleErrorsOccurred");
        Assert.Superset(new HashSet<string?> { "properties.parameters.tagName", "properties.parameters.tagNam", "properties.parameters.tagValue" }, wrong.Targets.ToHashSet());
        (await fixture.PutAssignmentAsync(assignment, $"{ArmHttp.SubscriptionPath}/providers/Microsoft.Authorization/policyDefinitions/none")).Is(400);

        var definition = await fixture.DefineAsync(DenyNamed, DenyNamedParameters);
        await fixture.AssignAsync(group, definition, Parameters(("pattern", "y")));
        (await Arm.DeleteAsync($"{definition}?{PolicyFixture.Version}")).Is(409, "ResourceInUse");
    }

    [Fact]
    public async Task Built_in_definitions_are_read_at_the_tenant_and_nobody_changes_them()
    {
        var listed = (await Arm.GetAsync($"/providers/Microsoft.Authorization/policyDefinitions?{PolicyFixture.Version}")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("name").GetString()).ToList();
        Assert.Superset(BuiltInPolicies.ByName.Keys.ToHashSet(StringComparer.OrdinalIgnoreCase), listed.ToHashSet(StringComparer.OrdinalIgnoreCase)!);
        var read = (await Arm.GetAsync($"{BuiltIn(BuiltInPolicies.AllowedLocations)}?{PolicyFixture.Version}")).Is(200).Json.GetProperty("properties");
        Assert.Equal(("Allowed locations", "BuiltIn"), (read.GetProperty("displayName").GetString(), read.GetProperty("policyType").GetString()));
        var refused = await fixture.PutDefinitionAsync(BuiltIn(BuiltInPolicies.AllowedLocations), """{"if":{"field":"name","exists":true},"then":{"effect":"deny"}}""");
        Assert.InRange(refused.Status, 400, 409);
    }

    [Fact]
    public async Task A_write_that_races_an_assignment_is_either_refused_or_found_later()
    {
        var group = await fixture.GroupAsync();
        var definition = await fixture.DefineAsync(DenyNamed, DenyNamedParameters);
        var writes = Enumerable.Range(0, 12).Select(at => fixture.ImageAsync(group, $"race-{at}")).ToList();
        var assignment = fixture.AssignAsync(group, definition, Parameters(("pattern", "race-*")));
        var answers = await Task.WhenAll(writes);
        await assignment;
        Assert.All(answers, answer => Assert.True(answer.Status == 201 || answer.ErrorCode == "RequestDisallowedByPolicy", answer.ToString()));
        (await fixture.ImageAsync(group, "race-after")).Is(403, "RequestDisallowedByPolicy");
        var stored = answers.Count(answer => answer.Status == 201);
        await Eventually.Async(async () => (await Arm.PostAsync($"{group}/providers/Microsoft.PolicyInsights/policyStates/latest/queryResults?{InsightsVersion}&$filter=complianceState%20eq%20'NonCompliant'")).Json.GetProperty("@odata.count").GetInt32(), count => count == stored, "every write that got through is found");
    }
}
