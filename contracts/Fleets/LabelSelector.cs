using System.Collections.Immutable;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.Fleets;

/// <summary>Selects by labels; everything in it must hold, and an empty one selects all (Kubernetes, LabelSelector).</summary>
public sealed record LabelSelector
{
    public IReadOnlyDictionary<string, string> MatchLabels { get; init; } = ImmutableDictionary<string, string>.Empty;
    public IReadOnlyList<LabelRequirement> MatchExpressions { get; init; } = [];

    /// <summary>Whether labels are selected. Pure.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> labels) =>
        MatchLabels.All(wanted => labels.TryGetValue(wanted.Key, out var value) && value == wanted.Value) && MatchExpressions.All(one => one.Matches(labels));

    public IEnumerable<Violation> Violations(string target)
    {
        foreach (var key in MatchLabels.Keys.Where(key => !KubernetesNames.IsLabelKey(key)))
            yield return new($"{target}.matchLabels.{key}", "is not a label's key");
        foreach (var (one, at) in MatchExpressions.Select((one, at) => (one, at)))
        {
            if (!KubernetesNames.IsLabelKey(one.Key))
                yield return new($"{target}.matchExpressions[{at}].key", "is not a label's key");
            if (one.Operator is LabelOperator.In or LabelOperator.NotIn && one.Values.Count == 0)
                yield return new($"{target}.matchExpressions[{at}].values", $"must name at least one value for the operator {one.Operator}");
            if (one.Operator is LabelOperator.Exists or LabelOperator.DoesNotExist && one.Values.Count > 0)
                yield return new($"{target}.matchExpressions[{at}].values", $"must be left out for the operator {one.Operator}");
        }
    }

    /// <summary>
    /// Reads the text form, <c>env=prod,tier!=test,region in (southeastasia,eastasia),zone notin (a),canary,!legacy</c>: comma separated, all must hold
    /// (Kubernetes, set-based label selectors).
    /// </summary>
    public static bool TryParse(string text, out LabelSelector selector, out string? fault)
    {
        var requirements = new List<LabelRequirement>();
        fault = null;
        foreach (var part in Split(text))
        {
            if (Read(part) is not { } requirement)
            {
                selector = new();
                fault = $"has '{part}', which is none of key=value, key!=value, key in (a,b), key notin (a,b), key and !key";
                return false;
            }

            requirements.Add(requirement);
        }

        selector = new() { MatchExpressions = requirements };
        return true;
    }

    private static LabelRequirement? Read(string part)
    {
        var requirement =
            Set(part, " notin ", LabelOperator.NotIn) ?? Set(part, " in ", LabelOperator.In) ?? Pair(part, "!=", LabelOperator.NotIn) ?? Pair(part, "==", LabelOperator.In) ?? Pair(part, "=", LabelOperator.In)
            ?? (part.StartsWith('!') ? new() { Key = part[1..].Trim(), Operator = LabelOperator.DoesNotExist } : new LabelRequirement { Key = part, Operator = LabelOperator.Exists });
        return KubernetesNames.IsLabelKey(requirement.Key) && requirement.Values.All(KubernetesNames.IsLabelValue) ? requirement : null;
    }

    private static LabelRequirement? Pair(string part, string sign, LabelOperator which)
    {
        var at = part.IndexOf(sign, StringComparison.Ordinal);
        return at < 0 ? null : new() { Key = part[..at].Trim(), Operator = which, Values = [part[(at + sign.Length)..].Trim()] };
    }

    private static LabelRequirement? Set(string part, string word, LabelOperator which)
    {
        var at = part.IndexOf(word, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            return null;
        var values = part[(at + word.Length)..].Trim();
        return values.StartsWith('(') && values.EndsWith(')')
            ? new() { Key = part[..at].Trim(), Operator = which, Values = [.. values[1..^1].Split(',', StringSplitOptions.TrimEntries)] }
            : null;
    }

    /// <summary>At the commas outside of parentheses.</summary>
    private static IEnumerable<string> Split(string text)
    {
        var (from, depth) = (0, 0);
        for (var at = 0; at <= text.Length; at++)
        {
            if (at == text.Length || (text[at] == ',' && depth == 0))
            {
                if (text[from..at].Trim() is { Length: > 0 } part)
                    yield return part;
                from = at + 1;
            }
            else
            {
                depth += text[at] switch { '(' => 1, ')' => -1, _ => 0 };
            }
        }
    }
}

/// <summary>One condition on a label.</summary>
public sealed record LabelRequirement
{
    public required string Key { get; init; }
    public required LabelOperator Operator { get; init; }
    public IReadOnlyList<string> Values { get; init; } = [];

    /// <summary>Whether labels keep it; NotIn holds for a label that is not there. Pure.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        var there = labels.TryGetValue(Key, out var value);
        return Operator switch
        {
            LabelOperator.In => there && Values.Contains(value, StringComparer.Ordinal),
            LabelOperator.NotIn => !there || !Values.Contains(value, StringComparer.Ordinal),
            LabelOperator.Exists => there,
            _ => !there,
        };
    }
}

public enum LabelOperator { In, NotIn, Exists, DoesNotExist }
