using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Policy;

/// <summary>Reads a rule from JSON and finds every fault in it, each with its path. Size and depth are bounded, so that judging a resource stays cheap whatever is stored.</summary>
public sealed partial class PolicyRuleReader
{
    private static readonly string[] RuleMembers = ["if", "then"];
    private static readonly string[] EffectMembers = ["effect", "details"];
    private static readonly string[] ExistenceMembers = ["type", "name", "existenceCondition", "roleDefinitionIds", "evaluationDelay"];
    private static readonly string[] AdditionMembers = ["field", "value"];
    private static readonly string[] OperationMembers = ["operation", "field", "value", "condition"];
    private static readonly string[] ModifyMembers = ["operations", "conflictEffect", "roleDefinitionIds"];

    private readonly IReadOnlyDictionary<string, PolicyParameter> parameters;
    private readonly List<Violation> faults = [];

    private PolicyRuleReader(IReadOnlyDictionary<string, PolicyParameter> parameters) => this.parameters = parameters;

    /// <summary>The rule, or null and every fault.</summary>
    public static PolicyRule? Read(JsonElement rule, IReadOnlyDictionary<string, PolicyParameter> parameters, out IReadOnlyList<Violation> faults)
    {
        var reader = new PolicyRuleReader(parameters.DistinctBy(one => one.Key, StringComparer.OrdinalIgnoreCase).ToDictionary(one => one.Key, one => one.Value, StringComparer.OrdinalIgnoreCase));
        var read = reader.Rule(rule, "policyRule");
        faults = reader.faults;
        return reader.faults.Count == 0 ? read : null;
    }

    private PolicyRule? Rule(JsonElement rule, string path)
    {
        if (!IsObject(rule, path))
            return null;
        Known(rule, path, RuleMembers);
        var condition = Demand(rule, path, "if", out var wanted) ? Condition(wanted, $"{path}.if") : null;
        if (!Demand(rule, path, "then", out var then) || !IsObject(then, $"{path}.then"))
            return null;
        Known(then, $"{path}.then", EffectMembers);
        if (!Demand(then, $"{path}.then", "effect", out var given))
            return null;
        var effect = Expression(given, $"{path}.then.effect");
        var possible = PossibleEffects(effect, $"{path}.then.effect");
        var details = Details(Member(then, "details"), $"{path}.then.details", possible);
        return condition is null ? null : new(condition, effect, details);
    }

    private List<PolicyEffect> PossibleEffects(PolicyExpression effect, string path)
    {
        IEnumerable<JsonElement> values = effect switch
        {
            PolicyExpression.Literal literal => [literal.Value],
            PolicyExpression.Call { Function: "parameters", Arguments: [PolicyExpression.Literal name] } when parameters.TryGetValue(Text(name.Value), out var parameter) =>
                [.. parameter.AllowedValues ?? [], .. parameter.DefaultValue is { } value ? [value] : Array.Empty<JsonElement>()],
            _ => [],
        };
        var possible = new List<PolicyEffect>();
        foreach (var value in values)
        {
            if (value.ValueKind is JsonValueKind.String && Enum.TryParse<PolicyEffect>(value.GetString(), ignoreCase: true, out var known) && Enum.IsDefined(known))
                possible.Add(known);
            else
                Fault(path, $"must be one of {string.Join(", ", Enum.GetNames<PolicyEffect>())}, not {value}");
        }

        return possible;
    }

    private PolicyDetails Details(JsonElement details, string path, List<PolicyEffect> effects)
    {
        var read = new PolicyDetails();
        if (details.ValueKind is JsonValueKind.Array)
            read = read with { Additions = Operations(details, path, isAppend: true) };
        else if (details.ValueKind is JsonValueKind.Object && Member(details, "operations") is { ValueKind: not JsonValueKind.Undefined } operations)
        {
            Known(details, path, ModifyMembers);
            if (operations.ValueKind is not JsonValueKind.Array || operations.GetArrayLength() is 0 or > 100)
                Fault($"{path}.operations", "must be an array of 1 to 100 operations");
            else
                read = read with { Operations = Operations(operations, $"{path}.operations", isAppend: false) };
            if (Member(details, "conflictEffect") is { ValueKind: not JsonValueKind.Undefined } conflict)
            {
                if (Enum.TryParse<PolicyEffect>(Text(conflict), ignoreCase: true, out var effect) && effect is PolicyEffect.Audit or PolicyEffect.Deny or PolicyEffect.Disabled)
                    read = read with { ConflictEffect = effect };
                else
                    Fault($"{path}.conflictEffect", "must be audit, deny or disabled");
            }
        }
        else if (details.ValueKind is JsonValueKind.Object && effects.Contains(PolicyEffect.AuditIfNotExists))
            read = Existence(details, path);
        else if (details.ValueKind is not JsonValueKind.Undefined and not JsonValueKind.Object)
            Fault(path, "must be an object, or for append an array");

        if (effects.Contains(PolicyEffect.Modify) && (details.ValueKind is not JsonValueKind.Object || Member(details, "operations").ValueKind is JsonValueKind.Undefined))
            Fault(path, "needs 'operations' when the effect is modify");
        if (effects.Contains(PolicyEffect.Append) && (details.ValueKind is not JsonValueKind.Array || details.GetArrayLength() is 0 or > 100))
            Fault(path, "must be an array of 1 to 100 {field, value} when the effect is append");
        if (effects.Contains(PolicyEffect.AuditIfNotExists) && read.RelatedType is null)
            Fault(path, "needs 'type' when the effect is auditIfNotExists");
        return read;
    }

    private PolicyDetails Existence(JsonElement details, string path)
    {
        Known(details, path, ExistenceMembers);
        var type = Member(details, "type");
        if (!Text(type).Contains('/', StringComparison.Ordinal))
            Fault($"{path}.type", "must be a resource type, such as ControlPlane.BareMetal/racks");
        return new()
        {
            RelatedType = Text(type),
            RelatedName = Member(details, "name") is { ValueKind: not JsonValueKind.Undefined } name ? Expression(name, $"{path}.name") : null,
            ExistenceCondition = Member(details, "existenceCondition") is { ValueKind: not JsonValueKind.Undefined } condition ? Condition(condition, $"{path}.existenceCondition") : null,
        };
    }

    private List<PolicyOperation> Operations(JsonElement operations, string path, bool isAppend)
    {
        var read = new List<PolicyOperation>();
        foreach (var (operation, at) in operations.EnumerateArray().Select((one, index) => (one, $"{path}[{index}]")))
        {
            if (!IsObject(operation, at))
                continue;
            Known(operation, at, isAppend ? AdditionMembers : OperationMembers);
            var kind = PolicyOperationKind.Add;
            if (!isAppend && (!Enum.TryParse(Text(Member(operation, "operation")), ignoreCase: true, out kind) || !Enum.IsDefined(kind)))
                Fault($"{at}.operation", "must be addOrReplace, add or remove");
            if (!Demand(operation, at, "field", out var field))
                continue;
            var name = FieldName(field, $"{at}.field", forWriting: true);
            var value = Member(operation, "value") is { ValueKind: not JsonValueKind.Undefined } given ? Expression(given, $"{at}.value") : null;
            if (value is null && kind is not PolicyOperationKind.Remove)
                Fault($"{at}.value", "is required");
            if (name is not null)
                read.Add(new(kind, name, value, Member(operation, "condition") is { ValueKind: not JsonValueKind.Undefined } condition ? Expression(condition, $"{at}.condition") : null));
        }

        return read;
    }

    private PolicyExpression? FieldName(JsonElement json, string path, bool forWriting)
    {
        if (json.ValueKind is not JsonValueKind.String)
        {
            Fault(path, "must be a text");
            return null;
        }

        var name = Expression(json, path);
        if (name is not PolicyExpression.Literal literal)
            return name;
        if (PolicyField.Read(Text(literal.Value), out var why) is not { } field)
            Fault(path, $"is wrong: {why}");
        else if (forWriting && field.Part is not null and not "tags" and not "location")
            Fault(path, "cannot be changed by a policy: tags, location and aliases can");
        else
            return name;
        return null;
    }

    private PolicyExpression Expression(JsonElement json, string path)
    {
        var expression = PolicyExpression.Read(json, why => Fault(path, why));
        foreach (var call in expression.WithParts().OfType<PolicyExpression.Call>())
        {
            if (call is { Function: "parameters", Arguments: [PolicyExpression.Literal name] } && !parameters.ContainsKey(Text(name.Value)))
                Fault(path, $"names the parameter '{Text(name.Value)}', which 'parameters' does not declare");
            if (call is { Function: "field", Arguments: [PolicyExpression.Literal field] } && PolicyField.Read(Text(field.Value), out var why) is null)
                Fault(path, $"calls field(): {why}");
            if (call is { Function: "current" } && counts.Count == 0)
                Fault(path, "calls current(), which means something only inside a count");
        }

        return expression;
    }

    private bool Demand(JsonElement json, string path, string name, out JsonElement value)
    {
        value = Member(json, name);
        if (value.ValueKind is not JsonValueKind.Undefined)
            return true;
        Fault($"{path}.{name}", "is required");
        return false;
    }

    private bool IsObject(JsonElement json, string path)
    {
        if (json.ValueKind is JsonValueKind.Object)
            return true;
        Fault(path, "must be an object");
        return false;
    }

    private void Known(JsonElement json, string path, params IReadOnlyList<string> known)
    {
        foreach (var member in json.EnumerateObject().Where(member => !known.Contains(member.Name, StringComparer.OrdinalIgnoreCase)))
            Fault($"{path}.{member.Name}", $"is not known; known are {string.Join(", ", known)}");
    }

    private void Fault(string path, string message) => faults.Add(new(path, message));

    private static string Text(JsonElement json) => json.ValueKind is JsonValueKind.String ? json.GetString()! : "";

    private static JsonElement Member(JsonElement json, string name) =>
        json.EnumerateObject().FirstOrDefault(member => member.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;
}
