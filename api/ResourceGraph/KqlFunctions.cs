using static ControlPlane.Api.ResourceGraph.KqlExpression;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>The functions of one row.</summary>
internal sealed class KqlFunctions(KqlScalars scalars, KqlParameters parameters)
{
    private static readonly Dictionary<string, (int Least, int Most)> Known = new(StringComparer.Ordinal)
    {
        ["tostring"] = (1, 1), ["toint"] = (1, 1), ["tolong"] = (1, 1), ["todouble"] = (1, 1), ["toreal"] = (1, 1), ["tobool"] = (1, 1), ["todatetime"] = (1, 1), ["todynamic"] = (1, 1),
        ["tolower"] = (1, 1), ["toupper"] = (1, 1), ["strcat"] = (1, 64), ["strlen"] = (1, 1), ["substring"] = (2, 3), ["split"] = (2, 3),
        ["iff"] = (3, 3), ["iif"] = (3, 3), ["case"] = (3, 63), ["coalesce"] = (1, 64), ["not"] = (1, 1), ["isempty"] = (1, 1), ["isnotempty"] = (1, 1), ["isnull"] = (1, 1), ["isnotnull"] = (1, 1),
        ["now"] = (0, 0), ["ago"] = (1, 1), ["array_length"] = (1, 1), ["bag_keys"] = (1, 1), ["abs"] = (1, 1), ["round"] = (1, 1), ["replace_string"] = (3, 3),
    };

    public KqlSql Compile(Call call)
    {
        if (!Known.TryGetValue(call.Function, out var arity))
            throw call.At.Fault(KqlAggregates.Names.Contains(call.Function, StringComparer.Ordinal) ? $"'{call.Function}' counts rows and stands in summarize only" : $"there is no function '{call.At.Text}' here; there are {string.Join(", ", Known.Keys)}");
        if (call.Arguments.Count < arity.Least || call.Arguments.Count > arity.Most)
            throw call.At.Fault($"'{call.At.Text}' takes {(arity.Least == arity.Most ? $"{arity.Least}" : $"{arity.Least} to {arity.Most}")} arguments, not {call.Arguments.Count}");
        KqlSql Of(int at) => scalars.Compile(call.Arguments[at]);
        switch (call.Function)
        {
            case "tostring": return Of(0).AsText();
            case "toint" or "tolong": return Of(0).AsLong();
            case "todouble" or "toreal": return Of(0).AsReal();
            case "tobool": return Of(0).AsBool();
            case "todatetime": return Of(0).AsTime();
            case "todynamic": return Of(0).AsDynamic();
            case "tolower": return new($"lower({Of(0).AsText().Sql})", KqlKind.Text);
            case "toupper": return new($"upper({Of(0).AsText().Sql})", KqlKind.Text);
            case "strlen": return new($"length({Of(0).AsText().Sql})::bigint", KqlKind.Long);
            case "strcat": return new($"({string.Join(" || ", call.Arguments.Select(argument => scalars.Compile(argument).AsText().Sql))})", KqlKind.Text);
            case "substring": return Substring(call, Of(0), Of(1), call.Arguments.Count > 2 ? Of(2) : null);
            case "split": return Split(call, Of(0), Of(1));
            case "replace_string": return new($"replace({Of(0).AsText().Sql}, {Of(1).AsText().Sql}, {Of(2).AsText().Sql})", KqlKind.Text);
            case "iff" or "iif": return Choose(call, [call.Arguments[0]], [Of(1)], Of(2));
            case "case" when call.Arguments.Count % 2 == 1:
                var pairs = call.Arguments.Count / 2;
                return Choose(call, [.. Enumerable.Range(0, pairs).Select(at => call.Arguments[2 * at])], [.. Enumerable.Range(0, pairs).Select(at => Of((2 * at) + 1))], Of(call.Arguments.Count - 1));
            case "case": throw call.At.Fault("'case' takes pairs of condition and value, and a last value for the rest");
            case "coalesce": return Coalesce(call);
            case "not": return new($"(not {scalars.Condition(call.Arguments[0])})", KqlKind.Bool);
            case "isempty": return new(Of(0).IsEmpty, KqlKind.Bool);
            case "isnotempty": return new($"(not {Of(0).IsEmpty})", KqlKind.Bool);
            case "isnull": return IsNull(Of(0));
            case "isnotnull": return new($"(not {IsNull(Of(0)).Sql})", KqlKind.Bool);
            case "now": return new("now()", KqlKind.Time);
            case "ago": return Of(0) is { Kind: KqlKind.Span } span ? new($"(now() - {span.Sql})", KqlKind.Time) : throw call.At.Fault("'ago' takes a timespan, such as 7d or 30m");
            case "array_length": return new($"case when jsonb_typeof({Of(0).AsDynamic().Sql}) = 'array' then jsonb_array_length({Of(0).AsDynamic().Sql})::bigint end", KqlKind.Long);
            case "bag_keys":
                var bag = Of(0).AsDynamic().Sql;
                return new($"case when jsonb_typeof({bag}) = 'object' then (select coalesce(jsonb_agg(k), '[]') from jsonb_object_keys({bag}) k) end", KqlKind.Dynamic);
            case "abs": return Of(0) is { Kind: KqlKind.Long } whole ? new($"abs({whole.Sql})", KqlKind.Long) : new($"abs({Of(0).AsReal().Sql})", KqlKind.Real);
            default: return new($"round({Of(0).AsReal().Sql})", KqlKind.Real);
        }
    }

    /// <summary>One kind for all of them: their own when they agree, a number for numbers, else dynamic.</summary>
    private static KqlKind Common(IEnumerable<KqlSql> values)
    {
        var kinds = values.Select(value => value.Kind).Distinct().ToList();
        return kinds is [var one] ? one : kinds.TrueForAll(kind => kind is KqlKind.Long or KqlKind.Real) ? KqlKind.Real : KqlKind.Dynamic;
    }

    private KqlSql Choose(Call call, IReadOnlyList<KqlExpression> conditions, IReadOnlyList<KqlSql> values, KqlSql otherwise)
    {
        var kind = Common(values.Append(otherwise));
        if (kind is KqlKind.Span)
            throw call.At.Fault($"'{call.At.Text}' does not choose among timespans");
        var cases = conditions.Zip(values, (condition, value) => $"when {scalars.Condition(condition)} then {value.As(kind).Sql}");
        return new($"case {string.Join(' ', cases)} else {otherwise.As(kind).Sql} end", kind);
    }

    private KqlSql Coalesce(Call call)
    {
        var values = call.Arguments.Select(scalars.Compile).ToList();
        var kind = Common(values);
        return kind is KqlKind.Text ? new($"coalesce({string.Join(", ", values.Select(value => $"nullif({value.Sql}, '')"))}, '')", kind)
            : new($"coalesce({string.Join(", ", values.Select(value => kind is KqlKind.Dynamic ? $"nullif({value.AsDynamic().Sql}, 'null')" : value.As(kind).Sql))})", kind);
    }

    private static KqlSql IsNull(KqlSql value) => value.Kind switch
    {
        KqlKind.Text => new("false", KqlKind.Bool),
        KqlKind.Dynamic => new($"(coalesce({value.Sql}, 'null') = 'null')", KqlKind.Bool),
        _ => new($"({value.Sql} is null)", KqlKind.Bool),
    };

    private static KqlSql Substring(Call call, KqlSql text, KqlSql from, KqlSql? length)
    {
        if (from.Kind is not (KqlKind.Long or KqlKind.Real) || length is { Kind: not (KqlKind.Long or KqlKind.Real) })
            throw call.At.Fault("'substring' takes a text, a first character and a length");
        static string Bounded(KqlSql number) => $"least(greatest({number.AsLong().Sql}, 0), 1000000)::int";
        return length is null ? new($"coalesce(substr({text.AsText().Sql}, {Bounded(from)} + 1), '')", KqlKind.Text)
            : new($"coalesce(substr({text.AsText().Sql}, {Bounded(from)} + 1, {Bounded(length)}), '')", KqlKind.Text);
    }

    private KqlSql Split(Call call, KqlSql text, KqlSql by)
    {
        var parts = $"to_jsonb(string_to_array({text.AsText().Sql}, {by.AsText().Sql}))";
        if (call.Arguments.Count == 2)
            return new(parts, KqlKind.Dynamic);
        return call.Arguments[2] is Literal { Value: long at and >= 0 and < 1000 } ? new($"jsonb_build_array({parts} -> {parameters.Add((int)at)}::int)", KqlKind.Dynamic) : throw call.At.Fault("'split' takes a text, what separates, and a number");
    }
}
