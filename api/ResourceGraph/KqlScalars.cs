using System.Text;
using static ControlPlane.Api.ResourceGraph.KqlExpression;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>Turns expressions into SQL. What cannot be computed of a row is null; only a number beyond all ranges fails.</summary>
internal sealed class KqlScalars(KqlParameters parameters, IReadOnlyList<KqlSql> columns)
{
    /// <summary>Conversions repeat what they convert: without a bound a short query could become a statement of any length.</summary>
    private const int LongestSql = 64 * 1024;

    public KqlSql Compile(KqlExpression expression) => Inner(expression) is var compiled && compiled.Sql.Length <= LongestSql ? compiled : throw expression.At.Fault("this is too complex; compute parts of it with extend");

    private KqlSql Inner(KqlExpression expression) => expression switch
    {
        Literal literal => parameters.Literal(literal.Value),
        Name name => Column(name.At),
        Member member => Step(member),
        Minus minus => Negative(minus),
        Between between => Range(between),
        In list => List(list),
        Binary { Operator: "and" or "or" } logic => new($"({Condition(logic.Left)} {logic.Operator} {Condition(logic.Right)})", KqlKind.Bool),
        Binary { Operator: "+" or "-" or "*" or "/" or "%" } sum => Arithmetic(sum, Compile(sum.Left), Compile(sum.Right)),
        Binary binary => Compare(binary),
        Call call => new KqlFunctions(this, parameters).Compile(call),
        _ => throw expression.At.Fault("this is not an expression"),
    };

    /// <summary>An expression that is true or false.</summary>
    public string Condition(KqlExpression expression) => Compile(expression) is { Kind: KqlKind.Bool or KqlKind.Dynamic } condition ? condition.AsBool().Sql : throw expression.At.Fault("expected a condition, which is true or false");

    public KqlSql Column(KqlToken at) => columns.FirstOrDefault(column => column.Name == at.Text) ?? columns.FirstOrDefault(column => string.Equals(column.Name, at.Text, StringComparison.OrdinalIgnoreCase))
        ?? throw at.Fault($"there is no column '{at.Text}' here; there are {string.Join(", ", columns.Select(column => column.Name))}");

    private KqlSql Step(Member member)
    {
        var of = Compile(member.Of);
        if (of.Kind is not KqlKind.Dynamic)
            throw member.At.Fault($"a {of.Kind} has no properties");
        return new($"({of.Sql} -> {parameters.Add(member.Key)}{(member.Key is int ? "::int" : "::text")})", KqlKind.Dynamic);
    }

    private KqlSql Negative(Minus minus)
    {
        var of = Compile(minus.Of);
        return of.Kind switch
        {
            KqlKind.Long => new($"(-{of.Sql})", KqlKind.Long),
            KqlKind.Span => new($"(-{of.Sql})", KqlKind.Span),
            KqlKind.Real or KqlKind.Dynamic => new($"(-{of.AsOwnNumber().Sql})", KqlKind.Real),
            _ => throw minus.At.Fault($"a {of.Kind} has no negative"),
        };
    }

    private static KqlSql Arithmetic(Binary sum, KqlSql left, KqlSql right)
    {
        var op = sum.Operator;
        if ((left.Kind, right.Kind, op) is (KqlKind.Time, KqlKind.Span, "+" or "-") or (KqlKind.Span, KqlKind.Span, "+" or "-"))
            return new($"({left.Sql} {op} {right.Sql})", left.Kind);
        if (left.Kind is not (KqlKind.Long or KqlKind.Real or KqlKind.Dynamic) || right.Kind is not (KqlKind.Long or KqlKind.Real or KqlKind.Dynamic))
            throw sum.At.Fault($"'{op}' does not go with a {left.Kind} and a {right.Kind}; convert them, for example with toint()");
        var kind = left.Kind is KqlKind.Long && right.Kind is KqlKind.Long ? KqlKind.Long : KqlKind.Real;
        var (a, b) = kind is KqlKind.Long ? (left.Sql, right.Sql) : (left.AsOwnNumber().Sql, right.AsOwnNumber().Sql);
        return op switch
        {
            "%" when kind is KqlKind.Real => new($"mod(({a})::numeric, nullif(({b})::numeric, 0))::double precision", kind),
            "/" or "%" => new($"(({a}) {op} nullif({b}, 0))", kind),
            _ => new($"(({a}) {op} ({b}))", kind),
        };
    }

    private KqlSql Range(Between between)
    {
        var value = Compile(between.Value);
        var within = $"({Ordered(between.At, ">=", value, Compile(between.Low))} and {Ordered(between.At, "<=", value, Compile(between.High))})";
        return new(between.Negated ? $"(not {within})" : within, KqlKind.Bool);
    }

    private KqlSql List(In list)
    {
        var left = Compile(list.Left);
        var any = list.Values.Select(value => list.Operator switch
        {
            "has_any" => Has(list.At, left, value),
            "in~" or "!in~" => Fold(left, Compile(value)),
            _ => Same(list.At, left, Compile(value)),
        });
        var found = $"({string.Join(" or ", any)})";
        return new(list.Operator[0] == '!' ? $"(not {found})" : found, KqlKind.Bool);
    }

    private KqlSql Compare(Binary binary)
    {
        var (op, left) = (binary.Operator, Compile(binary.Left));
        var negated = op is "!=" or "!~" || (op[0] == '!' && op.Length > 2);
        var positive = op switch { "!=" => "==", "!~" => "=~", _ => op.TrimStart('!') };
        if (positive == "has")
            return Found(Has(binary.At, left, binary.Right), negated);
        var right = Compile(binary.Right);
        return positive switch
        {
            "==" => Found(Same(binary.At, left, right), negated),
            "=~" => Found(Fold(left, right), negated),
            "<" or "<=" or ">" or ">=" => new(Ordered(binary.At, positive, left, right), KqlKind.Bool),
            "contains" => Found($"(position({Lower(right)} in {Lower(left)}) > 0)", negated),
            "contains_cs" => Found($"(position({right.AsText().Sql} in {left.AsText().Sql}) > 0)", negated),
            "startswith" => Found($"starts_with({Lower(left)}, {Lower(right)})", negated),
            "startswith_cs" => Found($"starts_with({left.AsText().Sql}, {right.AsText().Sql})", negated),
            "endswith" => Found($"starts_with(reverse({Lower(left)}), reverse({Lower(right)}))", negated),
            "endswith_cs" => Found($"starts_with(reverse({left.AsText().Sql}), reverse({right.AsText().Sql}))", negated),
            _ => throw binary.At.Fault($"there is no operator '{op}'"),
        };
    }

    private static KqlSql Found(string condition, bool negated) => new(negated ? $"(not {condition})" : condition, KqlKind.Bool);

    private static string Lower(KqlSql value) => $"lower({value.AsText().Sql})";

    private static string Fold(KqlSql left, KqlSql right) => $"({Lower(left)} = {Lower(right)})";

    private static string Same(KqlToken at, KqlSql left, KqlSql right) => (left.Kind, right.Kind) switch
    {
        (KqlKind.Dynamic, KqlKind.Dynamic) => $"({left.AsText().Sql} = {right.AsText().Sql})",
        (KqlKind.Text, _) or (_, KqlKind.Text) => $"({left.AsText().Sql} = {right.AsText().Sql})",
        (KqlKind.Bool, KqlKind.Bool or KqlKind.Dynamic) or (KqlKind.Dynamic, KqlKind.Bool) => $"({left.AsBool().Sql} is not distinct from {right.AsBool().Sql})",
        _ => $"coalesce({Ordered(at, "=", left, right)}, false)",
    };

    /// <summary>Texts are ordered by code points.</summary>
    private static string Ordered(KqlToken at, string op, KqlSql left, KqlSql right)
    {
        static bool IsNumber(KqlSql one) => one.Kind is KqlKind.Long or KqlKind.Real;
        if (left.Kind is KqlKind.Long && right.Kind is KqlKind.Long)
            return $"({left.Sql} {op} {right.Sql})";
        if ((IsNumber(left) || left.Kind is KqlKind.Dynamic) && (IsNumber(right) || right.Kind is KqlKind.Dynamic))
            return $"({left.AsOwnNumber().Sql} {op} {right.AsOwnNumber().Sql})";
        if (left.Kind is KqlKind.Time && right.Kind is KqlKind.Time or KqlKind.Dynamic or KqlKind.Text || (right.Kind is KqlKind.Time && left.Kind is KqlKind.Dynamic or KqlKind.Text))
            return $"({left.AsTime().Sql} {op} {right.AsTime().Sql})";
        if (left.Kind is KqlKind.Span && right.Kind is KqlKind.Span)
            return $"({left.Sql} {op} {right.Sql})";
        if (left.Kind is KqlKind.Text or KqlKind.Dynamic && right.Kind is KqlKind.Text or KqlKind.Dynamic)
            return $"(({left.AsText().Sql}) collate \"C\" {op} {right.AsText().Sql})";
        throw at.Fault($"a {left.Kind} cannot be compared with a {right.Kind}; convert one of them, for example with toint() or tostring()");
    }

    /// <summary>A whole word. The word is part of a pattern, in which all that is not a letter or digit is escaped.</summary>
    private string Has(KqlToken at, KqlSql left, KqlExpression right)
    {
        if (right is not Literal { Value: string word })
            throw at.Fault("'has' takes a text in quotes; use contains for anything else");
        var pattern = new StringBuilder("(^|[^[:alnum:]])");
        foreach (var c in word)
        {
            if (!char.IsLetterOrDigit(c) && c < 128)
                pattern.Append('\\');
            pattern.Append(c);
        }

        return $"({left.AsText().Sql} ~* {parameters.Add(pattern.Append("([^[:alnum:]]|$)").ToString())}::text)";
    }
}
