namespace ControlPlane.Api.ResourceGraph;

/// <summary>A query, read: a table and what is done with its rows, one operator after another.</summary>
internal sealed record KqlQuery(KqlToken Table, IReadOnlyList<KqlOperator> Operators);

/// <summary>One step after a <c>|</c>.</summary>
internal abstract record KqlOperator(KqlToken At)
{
    public sealed record Where(KqlToken At, KqlExpression Condition) : KqlOperator(At);

    /// <summary>Exactly these columns.</summary>
    public sealed record Project(KqlToken At, IReadOnlyList<KqlColumn> Columns) : KqlOperator(At);

    public sealed record ProjectAway(KqlToken At, IReadOnlyList<KqlToken> Names) : KqlOperator(At);

    /// <summary>These columns besides what is there.</summary>
    public sealed record Extend(KqlToken At, IReadOnlyList<KqlColumn> Columns) : KqlOperator(At);

    public sealed record Summarize(KqlToken At, IReadOnlyList<KqlColumn> Aggregates, IReadOnlyList<KqlColumn> By) : KqlOperator(At);

    public sealed record Distinct(KqlToken At, IReadOnlyList<KqlColumn> Columns) : KqlOperator(At);

    public sealed record Order(KqlToken At, IReadOnlyList<KqlOrder> By) : KqlOperator(At);

    public sealed record Take(KqlToken At, long Rows) : KqlOperator(At);

    public sealed record Count(KqlToken At) : KqlOperator(At);

    public sealed record Join(KqlToken At, KqlJoinKind Kind, KqlQuery Right, IReadOnlyList<(KqlToken Left, KqlToken Right)> On) : KqlOperator(At);

    /// <summary>A row for each item of an array.</summary>
    public sealed record MvExpand(KqlToken At, KqlColumn Column) : KqlOperator(At);
}

internal enum KqlJoinKind { InnerUnique, Inner, LeftOuter }

/// <summary>A column that is computed, under the name that it gets.</summary>
internal sealed record KqlColumn(KqlToken At, string? Name, KqlExpression Value);

internal sealed record KqlOrder(KqlExpression By, bool Ascending, bool NullsFirst);

/// <summary>A value of a row.</summary>
internal abstract record KqlExpression(KqlToken At)
{
    /// <summary>A text, long, double, bool, timespan or time.</summary>
    public sealed record Literal(KqlToken At, object Value) : KqlExpression(At);

    public sealed record Name(KqlToken At) : KqlExpression(At);

    /// <summary><c>of.name</c>, <c>of['name']</c> or <c>of[0]</c>.</summary>
    public sealed record Member(KqlToken At, KqlExpression Of, object Key) : KqlExpression(At);

    /// <summary>A function, by its lower-case name.</summary>
    public sealed record Call(KqlToken At, string Function, IReadOnlyList<KqlExpression> Arguments) : KqlExpression(At);

    /// <summary>An operator between two values, such as <c>==</c>, <c>contains</c> or <c>and</c>.</summary>
    public sealed record Binary(KqlToken At, string Operator, KqlExpression Left, KqlExpression Right) : KqlExpression(At);

    /// <summary><c>in</c>, <c>in~</c>, <c>!in</c>, <c>!in~</c> and <c>has_any</c>.</summary>
    public sealed record In(KqlToken At, string Operator, KqlExpression Left, IReadOnlyList<KqlExpression> Values) : KqlExpression(At);

    public sealed record Between(KqlToken At, bool Negated, KqlExpression Value, KqlExpression Low, KqlExpression High) : KqlExpression(At);

    public sealed record Minus(KqlToken At, KqlExpression Of) : KqlExpression(At);
}
