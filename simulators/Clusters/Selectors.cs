using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>Field and label selectors: <c>a=b</c>, <c>a!=b</c>, <c>a in (b,c)</c>, <c>a notin (b,c)</c>, <c>a</c> and <c>!a</c>.</summary>
internal sealed class Selectors
{
    private readonly List<Func<JsonObject, bool>> terms = [];

    public bool IsEmpty => terms.Count == 0;

    /// <exception cref="FormatException">A term is none of the known forms.</exception>
    public static Selectors Parse(string fields, string labels)
    {
        var selectors = new Selectors();
        foreach (var term in Split(fields))
        {
            var (path, values, positive) = Parse(term);
            if (values is null) throw new FormatException($"invalid selector: '{term}'; can't understand '{term}'");
            selectors.terms.Add(item => values.Contains(Field(item, path), StringComparer.Ordinal) == positive);
        }

        foreach (var term in Split(labels))
        {
            var (key, values, positive) = Parse(term);
            selectors.terms.Add(item =>
            {
                var value = (item["metadata"]?["labels"] as JsonObject).Text(key);
                return (values is null ? value is not null : value is not null && values.Contains(value, StringComparer.Ordinal)) == positive;
            });
        }

        return selectors;
    }

    public bool Matches(JsonObject item) => terms.TrueForAll(term => term(item));

    private static (string Key, string[]? Values, bool Positive) Parse(string term)
    {
        if (term.IndexOf('(', StringComparison.Ordinal) is > 0 and var open)
        {
            var head = term[..open].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (head.Length != 2 || head[1] is not ("in" or "notin")) throw new FormatException($"unable to parse requirement: '{term}'");
            return (head[0], term[(open + 1)..].TrimEnd(')').Split(',', StringSplitOptions.TrimEntries), head[1] == "in");
        }

        if (term.Split("!=", 2) is [var unequal, var other]) return (unequal.Trim(), [other.Trim()], false);
        if (term.Split('=', 2) is [var equal, var value]) return (equal.Trim(), [value.TrimStart('=').Trim()], true);
        return term[0] == '!' ? (term[1..].Trim(), null, false) : (term, null, true);
    }

    /// <summary>Commas inside parentheses do not separate terms.</summary>
    private static IEnumerable<string> Split(string selector)
    {
        var (start, depth) = (0, 0);
        for (var at = 0; at <= selector.Length; at++)
        {
            if (at < selector.Length && selector[at] != ',')
            {
                depth += selector[at] switch { '(' => 1, ')' => -1, _ => 0 };
                continue;
            }

            if (at < selector.Length && depth > 0) continue;
            var term = selector[start..at].Trim();
            if (term.Length > 0) yield return term;
            start = at + 1;
        }
    }

    private static string Field(JsonObject item, string path)
    {
        JsonNode? node = item;
        foreach (var name in path.Split('.')) node = (node as JsonObject)?[name];
        return node?.ToString() ?? "";
    }
}
