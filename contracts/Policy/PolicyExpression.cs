using System.Globalization;
using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Policy;

/// <summary>A value in a rule: JSON as it stands, or computed by the functions of a template expression in brackets, <c>[concat(parameters('prefix'), field('name'))]</c>.</summary>
public abstract record PolicyExpression
{
    /// <summary>JSON as it stands.</summary>
    public sealed record Literal(JsonElement Value) : PolicyExpression;

    /// <summary>A function of <see cref="Functions"/>, by its name there.</summary>
    public sealed record Call(string Function, IReadOnlyList<PolicyExpression> Arguments) : PolicyExpression;

    /// <summary>A property or an item: <c>x.name</c>, <c>x['name']</c>, <c>x[0]</c>.</summary>
    public sealed record Member(PolicyExpression Of, PolicyExpression Name) : PolicyExpression;

    /// <summary>An array in which at least one item is computed.</summary>
    public sealed record Items(IReadOnlyList<PolicyExpression> Values) : PolicyExpression;

    /// <summary>Every function, with how many arguments it takes at least and at most.</summary>
    public static IReadOnlyDictionary<string, (int Least, int Most)> Functions { get; } = new Dictionary<string, (int, int)>(StringComparer.OrdinalIgnoreCase)
    {
        ["parameters"] = (1, 1), ["field"] = (1, 1), ["current"] = (0, 1), ["resourceGroup"] = (0, 0), ["subscription"] = (0, 0),
        ["concat"] = (1, 32), ["toLower"] = (1, 1), ["toUpper"] = (1, 1), ["replace"] = (3, 3), ["split"] = (2, 2), ["string"] = (1, 1),
        ["if"] = (3, 3), ["equals"] = (2, 2), ["not"] = (1, 1), ["and"] = (2, 32), ["or"] = (2, 32), ["true"] = (0, 0), ["false"] = (0, 0),
        ["empty"] = (1, 1), ["length"] = (1, 1), ["first"] = (1, 1), ["last"] = (1, 1), ["contains"] = (2, 2), ["startsWith"] = (2, 2), ["endsWith"] = (2, 2),
        ["int"] = (1, 1), ["add"] = (2, 2), ["sub"] = (2, 2), ["compareVersions"] = (2, 2),
    };

    private const int Deepest = 16;

    /// <summary>Reads a value; faults go to <paramref name="report"/>, and what is returned then means nothing.</summary>
    public static PolicyExpression Read(JsonElement value, Action<string> report)
    {
        if (value.ValueKind is JsonValueKind.Array)
        {
            var items = value.EnumerateArray().Select(item => Read(item, report)).ToList();
            return items.TrueForAll(item => item is Literal) ? new Literal(value) : new Items(items);
        }

        if (value.ValueKind is not JsonValueKind.String || value.GetString() is not { Length: > 1 } text || text[0] != '[' || text[^1] != ']')
            return new Literal(value);
        if (text[1] == '[')
            return new Literal(Json.Element(text[1..]));
        try
        {
            return new Parser(text[1..^1]).Whole();
        }
        catch (FormatException fault)
        {
            report($"holds an expression that cannot be read: {fault.Message}; write [[ for a text that begins with a bracket");
            return new Literal(value);
        }
    }

    /// <summary>Every expression inside this one, itself first.</summary>
    public IEnumerable<PolicyExpression> WithParts()
    {
        IEnumerable<PolicyExpression> parts = this switch
        {
            Call call => call.Arguments,
            Member member => [member.Of, member.Name],
            Items items => items.Values,
            _ => [],
        };
        return parts.SelectMany(part => part.WithParts()).Prepend(this);
    }

    private sealed class Parser(string text)
    {
        private int at;

        public PolicyExpression Whole()
        {
            var expression = Value(depth: 0);
            return Peek() == '\0' && at >= text.Length ? expression : throw Fault("expected the end");
        }

        private PolicyExpression Value(int depth)
        {
            if (depth > Deepest)
                throw Fault($"nested deeper than {Deepest}");
            PolicyExpression value = Peek() switch
            {
                '\'' => new Literal(Json.Element(Quoted())),
                '-' or (>= '0' and <= '9') => Number(),
                _ => Function(depth),
            };
            while (Peek() is '.' or '[')
            {
                if (text[at++] == '.')
                    value = new Member(value, new Literal(Json.Element(Word())));
                else
                {
                    value = new Member(value, Value(depth + 1));
                    Expect(']');
                }
            }

            return value;
        }

        private Call Function(int depth)
        {
            var name = Word();
            Expect('(');
            var arguments = new List<PolicyExpression>();
            if (Peek() == ')')
                at++;
            else
            {
                do
                    arguments.Add(Value(depth + 1));
                while (Peek() == ',' && Next() == ',');
                Expect(')');
            }

            if (!Functions.TryGetValue(name, out var count))
                throw Fault($"there is no function '{name}'; there are {string.Join(", ", Functions.Keys)}");
            return arguments.Count >= count.Least && arguments.Count <= count.Most ? new Call(name.ToLowerInvariant(), arguments)
                : throw Fault($"'{name}' takes {(count.Least == count.Most ? $"{count.Least}" : $"{count.Least} to {count.Most}")} arguments, not {arguments.Count}");
        }

        private Literal Number()
        {
            var start = at++;
            while (at < text.Length && char.IsAsciiDigit(text[at]))
                at++;
            return long.TryParse(text.AsSpan(start, at - start), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
                ? new Literal(Json.Element(number)) : throw Fault("expected a whole number");
        }

        private string Quoted()
        {
            var start = ++at;
            while (true)
            {
                if (at >= text.Length)
                    throw Fault("the text in quotes does not end");
                if (text[at++] != '\'')
                    continue;
                if (at < text.Length && text[at] == '\'')
                    at++;
                else
                    return text[start..(at - 1)].Replace("''", "'", StringComparison.Ordinal);
            }
        }

        private string Word()
        {
            Peek();
            var start = at;
            while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '_'))
                at++;
            return at > start ? text[start..at] : throw Fault("expected a name");
        }

        private char Peek()
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
                at++;
            return at < text.Length ? text[at] : '\0';
        }

        private char Next()
        {
            var next = Peek();
            at++;
            return next is '\0' ? throw Fault("it ends too early") : next;
        }

        private void Expect(char wanted)
        {
            if (Next() != wanted)
                throw Fault($"expected {wanted}");
        }

        private FormatException Fault(string why) => new($"at character {Math.Min(at, text.Length) + 1}: {why}");
    }
}
