namespace ControlPlane.Admission.Deployments;

/// <summary>An expression of the template language as a tree; <see cref="At"/> is the column in its text, for messages.</summary>
internal abstract record Expression(int At)
{
    /// <summary>Everything below and itself.</summary>
    public IEnumerable<Expression> All
    {
        get
        {
            yield return this;
            foreach (var part in Parts.SelectMany(part => part.All))
                yield return part;
        }
    }

    protected virtual IEnumerable<Expression> Parts => [];

    public sealed record Literal(int At, object? Value) : Expression(At);

    /// <summary>A built-in function, or one of the template's own as <c>namespace.name</c>.</summary>
    public sealed record Call(int At, string Name, IReadOnlyList<Expression> Arguments) : Expression(At)
    {
        protected override IEnumerable<Expression> Parts => Arguments;

        public bool Is(string name) => Name.Equals(name, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary><c>a.b</c>, <c>a['b']</c>, <c>a[0]</c>; the safe forms <c>.?</c> and <c>[?]</c> give null for what is not there.</summary>
    public sealed record Access(int At, Expression Target, Expression Key, bool IsSafe) : Expression(At)
    {
        protected override IEnumerable<Expression> Parts => [Target, Key];
    }
}

/// <summary>Reads what stands between the brackets of <c>"[...]"</c>.</summary>
internal sealed class ExpressionParser
{
    private readonly string text;
    private int at;
    private int depth;

    private ExpressionParser(string text) => this.text = text;

    /// <summary>True when the string is an expression and not text; <c>[[</c> is a bracket that is meant.</summary>
    public static bool IsExpression(string value) => value.Length >= 2 && value[0] == '[' && value[^1] == ']' && value[1] != '[';

    /// <summary>Text that is not an expression, without its escape.</summary>
    public static string Unescape(string value) => value.StartsWith("[[", StringComparison.Ordinal) && value[^1] == ']' ? value[1..] : value;

    /// <summary>Text that will be read as text again, whatever it begins with.</summary>
    public static string Escape(string value) => value.Length >= 2 && value[0] == '[' && value[^1] == ']' ? "[" + value : value;

    public static Expression Parse(string value)
    {
        if (value.Length > TemplateLimits.ExpressionLength)
            throw new TemplateException(TemplateFault.TooBig, $"an expression has {value.Length:N0} characters; at most {TemplateLimits.ExpressionLength:N0} are allowed");
        var parser = new ExpressionParser(value[..^1]) { at = 1 };
        var expression = parser.Whole();
        parser.Blank();
        return parser.at == parser.text.Length ? expression : throw parser.Fault($"'{parser.Peek}' is not expected");
    }

    private char Peek => at < text.Length ? text[at] : '\0';

    private Expression Whole()
    {
        if (++depth > TemplateLimits.ExpressionDepth)
            throw new TemplateException(TemplateFault.TooBig, $"an expression is nested more than {TemplateLimits.ExpressionDepth} levels deep");
        var expression = Primary();
        while (true)
        {
            Blank();
            var start = at;
            if (Take('.'))
            {
                var safe = Take('?');
                expression = new Expression.Access(start, expression, new Expression.Literal(at, Identifier()), safe);
            }
            else if (Take('['))
            {
                var safe = Take('?');
                var key = Whole();
                Expect(']');
                expression = new Expression.Access(start, expression, key, safe);
            }
            else
            {
                break;
            }

            if (++accesses > TemplateLimits.ExpressionDepth * 4)
                throw new TemplateException(TemplateFault.TooBig, $"an expression has more than {TemplateLimits.ExpressionDepth * 4} property accesses");
        }

        depth--;
        return expression;
    }

    private int accesses;

    private Expression Primary()
    {
        Blank();
        var start = at;
        if (Peek == '\'')
            return new Expression.Literal(start, Text());
        if (Peek == '-' || char.IsAsciiDigit(Peek))
            return new Expression.Literal(start, Number());
        var name = Identifier();
        Blank();
        if (Take('.'))
        {
            name += "." + Identifier();
            Blank();
        }

        if (!Take('('))
            throw Fault($"'{name}' is no value; a function needs parentheses, and text needs single quotes");
        var arguments = new List<Expression>();
        Blank();
        if (!Take(')'))
        {
            do
                arguments.Add(Whole());
            while (Comma());
            Expect(')');
        }

        return new Expression.Call(start, name, arguments);
    }

    private bool Comma()
    {
        Blank();
        return Take(',');
    }

    private string Text()
    {
        var start = ++at;
        while (true)
        {
            var quote = text.IndexOf('\'', at);
            if (quote < 0)
                throw Fault("a text in single quotes has no end");
            at = quote + 1;
            if (Peek != '\'')
                return text[start..quote].Replace("''", "'", StringComparison.Ordinal);
            at++;
        }
    }

    private object Number()
    {
        var start = at++;
        while (char.IsAsciiDigit(Peek))
            at++;
        return long.TryParse(text.AsSpan(start, at - start), out var whole) ? whole : throw Fault($"'{text[start..at]}' is no integer in range");
    }

    private string Identifier()
    {
        Blank();
        var start = at;
        if (!char.IsAsciiLetter(Peek) && Peek is not '_' and not '$')
            throw Fault(at >= text.Length ? "it ends where a value should be" : $"'{Peek}' is not expected");
        while (char.IsAsciiLetterOrDigit(Peek) || Peek is '_' or '$')
            at++;
        return text[start..at];
    }

    private void Expect(char wanted)
    {
        Blank();
        if (!Take(wanted))
            throw Fault($"'{wanted}' is missing");
    }

    private void Blank()
    {
        while (char.IsWhiteSpace(Peek))
            at++;
    }

    private bool Take(char wanted)
    {
        if (at >= text.Length || text[at] != wanted)
            return false;
        at++;
        return true;
    }

    private TemplateException Fault(string what) => new($"{what}, at column {at + 1} of the expression");
}
