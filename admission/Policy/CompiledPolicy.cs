using System.Text.Json;
using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Policy;

namespace ControlPlane.Admission.Policy;

/// <summary>A rule with the parameters of one assignment, compiled: judging a resource by it looks nothing up and never throws.</summary>
internal sealed class CompiledPolicy
{
    private readonly Func<PolicyScope, bool> condition;
    private readonly PolicyFunctions functions;

    public CompiledPolicy(PolicyRule rule, IReadOnlyDictionary<string, JsonElement> parameters)
    {
        functions = new(parameters);
        condition = Compile(rule.If);
        Details = rule.Details;
        Operations = [.. (rule.Details.Operations.Count > 0 ? rule.Details.Operations : rule.Details.Additions).Select(one => new CompiledOperation(one, functions))];
        var nowhere = new PolicyScope(new(default, default));
        Effect = Enum.TryParse<PolicyEffect>(PolicyJson.Text(functions.Compile(rule.Effect)(nowhere)), ignoreCase: true, out var effect) ? effect : PolicyEffect.Disabled;
        RelatedName = rule.Details.RelatedName is { } name ? functions.Compile(name) : null;
        Exists = rule.Details.ExistenceCondition is { } existence ? Compile(existence) : _ => true;
    }

    public PolicyEffect Effect { get; }
    public PolicyDetails Details { get; }

    /// <summary>Of modify and append.</summary>
    public IReadOnlyList<CompiledOperation> Operations { get; }

    /// <summary>Of auditIfNotExists.</summary>
    public Func<PolicyScope, JsonElement>? RelatedName { get; }

    /// <summary>Whether a related resource is the one that must exist.</summary>
    public Func<PolicyScope, bool> Exists { get; }

    public bool Holds(PolicyTarget target) => condition(new(target));

    private Func<PolicyScope, bool> Compile(PolicyCondition node)
    {
        switch (node)
        {
            case PolicyCondition.All all:
                var every = all.Of.Select(Compile).ToArray();
                return scope => Array.TrueForAll(every, one => one(scope));
            case PolicyCondition.Any any:
                var some = any.Of.Select(Compile).ToArray();
                return scope => Array.Exists(some, one => one(scope));
            case PolicyCondition.Not not:
                var negated = Compile(not.Of);
                return scope => !negated(scope);
            case PolicyCondition.OfValue value:
                var (left, comparison, right) = (functions.Compile(value.Value), value.Test.Operator, functions.Compile(value.Test.Operand));
                return scope => PolicyComparison.Holds(comparison, left(scope), right(scope));
            case PolicyCondition.OfField field:
                return Field(field);
            case PolicyCondition.OfCount count:
                return Count(count);
            default:
                throw new ArgumentOutOfRangeException(nameof(node), node, "This kind of condition is not known.");
        }
    }

    private Func<PolicyScope, bool> Field(PolicyCondition.OfField condition)
    {
        var (name, comparison, operand) = (functions.Name(condition.Name), condition.Test.Operator, functions.Compile(condition.Test.Operand));
        var places = functions.Compile(condition.Test.Operand, Places);
        return scope =>
        {
            if (name(scope) is not { } field)
                return false;
            var right = field.Part == "location" ? places(scope) : operand(scope);
            foreach (var value in PolicyFields.Values(field, scope))
            {
                if (!PolicyComparison.Holds(comparison, value, right))
                    return false;
            }

            return true;
        };
    }

    private Func<PolicyScope, bool> Count(PolicyCondition.OfCount count)
    {
        var values = count.Values is null ? null : functions.Compile(count.Values);
        var field = values is null ? PolicyField.Read(count.Name, out _) : null;
        var where = count.Where is null ? _ => true : Compile(count.Where);
        var (comparison, operand) = (count.Test.Operator, functions.Compile(count.Test.Operand));
        return scope =>
        {
            var items = values is null ? PolicyFields.Values(field!, scope).Where(item => item.ValueKind is not JsonValueKind.Undefined)
                : values(scope) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : Enumerable.Empty<JsonElement>();
            var number = items.Count(item => where(scope with { Item = new(count.Name, item, scope.Item) }));
            return PolicyComparison.Holds(comparison, JsonSerializer.SerializeToElement(number), operand(scope));
        };
    }

    /// <summary>"West Europe" is westeurope.</summary>
    private static JsonElement Places(JsonElement operand) => operand.ValueKind switch
    {
        JsonValueKind.String => PolicyJson.Of(Locations.Normalise(operand.GetString()!)),
        JsonValueKind.Array => PolicyJson.Of(operand.EnumerateArray().Select(Places)),
        _ => operand,
    };
}

/// <summary>A change that modify or append makes.</summary>
internal sealed class CompiledOperation(PolicyOperation operation, PolicyFunctions functions)
{
    public PolicyOperationKind Kind => operation.Kind;
    public Func<PolicyScope, PolicyField?> Field { get; } = functions.Name(operation.Field);
    public Func<PolicyScope, JsonElement> Value { get; } = operation.Value is null ? _ => default : functions.Compile(operation.Value);
    public Func<PolicyScope, bool> Applies { get; } = Condition(operation, functions);

    private static Func<PolicyScope, bool> Condition(PolicyOperation operation, PolicyFunctions functions)
    {
        if (operation.Condition is null)
            return _ => true;
        var condition = functions.Compile(operation.Condition);
        return scope => PolicyJson.IsTrue(condition(scope));
    }
}
