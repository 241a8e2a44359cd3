using static ControlPlane.Api.ResourceGraph.KqlExpression;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>The functions of many rows, in summarize.</summary>
internal static class KqlAggregates
{
    private const int MostItems = 1000;

    public static IReadOnlyList<string> Names { get; } = ["count", "countif", "dcount", "dcountif", "sum", "sumif", "avg", "min", "max", "make_list", "make_set", "any", "take_any"];

    /// <summary>The name that a column gets when it was given none, as in Azure: <c>count_</c>, <c>sum_x</c>.</summary>
    public static string NameOf(Call call) => call.Arguments is [Name name, ..] ? $"{call.Function}_{name.At.Text}" : $"{call.Function}_";

    public static KqlSql Compile(KqlExpression expression, KqlScalars scalars)
    {
        if (expression is not Call call || !Names.Contains(call.Function, StringComparer.Ordinal))
            throw expression.At.Fault($"summarize takes {string.Join(", ", Names)}, optionally with a name and =");
        var wanted = call.Function switch { "count" => 0, "dcountif" or "sumif" => 2, _ => 1 };
        if (call.Arguments.Count != wanted)
            throw call.At.Fault($"'{call.Function}' takes {wanted} arguments, not {call.Arguments.Count}");
        KqlSql First() => scalars.Compile(call.Arguments[0]);
        string If(int at) => $" filter (where {scalars.Condition(call.Arguments[at])})";
        return call.Function switch
        {
            "count" => new("count(*)", KqlKind.Long),
            "countif" => new($"count(*){If(0)}", KqlKind.Long),
            "dcount" => new($"count(distinct {First().AsText().Sql})", KqlKind.Long),
            "dcountif" => new($"count(distinct {First().AsText().Sql}){If(1)}", KqlKind.Long),
            "sum" => Sum(call, First(), ""),
            "sumif" => Sum(call, First(), If(1)),
            "avg" => new($"avg({Number(call, First()).AsReal().Sql})", KqlKind.Real),
            "make_list" => new($"coalesce(jsonb_path_query_array(jsonb_agg({First().AsDynamic().Sql}), '$[0 to {MostItems - 1}]'), '[]')", KqlKind.Dynamic),
            "make_set" => new($"coalesce(jsonb_path_query_array(jsonb_agg(distinct {First().AsDynamic().Sql}), '$[0 to {MostItems - 1}]'), '[]')", KqlKind.Dynamic),
            "any" or "take_any" => Edge("min", First()),
            _ => Edge(call.Function, First()),
        };
    }

    private static KqlSql Number(Call call, KqlSql value) =>
        value.Kind is KqlKind.Long or KqlKind.Real or KqlKind.Dynamic ? value : throw call.At.Fault($"'{call.Function}' takes numbers, not a {value.Kind}; convert it with toint() or todouble()");

    private static KqlSql Sum(Call call, KqlSql value, string filter) => Number(call, value).Kind is KqlKind.Long
        ? new($"case when abs(coalesce(sum(({value.Sql})::numeric){filter}, 0)) < 9000000000000000000 then coalesce(sum(({value.Sql})::numeric){filter}, 0)::bigint end", KqlKind.Long)
        : new($"coalesce(sum({value.AsReal().Sql}){filter}, 0)", KqlKind.Real);

    private static KqlSql Edge(string function, KqlSql value) => value.Kind switch
    {
        KqlKind.Text => new($"coalesce({function}({value.Sql} collate \"C\"), '')", KqlKind.Text),
        KqlKind.Bool => new($"({function}(({value.Sql})::int) <> 0)", KqlKind.Bool),
        // Numbers in dynamic values are ordered as numbers; without any, their texts are.
        KqlKind.Dynamic => new($"coalesce(to_jsonb({function}({value.AsOwnNumber().Sql})), to_jsonb({function}({value.AsText().Sql} collate \"C\")))", KqlKind.Dynamic),
        _ => new($"{function}({value.Sql})", value.Kind),
    };
}
