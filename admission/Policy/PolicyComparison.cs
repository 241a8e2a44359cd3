using System.Globalization;
using System.Text.Json;
using ControlPlane.Contracts.Policy;

namespace ControlPlane.Admission.Policy;

/// <summary>The operators. None throws: values that cannot be compared satisfy no operator but the negative ones. All take time linear in what they compare.</summary>
internal static class PolicyComparison
{
    public static bool Holds(PolicyOperator comparison, JsonElement left, JsonElement right) => comparison switch
    {
        PolicyOperator.Equals => Same(left, right),
        PolicyOperator.NotEquals => !Same(left, right),
        PolicyOperator.Like => Like(Scalar(left), Scalar(right)),
        PolicyOperator.NotLike => !Like(Scalar(left), Scalar(right)),
        PolicyOperator.Match => Matches(Scalar(left), Scalar(right), ignoreCase: false),
        PolicyOperator.NotMatch => !Matches(Scalar(left), Scalar(right), ignoreCase: false),
        PolicyOperator.MatchInsensitively => Matches(Scalar(left), Scalar(right), ignoreCase: true),
        PolicyOperator.NotMatchInsensitively => !Matches(Scalar(left), Scalar(right), ignoreCase: true),
        PolicyOperator.Contains => Contains(left, right),
        PolicyOperator.NotContains => !Contains(left, right),
        PolicyOperator.In => IsIn(left, right),
        PolicyOperator.NotIn => !IsIn(left, right),
        PolicyOperator.ContainsKey => !PolicyJson.IsMissing(PolicyJson.Member(left, PolicyJson.Text(right) ?? "")),
        PolicyOperator.NotContainsKey => PolicyJson.IsMissing(PolicyJson.Member(left, PolicyJson.Text(right) ?? "")),
        PolicyOperator.Less => Order(left, right) < 0,
        PolicyOperator.LessOrEquals => Order(left, right) <= 0,
        PolicyOperator.Greater => Order(left, right) > 0,
        PolicyOperator.GreaterOrEquals => Order(left, right) >= 0,
        _ => PolicyJson.IsTrue(right) != PolicyJson.IsMissing(left),
    };

    /// <summary>A text equals a number or a boolean that is written like it, as parameters are often texts.</summary>
    public static bool Same(JsonElement left, JsonElement right)
    {
        if (PolicyJson.IsMissing(left) || PolicyJson.IsMissing(right))
            return PolicyJson.IsMissing(left) && PolicyJson.IsMissing(right);
        if (left.ValueKind is JsonValueKind.Number && right.ValueKind is JsonValueKind.Number)
            return JsonElement.DeepEquals(left, right);
        return Scalar(left) is { } text && Scalar(right) is { } other ? text.Equals(other, StringComparison.OrdinalIgnoreCase) : JsonElement.DeepEquals(left, right);
    }

    private static bool Contains(JsonElement whole, JsonElement part)
    {
        if (whole.ValueKind is not JsonValueKind.Array)
            return Scalar(whole) is { } text && Scalar(part) is { } wanted && text.Contains(wanted, StringComparison.OrdinalIgnoreCase);
        foreach (var item in whole.EnumerateArray())
        {
            if (Same(item, part))
                return true;
        }

        return false;
    }

    private static bool IsIn(JsonElement value, JsonElement list)
    {
        if (list.ValueKind is not JsonValueKind.Array)
            return false;
        foreach (var item in list.EnumerateArray())
        {
            if (Same(item, value))
                return true;
        }

        return false;
    }

    /// <summary>Each <c>*</c> stands for any text. The texts between are found one after another, each once.</summary>
    public static bool Like(string? text, string? pattern)
    {
        if (text is null || pattern is null)
            return false;
        var parts = pattern.Split('*');
        if (parts.Length == 1)
            return text.Equals(pattern, StringComparison.OrdinalIgnoreCase);
        if (text.Length < parts[0].Length + parts[^1].Length || !text.StartsWith(parts[0], StringComparison.OrdinalIgnoreCase) || !text.EndsWith(parts[^1], StringComparison.OrdinalIgnoreCase))
            return false;
        var rest = text.AsSpan(parts[0].Length, text.Length - parts[0].Length - parts[^1].Length);
        foreach (var part in parts.AsSpan(1, parts.Length - 2))
        {
            var at = rest.IndexOf(part, StringComparison.OrdinalIgnoreCase);
            if (at < 0)
                return false;
            rest = rest[(at + part.Length)..];
        }

        return true;
    }

    /// <summary><c>#</c> is a digit, <c>?</c> a letter, <c>.</c> any character, everything else itself.</summary>
    private static bool Matches(string? text, string? pattern, bool ignoreCase)
    {
        if (text is null || pattern is null || text.Length != pattern.Length)
            return false;
        for (var at = 0; at < text.Length; at++)
        {
            var fits = pattern[at] switch
            {
                '#' => char.IsAsciiDigit(text[at]),
                '?' => char.IsAsciiLetter(text[at]),
                '.' => true,
                var exact => exact == text[at] || (ignoreCase && char.ToLowerInvariant(exact) == char.ToLowerInvariant(text[at])),
            };
            if (!fits)
                return false;
        }

        return true;
    }

    /// <summary>Numbers as numbers, texts that are both times as times, other texts ignoring case; null when there is no order between the two.</summary>
    private static int? Order(JsonElement left, JsonElement right)
    {
        if (Number(left) is { } number && Number(right) is { } other)
            return number.CompareTo(other);
        if (left.ValueKind is not JsonValueKind.String || right.ValueKind is not JsonValueKind.String)
            return null;
        return left.TryGetDateTimeOffset(out var time) && right.TryGetDateTimeOffset(out var later) ? time.CompareTo(later)
            : string.Compare(left.GetString(), right.GetString(), StringComparison.OrdinalIgnoreCase);
    }

    private static double? Number(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Number => json.GetDouble(),
        JsonValueKind.String when double.TryParse(json.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    private static string? Scalar(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Number => json.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => null,
    };
}
