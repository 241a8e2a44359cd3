using System.Text.Json;

namespace ControlPlane.Contracts.Policy;

/// <summary>Conditions, and the comparisons in them.</summary>
public sealed partial class PolicyRuleReader
{
    private const int MostConditions = 512;
    private const int DeepestCount = 3;
    private static readonly string[] Subjects = ["allOf", "anyOf", "not", "field", "value", "count"];
    private static readonly Dictionary<string, PolicyOperator> Operators = Enum.GetValues<PolicyOperator>().ToDictionary(one => char.ToLowerInvariant($"{one}"[0]) + $"{one}"[1..], StringComparer.OrdinalIgnoreCase);

    private readonly List<string> counts = [];
    private int conditions;

    private PolicyCondition? Condition(JsonElement json, string path)
    {
        if (!IsObject(json, path))
            return null;
        if (++conditions > MostConditions)
        {
            if (conditions == MostConditions + 1)
                Fault(path, $"is one condition too many; a rule has at most {MostConditions}");
            return null;
        }

        var named = json.EnumerateObject().Select(member => member.Name).ToList();
        var subject = named.Where(name => Subjects.Contains(name, StringComparer.OrdinalIgnoreCase)).ToList();
        if (subject.Count != 1)
        {
            Fault(path, $"must have exactly one of {string.Join(", ", Subjects)}");
            return null;
        }

        var (of, at) = (Member(json, subject[0]), $"{path}.{subject[0]}");
        switch (subject[0].ToLowerInvariant())
        {
            case "allof":
                Known(json, path, "allOf");
                return Many(of, at) is { } all ? new PolicyCondition.All(all) : null;
            case "anyof":
                Known(json, path, "anyOf");
                return Many(of, at) is { } any ? new PolicyCondition.Any(any) : null;
            case "not":
                Known(json, path, "not");
                return Condition(of, at) is { } negated ? new PolicyCondition.Not(negated) : null;
            case "count":
                return Test(json, path, "count") is var test && Count(of, at) is { } count && test is not null ? count with { Test = test } : null;
            case "field":
                var (name, comparison) = (FieldName(of, at, forWriting: false), Test(json, path, "field"));
                return name is null || comparison is null ? null : new PolicyCondition.OfField(name, comparison);
            default:
                var value = Expression(of, at);
                return Test(json, path, "value") is { } compared ? new PolicyCondition.OfValue(value, compared) : null;
        }
    }

    private List<PolicyCondition>? Many(JsonElement json, string path)
    {
        if (json.ValueKind is not JsonValueKind.Array || json.GetArrayLength() == 0)
        {
            Fault(path, "must be an array with at least one condition");
            return null;
        }

        var read = json.EnumerateArray().Select((one, at) => Condition(one, $"{path}[{at}]")).ToList();
        return read.Contains(null) ? null : [.. read.OfType<PolicyCondition>()];
    }

    private PolicyCondition.OfCount? Count(JsonElement json, string path)
    {
        if (!IsObject(json, path))
            return null;
        Known(json, path, "field", "value", "name", "where");
        var (field, value, name) = (Member(json, "field"), Member(json, "value"), Member(json, "name"));
        if (field.ValueKind is JsonValueKind.Undefined == value.ValueKind is JsonValueKind.Undefined)
        {
            Fault(path, "must have either 'field' or 'value'");
            return null;
        }

        if (field.ValueKind is not JsonValueKind.Undefined && (PolicyField.Read(Text(field), out _) is not { IsMany: true } || !Text(field).EndsWith("[*]", StringComparison.Ordinal)))
        {
            Fault($"{path}.field", "must be an alias that ends in [*]");
            return null;
        }

        if (counts.Count >= DeepestCount)
        {
            Fault(path, $"is nested deeper than {DeepestCount}");
            return null;
        }

        var called = field.ValueKind is JsonValueKind.Undefined ? Text(name) : Text(field);
        counts.Add(called);
        var where = Member(json, "where") is { ValueKind: not JsonValueKind.Undefined } condition ? Condition(condition, $"{path}.where") : null;
        counts.RemoveAt(counts.Count - 1);
        return new(called, value.ValueKind is JsonValueKind.Undefined ? null : Expression(value, $"{path}.value"), where, new(PolicyOperator.Equals, new PolicyExpression.Literal(default)));
    }

    private PolicyTest? Test(JsonElement json, string path, string subject)
    {
        var operators = json.EnumerateObject().Where(member => !member.Name.Equals(subject, StringComparison.OrdinalIgnoreCase)).ToList();
        foreach (var unknown in operators.Where(member => !Operators.ContainsKey(member.Name)))
            Fault($"{path}.{unknown.Name}", $"is not an operator; there are {string.Join(", ", Operators.Keys)}");
        if (operators is [var one] && Operators.TryGetValue(one.Name, out var known))
        {
            var operand = Expression(one.Value, $"{path}.{one.Name}");
            if (known is PolicyOperator.In or PolicyOperator.NotIn && operand is PolicyExpression.Literal { Value.ValueKind: not JsonValueKind.Array })
                Fault($"{path}.{one.Name}", "must be an array");
            if (known is PolicyOperator.Exists && operand is PolicyExpression.Literal literal && !bool.TryParse(literal.Value.ToString(), out _))
                Fault($"{path}.{one.Name}", "must be true or false");
            return new(known, operand);
        }

        if (operators.TrueForAll(member => Operators.ContainsKey(member.Name)))
            Fault(path, $"must have exactly one operator: {string.Join(", ", Operators.Keys)}");
        return null;
    }
}
