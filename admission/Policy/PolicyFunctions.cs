using System.Globalization;
using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Policy;

namespace ControlPlane.Admission.Policy;

/// <summary>Computes expressions. A function that is given what it cannot use has no value, which no positive operator accepts.</summary>
internal sealed class PolicyFunctions(IReadOnlyDictionary<string, JsonElement> parameters)
{
    private const int LongestText = 64 * 1024;

    /// <summary>The value of an expression.</summary>
    public Func<PolicyScope, JsonElement> Compile(PolicyExpression expression) => Compile(expression, value => value);

    /// <summary>The field that an expression names, or null.</summary>
    public Func<PolicyScope, PolicyField?> Name(PolicyExpression expression) => Compile(expression, value => PolicyField.Read(PolicyJson.Text(value) ?? "", out _));

    /// <summary>What an expression comes to; what does not depend on the resource is computed once, here.</summary>
    public Func<PolicyScope, T> Compile<T>(PolicyExpression expression, Func<JsonElement, T> read)
    {
        var compute = Inner(expression);
        if (expression.WithParts().Any(part => part is PolicyExpression.Call { Function: "field" or "current" or "resourcegroup" or "subscription" }))
            return scope => read(compute(scope));
        var constant = read(compute(new(new(default, default))));
        return _ => constant;
    }

    private Func<PolicyScope, JsonElement> Inner(PolicyExpression expression)
    {
        switch (expression)
        {
            case PolicyExpression.Literal literal:
                return _ => literal.Value;
            case PolicyExpression.Items items:
                var values = items.Values.Select(Inner).ToArray();
                return scope => PolicyJson.Of(values.Select(value => value(scope)));
            case PolicyExpression.Member member:
                var (of, name) = (Inner(member.Of), Inner(member.Name));
                return scope => At(of(scope), name(scope));
            case PolicyExpression.Call call:
                var arguments = call.Arguments.Select(Inner).ToArray();
                return call.Function switch
                {
                    "parameters" => scope => parameters.GetValueOrDefault(PolicyJson.Text(arguments[0](scope)) ?? ""),
                    "field" => Field(call.Arguments[0], arguments[0]),
                    "current" => arguments.Length == 0 ? scope => scope.Item?.Value ?? default : scope => Current(scope, PolicyJson.Text(arguments[0](scope)) ?? ""),
                    "resourcegroup" => scope => scope.Target.Group,
                    "subscription" => Subscription,
                    "if" => scope => PolicyJson.IsTrue(arguments[0](scope)) ? arguments[1](scope) : arguments[2](scope),
                    _ => scope => Pure(call.Function, Array.ConvertAll(arguments, argument => argument(scope))),
                };
            default:
                throw new ArgumentOutOfRangeException(nameof(expression), expression, "This kind of expression is not known.");
        }
    }

    private static Func<PolicyScope, JsonElement> Field(PolicyExpression written, Func<PolicyScope, JsonElement> name)
    {
        if (written is PolicyExpression.Literal literal && PolicyField.Read(literal.Value.GetString()!, out _) is { } known)
            return scope => PolicyFields.Value(known, scope);
        return scope => PolicyField.Read(PolicyJson.Text(name(scope)) ?? "", out _) is { } field ? PolicyFields.Value(field, scope) : default;
    }

    private static JsonElement Current(PolicyScope scope, string name)
    {
        for (var item = scope.Item; item is not null; item = item.Outer)
        {
            if (item.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                return item.Value;
        }

        return PolicyField.Read(name, out _) is { } field ? PolicyFields.Value(field, scope) : default;
    }

    private static JsonElement Subscription(PolicyScope scope)
    {
        var id = PolicyJson.Text(PolicyJson.Member(scope.Target.Resource, "id"))?.Split('/') is [_, _, var subscription, ..] ? subscription : "";
        return JsonSerializer.SerializeToElement(new { id = $"/subscriptions/{id}", subscriptionId = id });
    }

    private static JsonElement At(JsonElement of, JsonElement name) => of.ValueKind switch
    {
        JsonValueKind.Object => PolicyJson.Member(of, PolicyJson.Text(name) ?? ""),
        JsonValueKind.Array when name.ValueKind is JsonValueKind.Number && name.TryGetInt32(out var at) && at >= 0 && at < of.GetArrayLength() => of[at],
        _ => default,
    };

    private static JsonElement Pure(string function, JsonElement[] given) => function switch
    {
        "concat" when Array.TrueForAll(given, one => one.ValueKind is JsonValueKind.Array) => PolicyJson.Of(given.SelectMany(one => one.EnumerateArray())),
        "concat" => Array.ConvertAll(given, Shown) is var texts && texts.Sum(text => text.Length) <= LongestText ? PolicyJson.Of(string.Concat(texts)) : default,
        "tolower" when PolicyJson.Text(given[0]) is { } text => PolicyJson.Of(text.ToLowerInvariant()),
        "toupper" when PolicyJson.Text(given[0]) is { } text => PolicyJson.Of(text.ToUpperInvariant()),
        "string" => PolicyJson.Of(Shown(given[0])),
        "replace" when PolicyJson.Text(given[0]) is { } text && PolicyJson.Text(given[1]) is { Length: > 0 } old && PolicyJson.Text(given[2]) is { } with
            && (long)text.Length * Math.Max(1, with.Length) <= LongestText => PolicyJson.Of(text.Replace(old, with, StringComparison.OrdinalIgnoreCase)),
        "split" when PolicyJson.Text(given[0]) is { } text && PolicyJson.Text(given[1]) is { Length: > 0 } by => PolicyJson.Of(text.Split(by).Select(PolicyJson.Of)),
        "equals" => PolicyJson.Of(PolicyComparison.Same(given[0], given[1])),
        "not" => PolicyJson.Of(!PolicyJson.IsTrue(given[0])),
        "and" => PolicyJson.Of(Array.TrueForAll(given, PolicyJson.IsTrue)),
        "or" => PolicyJson.Of(Array.Exists(given, PolicyJson.IsTrue)),
        "true" => PolicyJson.True,
        "false" => PolicyJson.False,
        "empty" => PolicyJson.Of((Length(given[0]) ?? (PolicyJson.IsMissing(given[0]) ? 0 : 1)) == 0),
        "length" when Length(given[0]) is { } length => JsonSerializer.SerializeToElement(length),
        "first" => Edge(given[0], first: true),
        "last" => Edge(given[0], first: false),
        "contains" => PolicyJson.Of(given[0].ValueKind is JsonValueKind.Object
            ? PolicyComparison.Holds(PolicyOperator.ContainsKey, given[0], given[1]) : PolicyComparison.Holds(PolicyOperator.Contains, given[0], given[1])),
        "startswith" => PolicyJson.Of(PolicyJson.Text(given[0]) is { } text && PolicyJson.Text(given[1]) is { } start && text.StartsWith(start, StringComparison.OrdinalIgnoreCase)),
        "endswith" => PolicyJson.Of(PolicyJson.Text(given[0]) is { } text && PolicyJson.Text(given[1]) is { } end && text.EndsWith(end, StringComparison.OrdinalIgnoreCase)),
        // -1, 0 or 1; no value when one of the two is no version, so that neither less nor greaterOrEquals holds of it.
        "compareversions" => SemanticVersion.Compare(PolicyJson.Text(given[0]), PolicyJson.Text(given[1])) is { } order ? JsonSerializer.SerializeToElement(order) : default,
        "int" => Whole(given[0]) is { } number ? JsonSerializer.SerializeToElement(number) : default,
        "add" => Whole(given[0]) is { } a && Whole(given[1]) is { } b ? JsonSerializer.SerializeToElement(unchecked(a + b)) : default,
        "sub" => Whole(given[0]) is { } a && Whole(given[1]) is { } b ? JsonSerializer.SerializeToElement(unchecked(a - b)) : default,
        _ => default,
    };

    private static JsonElement Edge(JsonElement of, bool first) => of.ValueKind switch
    {
        JsonValueKind.Array when of.GetArrayLength() is > 0 and var length => of[first ? 0 : length - 1],
        JsonValueKind.String when of.GetString() is { Length: > 0 } text => PolicyJson.Of(text[first ? 0 : ^1].ToString()),
        _ => default,
    };

    private static int? Length(JsonElement of) => of.ValueKind switch
    {
        JsonValueKind.String => of.GetString()!.Length,
        JsonValueKind.Array => of.GetArrayLength(),
        JsonValueKind.Object => of.EnumerateObject().Count(),
        _ => null,
    };

    private static long? Whole(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Number when json.TryGetInt64(out var number) => number,
        JsonValueKind.String when long.TryParse(json.GetString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    private static string Shown(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString()!,
        JsonValueKind.Undefined or JsonValueKind.Null => "",
        _ => json.GetRawText(),
    };
}
