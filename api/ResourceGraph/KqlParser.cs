namespace ControlPlane.Api.ResourceGraph;

/// <summary>Reads the subset of the Kusto query language that Azure Resource Graph is asked in. Size and depth are bounded.</summary>
internal sealed class KqlParser
{
    public const int LongestQuery = 32 * 1024;
    private const int MostOperators = 40;
    private const int MostJoins = 3;
    private const string Known = "where, project, project-away, extend, summarize, distinct, order, sort, top, take, limit, count, join and mv-expand";

    private readonly KqlCursor cursor;
    private readonly KqlExpressions expressions;
    private int joins, operators;

    private KqlParser(string query)
    {
        cursor = new(KqlTokens.Read(query));
        expressions = new(cursor);
    }

    public static KqlQuery Read(string query)
    {
        if (query.Length > LongestQuery)
            throw new KqlException($"the query is longer than {LongestQuery} characters", 1, 1);
        var parser = new KqlParser(query);
        var read = parser.Query();
        parser.cursor.Accept(";");
        return parser.cursor.Current.Kind is KqlTokenKind.End ? read : throw parser.cursor.Unexpected("| or the end of the query");
    }

    private KqlQuery Query()
    {
        // A query may begin with its first operator: then it is about resources.
        var table = cursor.Current.Kind is KqlTokenKind.Name && !IsOperator(cursor.Current) ? cursor.Take() : cursor.Current with { Kind = KqlTokenKind.Name, Text = "resources" };
        var steps = new List<KqlOperator>();
        if (IsOperator(cursor.Current))
            Add(steps);
        while (cursor.Accept("|"))
            Add(steps);
        return new(table, steps);
    }

    private bool IsOperator(KqlToken token) => token is { Kind: KqlTokenKind.Name, Text: "where" or "project" or "extend" or "summarize" or "distinct" or "order" or "sort" or "top" or "take" or "limit" or "count" } && !cursor.IsNext("|");

    private void Add(List<KqlOperator> steps)
    {
        if (++operators > MostOperators)
            throw cursor.Current.Fault($"a query has at most {MostOperators} operators");
        var at = cursor.Name($"an operator: {Known}");
        switch (at.Text)
        {
            case "where":
                steps.Add(new KqlOperator.Where(at, expressions.Read()));
                break;
            case "project" when cursor.Accept("-"):
                var variant = cursor.Name("away");
                if (variant.Text != "away")
                    throw variant.Fault($"there is no project-{variant.Text}; there are project and project-away");
                steps.Add(new KqlOperator.ProjectAway(at, cursor.List(() => cursor.Name("a column"))));
                break;
            case "project":
                steps.Add(new KqlOperator.Project(at, Columns()));
                break;
            case "extend":
                steps.Add(new KqlOperator.Extend(at, Columns()));
                break;
            case "summarize":
                var aggregates = cursor.IsWord("by") ? [] : Columns();
                steps.Add(new KqlOperator.Summarize(at, aggregates, cursor.AcceptWord("by") ? Columns() : []));
                break;
            case "distinct":
                steps.Add(new KqlOperator.Distinct(at, cursor.Accept("*") ? [] : Columns()));
                break;
            case "order" or "sort":
                cursor.Word("by");
                steps.Add(new KqlOperator.Order(at, cursor.List(Order)));
                break;
            case "top":
                var count = cursor.Long();
                cursor.Word("by");
                steps.Add(new KqlOperator.Order(at, cursor.List(Order)));
                steps.Add(new KqlOperator.Take(at, count));
                break;
            case "take" or "limit":
                steps.Add(new KqlOperator.Take(at, cursor.Long()));
                break;
            case "count":
                steps.Add(new KqlOperator.Count(at));
                break;
            case "join":
                steps.Add(Join(at));
                break;
            case "mv" or "mvexpand":
                if (at.Text == "mv")
                {
                    cursor.Expect("-");
                    cursor.Word("expand");
                }

                steps.Add(new KqlOperator.MvExpand(at, Column()));
                break;
            case "render":
                while (cursor.Current.Kind is not KqlTokenKind.End && !cursor.IsSymbol("|") && !cursor.IsSymbol(")"))
                    cursor.Take();
                break;
            default:
                throw at.Fault($"'{at.Text}' is not an operator here; there are {Known}");
        }
    }

    private KqlOperator.Join Join(KqlToken at)
    {
        if (++joins > MostJoins)
            throw at.Fault($"a query has at most {MostJoins} joins");
        var kind = KqlJoinKind.InnerUnique;
        if (cursor.AcceptWord("kind"))
        {
            cursor.Expect("=");
            var word = cursor.Name("a kind of join");
            kind = word.Text switch
            {
                "innerunique" => KqlJoinKind.InnerUnique,
                "inner" => KqlJoinKind.Inner,
                "leftouter" => KqlJoinKind.LeftOuter,
                _ => throw word.Fault($"there is no join kind '{word.Text}' here; there are inner, innerunique and leftouter"),
            };
        }

        cursor.Expect("(");
        var right = Query();
        cursor.Expect(")");
        cursor.Word("on");
        return new(at, kind, right, cursor.List(On));
    }

    private (KqlToken Left, KqlToken Right) On()
    {
        if (!cursor.Accept("$"))
        {
            var both = cursor.Name("a column");
            return (both, both);
        }

        cursor.Word("left");
        cursor.Expect(".");
        var left = cursor.Name("a column");
        cursor.Expect("==");
        cursor.Expect("$");
        cursor.Word("right");
        cursor.Expect(".");
        return (left, cursor.Name("a column"));
    }

    private KqlOrder Order()
    {
        var by = expressions.Read();
        var ascending = cursor.AcceptWord("asc");
        if (!ascending)
            cursor.AcceptWord("desc");
        var nullsFirst = ascending;
        if (cursor.AcceptWord("nulls"))
        {
            nullsFirst = cursor.AcceptWord("first");
            if (!nullsFirst)
                cursor.Word("last");
        }

        return new(by, ascending, nullsFirst);
    }

    private List<KqlColumn> Columns() => cursor.List(Column);

    private KqlColumn Column()
    {
        var at = cursor.Current;
        if (at.Kind is not KqlTokenKind.Name || !cursor.IsNext("="))
            return new(at, Name: null, expressions.Read());
        cursor.Take();
        cursor.Expect("=");
        return new(at, at.Text, expressions.Read());
    }
}

/// <summary>Where the parser stands.</summary>
internal sealed class KqlCursor(IReadOnlyList<KqlToken> tokens)
{
    private int at;

    public KqlToken Current => tokens[at];

    public KqlToken Take() => tokens[at++];

    public bool IsSymbol(string symbol) => Current.Kind is KqlTokenKind.Symbol && Current.Text == symbol;

    public bool IsWord(string word) => Current.Kind is KqlTokenKind.Name && Current.Text == word;

    /// <summary>Whether the token after the current one is this symbol.</summary>
    public bool IsNext(string symbol) => at + 1 < tokens.Count && tokens[at + 1].Kind is KqlTokenKind.Symbol && tokens[at + 1].Text == symbol;

    public bool Accept(string symbol)
    {
        if (!IsSymbol(symbol))
            return false;
        at++;
        return true;
    }

    public bool AcceptWord(string word)
    {
        if (!IsWord(word))
            return false;
        at++;
        return true;
    }

    public void Word(string word)
    {
        if (!AcceptWord(word))
            throw Unexpected(word);
    }

    public void Expect(string symbol)
    {
        if (!Accept(symbol))
            throw Unexpected(symbol);
    }

    public KqlToken Name(string what) => Current.Kind is KqlTokenKind.Name ? Take() : throw Unexpected(what);

    public long Long() => Current.Kind is KqlTokenKind.Long ? (long)Take().Value! : throw Unexpected("a number");

    public List<T> List<T>(Func<T> item)
    {
        var items = new List<T> { item() };
        while (Accept(","))
            items.Add(item());
        return items;
    }

    public KqlException Unexpected(string expected) => Current.Fault($"expected {expected}, not {Current.Shown}");
}
