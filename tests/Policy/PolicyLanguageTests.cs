using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Admission.Policy;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Policy;
using Xunit;
using static ControlPlane.Tests.Policy.PolicyRules;

namespace ControlPlane.Tests.Policy;

/// <summary>What rules mean, as Azure Policy's documentation says.</summary>
public sealed class PolicyLanguageTests
{
    private const string Image = """
        {"id":"/subscriptions/s/resourceGroups/g/providers/ControlPlane.BareMetal/osImages/Ubuntu-24","name":"Ubuntu-24","fullName":"Ubuntu-24","type":"ControlPlane.BareMetal/osImages","location":"West Europe",
        "tags":{"Environment":"Prod","owner":"ada"},
        "properties":{"version":"24.04","sizeBytes":1024,"signed":true,"publishedAt":"2026-06-01T00:00:00Z","mirrors":[{"region":"eu","size":1},{"region":"us","size":2}],"labels":{"gpu":"yes"},"empty":[]}}
        """;

    [Theory]
    [InlineData("""{"field":"type","equals":"controlplane.baremetal/OSIMAGES"}""", true)]
    [InlineData("""{"field":"location","in":["West Europe","northeurope"]}""", true)]
    [InlineData("""{"field":"location","notEquals":"westeurope"}""", false)]
    [InlineData("""{"field":"tags['environment']","equals":"prod"}""", true)]
    [InlineData("""{"field":"tags[owner]","exists":"true"}""", true)]
    [InlineData("""{"field":"tags.missing","exists":false}""", true)]
    [InlineData("""{"field":"tags","containsKey":"OWNER"}""", true)]
    [InlineData("""{"field":"tags","notContainsKey":"missing"}""", true)]
    [InlineData("""{"field":"name","like":"ubuntu-*"}""", true)]
    [InlineData("""{"field":"name","like":"*24"}""", true)]
    [InlineData("""{"field":"name","notLike":"u*u*4"}""", false)]
    [InlineData("""{"field":"name","match":"Ubuntu-##"}""", true)]
    [InlineData("""{"field":"name","match":"ubuntu-##"}""", false)]
    [InlineData("""{"field":"name","matchInsensitively":"ubuntu.##"}""", true)]
    [InlineData("""{"field":"name","notMatch":"??????-.."}""", false)]
    [InlineData("""{"field":"name","contains":"BUNT"}""", true)]
    [InlineData("""{"field":"name","notContains":"x"}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/osImages/sizeBytes","less":2000}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/osImages/sizeBytes","greaterOrEquals":"1024"}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/osImages/signed","equals":"true"}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/osImages/publishedAt","less":"2026-06-02T00:00:00+02:00"}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/osImages/labels.gpu","equals":"yes"}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/osImages/mirrors[*].region","in":["eu","us"]}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/osImages/mirrors[*].region","equals":"eu"}""", false)]
    [InlineData("""{"not":{"field":"ControlPlane.BareMetal/osImages/mirrors[*].region","notEquals":"eu"}}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/osImages/empty[*]","equals":"x"}""", true)]
    [InlineData("""{"field":"ControlPlane.BareMetal/racks/name","equals":"x"}""", false)]
    [InlineData("""{"count":{"field":"ControlPlane.BareMetal/osImages/mirrors[*]"},"equals":2}""", true)]
    [InlineData("""{"count":{"field":"ControlPlane.BareMetal/osImages/mirrors[*]","where":{"field":"ControlPlane.BareMetal/osImages/mirrors[*].size","greater":1}},"equals":1}""", true)]
    [InlineData("""{"count":{"value":["a*","ubuntu*"],"name":"pattern","where":{"field":"name","like":"[current('pattern')]"}},"greater":0}""", true)]
    [InlineData("""{"value":"[toLower(field('name'))]","equals":"ubuntu-24"}""", true)]
    [InlineData("""{"value":"[last(split(field('id'), '/'))]","equals":"Ubuntu-24"}""", true)]
    [InlineData("""{"value":"[resourceGroup().tags.costCenter]","equals":"42"}""", true)]
    [InlineData("""{"value":"[subscription().subscriptionId]","equals":"s"}""", true)]
    [InlineData("""{"value":"[if(equals(resourceGroup().location, 'westeurope'), 'eu', 'other')]","equals":"eu"}""", true)]
    [InlineData("""{"value":"[[not an expression]","equals":"[concat('[', 'not an expression]')]"}""", true)]
    [InlineData("""{"value":"[length(field('tags'))]","equals":2}""", true)]
    [InlineData("""{"field":"[concat('tags[', 'owner', ']')]","equals":"ADA"}""", true)]
    [InlineData("""{"field":"identity.type","exists":"false"}""", true)]
    [InlineData("""{"allOf":[{"field":"kind","exists":false},{"anyOf":[{"field":"name","equals":"x"},{"field":"fullName","contains":"24"}]}]}""", true)]
    public void A_condition_holds_as_documented(string condition, bool holds) => Assert.Equal(holds, Holds(condition, Target(Image)));

    [Theory]
    [InlineData("""{"if":{"field":"name"},"then":{"effect":"deny"}}""", "policyRule.if")]
    [InlineData("""{"if":{"field":"nam","equals":"x"},"then":{"effect":"deny"}}""", "policyRule.if.field")]
    [InlineData("""{"if":{"field":"name","equal":"x"},"then":{"effect":"deny"}}""", "policyRule.if.equal")]
    [InlineData("""{"if":{"field":"name","equals":"x","like":"y"},"then":{"effect":"deny"}}""", "policyRule.if")]
    [InlineData("""{"if":{"allOf":[]},"then":{"effect":"deny"}}""", "policyRule.if.allOf")]
    [InlineData("""{"if":{"allOf":[{"field":"name","equals":"x"},{"field":"type","in":"x"}]},"then":{"effect":"deny"}}""", "policyRule.if.allOf[1].in")]
    [InlineData("""{"if":{"field":"name","equals":"[parameters('gone')]"},"then":{"effect":"deny"}}""", "policyRule.if.equals")]
    [InlineData("""{"if":{"field":"name","equals":"[concat('x'"},"then":{"effect":"deny"}}""", null)]
    [InlineData("""{"if":{"field":"name","equals":"[concat('x']"},"then":{"effect":"deny"}}""", "policyRule.if.equals")]
    [InlineData("""{"if":{"field":"name","equals":"[nothing('x')]"},"then":{"effect":"deny"}}""", "policyRule.if.equals")]
    [InlineData("""{"if":{"value":"[current('x')]","equals":"x"},"then":{"effect":"deny"}}""", "policyRule.if.value")]
    [InlineData("""{"if":{"field":"name","exists":"perhaps"},"then":{"effect":"deny"}}""", "policyRule.if.exists")]
    [InlineData("""{"if":{"field":"name","exists":"true"},"then":{"effect":"explode"}}""", "policyRule.then.effect")]
    [InlineData("""{"if":{"field":"name","exists":"true"},"then":{"effect":"modify"}}""", "policyRule.then.details")]
    [InlineData("""{"if":{"field":"name","exists":"true"},"then":{"effect":"modify","details":{"operations":[{"operation":"add","field":"name","value":"x"}]}}}""", "policyRule.then.details.operations[0].field")]
    [InlineData("""{"if":{"field":"name","exists":"true"},"then":{"effect":"modify","details":{"operations":[{"operation":"put","field":"tags.a","value":"x"}]}}}""", "policyRule.then.details.operations[0].operation")]
    [InlineData("""{"if":{"field":"name","exists":"true"},"then":{"effect":"append","details":[{"field":"tags.a"}]}}""", "policyRule.then.details[0].value")]
    [InlineData("""{"if":{"field":"name","exists":"true"},"then":{"effect":"auditIfNotExists","details":{"type":"racks"}}}""", "policyRule.then.details.type")]
    [InlineData("""{"if":{"count":{"field":"ControlPlane.BareMetal/racks/servers"},"greater":1},"then":{"effect":"deny"}}""", "policyRule.if.count.field")]
    [InlineData("""{"then":{"effect":"deny"}}""", "policyRule.if")]
    public void A_fault_is_named_with_its_path(string rule, string? path)
    {
        var faults = Faults(rule);
        if (path is null)
            Assert.Empty(faults);
        else
            Assert.Equal([path], faults.Select(fault => fault.Target));
    }

    [Fact]
    public void Every_fault_is_named_at_once() => Assert.Equal(
        ["policyRule.extra", "policyRule.if.anyOf[0].field", "policyRule.if.anyOf[1].not", "policyRule.then.effect"],
        Faults("""{"extra":1,"if":{"anyOf":[{"field":"x","equals":1},{"not":3}]},"then":{"effect":7}}""").Select(fault => fault.Target));

    [Fact]
    public void Size_and_depth_are_bounded()
    {
        var wide = "{\"if\":" + Any(Enumerable.Repeat("""{"field":"name","equals":"x"}""", 600)) + ""","then":{"effect":"deny"}}""";
        Assert.Contains("at most 512", Assert.Single(Faults(wide)).Message, StringComparison.Ordinal);
        var deep = """{"if":{"value":"[""" + string.Concat(Enumerable.Repeat("toLower(", 40)) + "'x'" + new string(')', 40) + """]","equals":"x"},"then":{"effect":"deny"}}""";
        Assert.Contains("nested deeper", Assert.Single(Faults(deep)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_built_in_definition_is_sound()
    {
        foreach (var (name, definition) in BuiltInPolicies.ByName)
        {
            Assert.True(Guid.TryParse(name, out _));
            Assert.Empty(PolicyDefinition.Violations(definition with { PolicyType = PolicyType.Custom }, current: null));
        }
    }

    [Fact]
    public void Modify_changes_tags_and_properties()
    {
        var changed = Changed("""{"effect":"modify","details":{"operations":[{"operation":"addOrReplace","field":"tags['environment']","value":"test"},{"operation":"add","field":"tags.owner","value":"nobody"},{"operation":"add","field":"tags.team","value":"[field('name')]"},{"operation":"remove","field":"ControlPlane.BareMetal/osImages/signed"},{"operation":"addOrReplace","field":"ControlPlane.BareMetal/osImages/mirrors[*].size","value":9},{"operation":"add","field":"ControlPlane.BareMetal/osImages/a.b","value":[1]},{"operation":"add","field":"tags.never","value":"x","condition":"[false()]"}]}}""");
        Assert.Equal("""{"Environment":"test","owner":"ada","team":"Ubuntu-24"}""", changed["tags"]!.ToJsonString());
        Assert.False(changed["properties"]!.AsObject().ContainsKey("signed"));
        Assert.Equal("""[{"region":"eu","size":9},{"region":"us","size":9}]""", changed["properties"]!["mirrors"]!.ToJsonString());
        Assert.Equal("""{"b":[1]}""", changed["properties"]!["a"]!.ToJsonString());
    }

    [Fact]
    public void Append_adds_what_is_missing_and_refuses_to_overwrite()
    {
        Assert.Equal("x", (string?)Changed("""{"effect":"append","details":[{"field":"tags.new","value":"x"}]}""")["tags"]!["new"]);
        Assert.Single(Judge(Policy("""{"effect":"append","details":[{"field":"tags.owner","value":"x"}]}""")).Denials);
        Assert.Empty(Judge(Policy("""{"effect":"append","details":[{"field":"tags.owner","value":"ADA"}]}""")).Denials);
        Assert.Equal("""["x"]""", Changed("""{"effect":"append","details":[{"field":"ControlPlane.BareMetal/osImages/empty[*]","value":"x"}]}""")["properties"]!["empty"]!.ToJsonString());
    }

    [Fact]
    public void Deny_looks_at_what_modify_made()
    {
        var tagged = Policy("""{"effect":"modify","details":{"operations":[{"operation":"add","field":"tags.team","value":"x"}]}}""", "a");
        var untagged = Assigned("""{"field":"tags.team","exists":false}""", """{"effect":"deny"}""", "b");
        Assert.Single(Judge(untagged).Denials);
        Assert.Empty(Judge(untagged, tagged).Denials);
    }

    [Fact]
    public void Two_policies_that_want_different_values_conflict()
    {
        static string Wants(string value, string conflict) => """{"effect":"modify","details":{"conflictEffect":"CONFLICT","operations":[{"operation":"addOrReplace","field":"tags.team","value":"VALUE"}]}}"""
            .Replace("CONFLICT", conflict, StringComparison.Ordinal).Replace("VALUE", value, StringComparison.Ordinal);
        Assert.Single(Judge(Policy(Wants("x", "deny"), "a"), Policy(Wants("y", "deny"), "b")).Denials);
        Assert.Empty(Judge(Policy(Wants("x", "deny"), "a"), Policy(Wants("x", "deny"), "b")).Denials);
        var verdict = Judge(Policy(Wants("x", "audit"), "a"), Policy(Wants("y", "deny"), "b"));
        Assert.Empty(verdict.Denials);
        Assert.Equal("x", (string?)verdict.Changed!["tags"]!["team"]);
    }

    [Fact]
    public void A_disabled_effect_and_DoNotEnforce_do_nothing()
    {
        Assert.Same(PolicyVerdict.Pass, Judge(Policy("""{"effect":"disabled"}""")));
        Assert.Same(PolicyVerdict.Pass, Judge(Assigned("""{"field":"name","exists":true}""", """{"effect":"deny"}""", "a",
            new() { PolicyDefinitionId = "/subscriptions/s/providers/Microsoft.Authorization/policyDefinitions/d", EnforcementMode = EnforcementMode.DoNotEnforce })));
    }

    private static JsonObject Changed(string then) => Judge(Policy(then)).Changed!;

    private static AssignedPolicy Policy(string then, string name = "a") => Assigned("""{"field":"name","exists":true}""", then, name);

    private static PolicyVerdict Judge(params AssignedPolicy[] policies) => PolicyJudgement.Judge(Target(Image), policies);
}
