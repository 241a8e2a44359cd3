namespace ControlPlane.Api.ResourceGraph;

/// <summary>Reads expressions: <c>or</c> binds weakest, then <c>and</c>, comparisons, sums, products.</summary>
internal sealed class KqlExpressions(KqlCursor cursor)
{
    private const int Deepest = 48;
    private static readonly string[] Comparisons =
    [
        "==", "!=", "=~", "!~", "<", "<=", ">", ">=", "has", "!has", "contains", "!contains", "contains_cs", "!contains_cs", "startswith", "!startswith", "startswith_cs", "endswith", "!endswith", "endswith_cs",
    ];

    private static readonly string[] Lists = ["in", "in~", "!in", "!in~", "has_any"];
    private int depth;

    public KqlExpression Read()
    {
        if (++depth > Deepest)
            throw cursor.Current.Fault($"nested deeper than {Deepest}");
        var left = And();
        while (cursor.IsWord("or"))
            left = new KqlExpression.Binary(cursor.Take(), "or", left, And());
        depth--;
        return left;
    }

    private KqlExpression And()
    {
        var left = Comparison();
        while (cursor.IsWord("and"))
            left = new KqlExpression.Binary(cursor.Take(), "and", left, Comparison());
        return left;
    }

    private KqlExpression Comparison()
    {
        var left = Sum();
        var at = cursor.Current;
        if (at.Kind is not (KqlTokenKind.Symbol or KqlTokenKind.Name))
            return left;
        if (Lists.Contains(at.Text, StringComparer.Ordinal))
        {
            cursor.Take();
            cursor.Expect("(");
            var values = cursor.List(Read);
            cursor.Expect(")");
            return new KqlExpression.In(at, at.Text, left, values);
        }

        if (at.Text is "between" or "!between")
        {
            cursor.Take();
            cursor.Expect("(");
            var low = Sum();
            cursor.Expect("..");
            var high = Sum();
            cursor.Expect(")");
            return new KqlExpression.Between(at, at.Text[0] == '!', left, low, high);
        }

        if (at is { Kind: KqlTokenKind.Name, Text: "matches" })
            throw at.Fault("regular expressions are not served; use contains, startswith, endswith or has");
        return Comparisons.Contains(at.Text, StringComparer.Ordinal) ? new KqlExpression.Binary(cursor.Take(), at.Text, left, Sum()) : left;
    }

    private KqlExpression Sum()
    {
        var left = Product();
        while (cursor.IsSymbol("+") || cursor.IsSymbol("-"))
        {
            var at = cursor.Take();
            left = new KqlExpression.Binary(at, at.Text, left, Product());
        }

        return left;
    }

    private KqlExpression Product()
    {
        var left = Unary();
        while (cursor.IsSymbol("*") || cursor.IsSymbol("/") || cursor.IsSymbol("%"))
        {
            var at = cursor.Take();
            left = new KqlExpression.Binary(at, at.Text, left, Unary());
        }

        return left;
    }

    private KqlExpression Unary()
    {
        if (!cursor.IsSymbol("-"))
            return Postfix();
        var at = cursor.Take();
        if (++depth > Deepest)
            throw at.Fault($"nested deeper than {Deepest}");
        var negated = new KqlExpression.Minus(at, Unary());
        depth--;
        return negated;
    }

    private KqlExpression Postfix()
    {
        var value = Primary();
        for (var steps = 0; ; steps++)
        {
            var at = cursor.Current;
            if (steps > Deepest)
                throw at.Fault($"nested deeper than {Deepest}");
            if (cursor.Accept("."))
                value = new KqlExpression.Member(at, value, cursor.Name("the name of a property").Text);
            else if (cursor.Accept("["))
            {
                var key = cursor.Current.Kind switch
                {
                    KqlTokenKind.Text => cursor.Take().Text,
                    KqlTokenKind.Long when (long)cursor.Current.Value! <= int.MaxValue => (object)(int)(long)cursor.Take().Value!,
                    _ => throw cursor.Unexpected("the name of a property in quotes, or a number"),
                };
                cursor.Expect("]");
                value = new KqlExpression.Member(at, value, key);
            }
            else
                return value;
        }
    }

    private KqlExpression Primary()
    {
        var at = cursor.Current;
        switch (at.Kind)
        {
            case KqlTokenKind.Text:
                return new KqlExpression.Literal(cursor.Take(), at.Text);
            case KqlTokenKind.Long or KqlTokenKind.Real or KqlTokenKind.Timespan or KqlTokenKind.Time:
                return new KqlExpression.Literal(cursor.Take(), at.Value!);
            case KqlTokenKind.Symbol when cursor.Accept("("):
                var inner = Read();
                cursor.Expect(")");
                return inner;
            case KqlTokenKind.Name:
                cursor.Take();
                if (cursor.IsSymbol("("))
                    return Call(at);
                return at.Text is "true" or "false" ? new KqlExpression.Literal(at, at.Text == "true") : new KqlExpression.Name(at);
            default:
                throw cursor.Unexpected("a value");
        }
    }

    private KqlExpression.Call Call(KqlToken at)
    {
        cursor.Expect("(");
        var arguments = cursor.IsSymbol(")") ? [] : cursor.List(Read);
        cursor.Expect(")");
        return arguments.Count <= 64 ? new(at, at.Text.ToLowerInvariant(), arguments) : throw at.Fault("has more than 64 arguments");
    }
}
