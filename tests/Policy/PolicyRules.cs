using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Admission.Policy;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Policy;
using ControlPlane.Persistence.Arm;
using Xunit;

namespace ControlPlane.Tests.Policy;

/// <summary>Rules, targets and assignments for the tests of the engine.</summary>
internal static class PolicyRules
{
    public const string ImageType = "ControlPlane.BareMetal/osImages";

    public static readonly IReadOnlyDictionary<string, PolicyParameter> NoParameters = new Dictionary<string, PolicyParameter>(StringComparer.Ordinal);

    public static PolicyTarget Target(string resource, string group = """{"id":"/subscriptions/s/resourceGroups/g","name":"g","location":"westeurope","tags":{"costCenter":"42"}}""") =>
        new(Json.Read<JsonElement>(resource), Json.Read<JsonElement>(group));

    public static string Not(string condition) => "{\"not\":" + condition + "}";

    public static string All(params IEnumerable<string> conditions) => "{\"allOf\":[" + string.Join(',', conditions) + "]}";

    public static string Any(params IEnumerable<string> conditions) => "{\"anyOf\":[" + string.Join(',', conditions) + "]}";

    public static PolicyTarget Target(JsonObject resource) => Target(resource.ToJsonString());

    public static PolicyRule Rule(string condition, string then = """{"effect":"deny"}""", IReadOnlyDictionary<string, PolicyParameter>? parameters = null)
    {
        var rule = PolicyRuleReader.Read(Json.Read<JsonElement>("{\"if\":" + condition + ",\"then\":" + then + "}"), parameters ?? NoParameters, out var faults);
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        return rule!;
    }

    public static bool Holds(string condition, PolicyTarget target) => new CompiledPolicy(Rule(condition), new Dictionary<string, JsonElement>(StringComparer.Ordinal)).Holds(target);

    public static IReadOnlyList<Violation> Faults(string rule, IReadOnlyDictionary<string, PolicyParameter>? parameters = null)
    {
        PolicyRuleReader.Read(Json.Read<JsonElement>(rule), parameters ?? NoParameters, out var faults);
        return faults;
    }

    public static AssignedPolicy Assigned(string condition, string then, string name = "a", PolicyAssignment? assignment = null)
    {
        assignment ??= new() { PolicyDefinitionId = "/subscriptions/s/providers/Microsoft.Authorization/policyDefinitions/d" };
        var definition = new KnownDefinition(assignment.PolicyDefinitionId, "d", 1, default, new() { PolicyRule = default }, Rule(condition, then));
        return new(Row(name), assignment, definition);
    }

    private static ResourceRow Row(string name) => new()
    {
        Key = $"/subscriptions/s/providers/microsoft.authorization/policyassignments/{name}",
        Id = $"/subscriptions/s/providers/Microsoft.Authorization/policyAssignments/{name}",
        ExtendsKey = "/subscriptions/s",
        Type = PolicyAssignment.Type.ToString(),
        Name = name,
        Subscription = "s",
        Tags = "{}",
        Properties = "{}",
        Status = "{}",
        CreatedAt = default,
        CreatedBy = "",
        CreatedByType = "",
        ModifiedBy = "",
        ModifiedByType = "",
    };
}
