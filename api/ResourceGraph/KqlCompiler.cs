using ControlPlane.Persistence.Arm;
using static ControlPlane.Api.ResourceGraph.KqlExpression;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>What the caller may see: in these subscriptions (null is all), and of these types what stands at or below these keys (null is everything).</summary>
internal sealed record KqlView(string TenantId, IReadOnlyList<string>? Subscriptions, Func<IReadOnlyList<RegisteredType>, IReadOnlyList<ReadableScopes>?> Readable);

/// <summary>A statement and the columns of its rows.</summary>
internal sealed record KqlStatement(string Sql, IReadOnlyList<KqlSql> Columns, bool HasId);

/// <summary>
/// Turns a query into one statement: each operator wraps the statement before it, and PostgreSQL makes one plan of it all. Columns go by numbered aliases, so no name from the
/// query comes into the statement. An order is a hidden column of row numbers, which the operators that keep rows carry along.
/// </summary>
internal sealed class KqlCompiler(KqlParameters parameters, KqlView view)
{
    private const int MostColumns = 200;
    private int aliases;

    /// <summary>The statement for one page; its first column counts all rows.</summary>
    public static KqlStatement Compile(KqlQuery query, KqlView view, KqlParameters parameters, int skip, int top)
    {
        var rows = new KqlCompiler(parameters, view).Rows(query);
        var id = rows.Columns.FirstOrDefault(column => column.Name == "id" && column.Kind is KqlKind.Text);
        string[] order = [.. new[] { rows.Order, id?.Sql }.OfType<string>()];
        var shown = rows.Columns.Select(column => column.Kind is KqlKind.Time or KqlKind.Span ? column.AsText().Sql : $"to_jsonb({column.Sql})::text").Prepend("count(*) over ()");
        return new($"select {string.Join(", ", shown)} from ({rows.Sql}) t{(order.Length > 0 ? $" order by {string.Join(", ", order)}" : "")} offset {parameters.Add(skip)} limit {parameters.Add(top)}", rows.Columns, id is not null);
    }

    private Relation Rows(KqlQuery query) => query.Operators.Aggregate(Source(query.Table), (rows, step) => step switch
    {
        KqlOperator.Where where => rows with { Sql = $"select * from ({rows.Sql}) t where {Scalars(rows).Condition(where.Condition)}" },
        KqlOperator.Project project => Select(rows, Named(project.Columns), Scalars(rows).Compile),
        KqlOperator.Extend extend => Extend(rows, extend),
        KqlOperator.ProjectAway away => Away(rows, away),
        KqlOperator.Distinct distinct => Distinct(rows, distinct),
        KqlOperator.Summarize summarize => Summarize(rows, summarize),
        KqlOperator.Order order => Order(rows, order),
        KqlOperator.Take take => rows with { Sql = $"select * from ({rows.Sql}) t{(rows.Order is { } by ? $" order by {by}" : "")} limit {parameters.Add(take.Rows)}" },
        KqlOperator.Count => Count(rows),
        KqlOperator.Join join => Join(rows, join),
        KqlOperator.MvExpand expand => Expand(rows, expand),
        _ => throw step.At.Fault("this is not an operator"),
    });

    private Relation Source(KqlToken name)
    {
        var table = KqlTable.All.FirstOrDefault(table => table.Name.Equals(name.Text, StringComparison.OrdinalIgnoreCase))
            ?? throw name.Fault($"there is no table '{name.Text}'; there are {string.Join(", ", KqlTable.All.Select(table => table.Name))}");
        List<RegisteredType> types = [.. ResourceTypes.All.Where(table.Shows)];
        var where = $"type = any({parameters.Add(types.Select(type => type.Type.ToString()).ToArray())}) and state <> 'Deleting'";
        if (view.Subscriptions is { } subscriptions)
            where += $" and subscription = any({parameters.Add(subscriptions.ToArray())})";
        if (view.Readable(types) is { } readable)
            where += $" and {ResourceReads.Readable(readable, parameters.All)}";
        var columns = KqlTable.Columns.Select(column => column.Name == "tenantId" ? parameters.Literal(view.TenantId) with { Name = column.Name } : column).ToList();
        var named = columns.Select(column => new KqlSql(Alias(), column.Kind, column.Name)).ToList();
        return new($"select {string.Join(", ", columns.Zip(named, (column, alias) => $"{column.Sql} as {alias.Sql}"))} from resources where {where}", named, Order: null);
    }

    private KqlScalars Scalars(Relation rows) => new(parameters, rows.Columns);

    private string Alias() => $"c{aliases++}";

    /// <summary>These columns instead of those that are there.</summary>
    private Relation Select(Relation rows, IReadOnlyList<KqlColumn> columns, Func<KqlExpression, KqlSql> compile, string tail = "", bool keepOrder = true)
    {
        var computed = columns.Select(column => (column.Name, Value: compile(column.Value))).ToList();
        var named = computed.Select(column => new KqlSql(Alias(), column.Value.Kind, column.Name)).ToList();
        var list = computed.Zip(named, (column, alias) => $"{column.Value.Sql} as {alias.Sql}").ToList();
        var order = keepOrder ? rows.Order : null;
        if (order is not null)
            list.Add(order);
        return new($"select {string.Join(", ", list)} from ({rows.Sql}) t{tail}", named, order);
    }

    private Relation Extend(Relation rows, KqlOperator.Extend extend)
    {
        // Each sees those before it.
        foreach (var column in Named(extend.Columns))
        {
            var value = Scalars(rows).Compile(column.Value);
            var added = new KqlSql(Alias(), value.Kind, column.Name);
            var at = rows.Columns.ToList().FindIndex(known => known.Name == column.Name);
            List<KqlSql> columns = [.. rows.Columns];
            if (at >= 0)
                columns[at] = added;
            else
                columns.Add(added);
            if (columns.Count > MostColumns)
                throw column.At.Fault($"there are more than {MostColumns} columns");
            rows = rows with { Sql = $"select *, {value.Sql} as {added.Sql} from ({rows.Sql}) t", Columns = columns };
        }

        return rows;
    }

    private Relation Away(Relation rows, KqlOperator.ProjectAway away)
    {
        var gone = away.Names.Select(Scalars(rows).Column).ToList();
        return rows with { Columns = [.. rows.Columns.Where(column => !gone.Contains(column))] };
    }

    private Relation Distinct(Relation rows, KqlOperator.Distinct distinct)
    {
        var some = distinct.Columns.Count > 0 ? Select(rows, Named(distinct.Columns), Scalars(rows).Compile, keepOrder: false) : rows;
        return some with { Sql = $"select distinct {string.Join(", ", some.Columns.Select(column => column.Sql))} from ({some.Sql}) t", Order = null };
    }

    private Relation Summarize(Relation rows, KqlOperator.Summarize summarize)
    {
        var (scalars, keys) = (Scalars(rows), Named(summarize.By));
        var aggregates = Unique([.. summarize.Aggregates.Select(column => column with { Name = column.Name ?? (column.Value is Call call ? KqlAggregates.NameOf(call) : "") })], [.. keys.Select(key => key.Name!)]);
        if (aggregates.Count == 0)
            return Distinct(rows, new(summarize.At, summarize.By));
        var tail = keys.Count == 0 ? "" : $" group by {string.Join(", ", Enumerable.Range(1, keys.Count))}";
        return Select(rows, [.. keys, .. aggregates], value => keys.Exists(key => ReferenceEquals(key.Value, value)) ? scalars.Compile(value) : KqlAggregates.Compile(value, scalars), tail, keepOrder: false);
    }

    private Relation Order(Relation rows, KqlOperator.Order order)
    {
        var scalars = Scalars(rows);
        var by = order.By.Select(one =>
        {
            var value = scalars.Compile(one.By);
            // A dynamic value is ordered as a number first, then as a text.
            string[] keys = value.Kind switch { KqlKind.Dynamic => [value.AsOwnNumber().Sql, $"({value.AsText().Sql}) collate \"C\""], KqlKind.Text => [$"({value.Sql}) collate \"C\""], _ => [value.Sql] };
            return string.Join(", ", keys.Select(key => $"{key} {(one.Ascending ? "asc" : "desc")} nulls {(one.NullsFirst ? "first" : "last")}"));
        });
        var number = Alias();
        return rows with { Sql = $"select *, row_number() over (order by {string.Join(", ", by)}) as {number} from ({rows.Sql}) t", Order = number };
    }

    private Relation Count(Relation rows)
    {
        var alias = Alias();
        return new($"select count(*) as {alias} from ({rows.Sql}) t", [new(alias, KqlKind.Long, "Count")], Order: null);
    }

    private Relation Join(Relation left, KqlOperator.Join join)
    {
        var right = Rows(join.Right);
        var pairs = join.On.Select(on =>
        {
            var (a, b) = (Scalars(left).Column(on.Left), Scalars(right).Column(on.Right));
            return (Left: a, Condition: a.Kind == b.Kind ? $"l.{a.Sql} = r.{b.Sql}" : $"{Of("l", a).AsText().Sql} = {Of("r", b).AsText().Sql}");
        }).ToList();
        var rows = join.Kind is KqlJoinKind.InnerUnique ? $"select distinct on ({string.Join(", ", pairs.Select(pair => pair.Left.Sql))}) * from ({left.Sql}) t" : left.Sql;
        var names = left.Columns.Select(column => column.Name!).ToHashSet(StringComparer.Ordinal);
        var added = right.Columns.Select(column => column with { Name = Free(column.Name!, names) }).ToList();
        if (names.Count > MostColumns)
            throw join.At.Fault($"there are more than {MostColumns} columns; project what is needed before the join");
        // Texts are never null: of a row without a match they are empty.
        var shown = added.Select(column => column.Kind is KqlKind.Text ? $"coalesce(r.{column.Sql}, '') as {column.Sql}" : $"r.{column.Sql}");
        return new($"select {string.Join(", ", left.Columns.Select(column => $"l.{column.Sql}").Concat(shown))} from ({rows}) l {(join.Kind is KqlJoinKind.LeftOuter ? "left join" : "join")} ({right.Sql}) r on {string.Join(" and ", pairs.Select(pair => pair.Condition))}",
            [.. left.Columns, .. added], Order: null);
    }

    private static KqlSql Of(string table, KqlSql column) => column with { Sql = $"{table}.{column.Sql}" };

    private Relation Expand(Relation rows, KqlOperator.MvExpand expand)
    {
        var column = Named([expand.Column])[0];
        var value = Scalars(rows).Compile(column.Value);
        if (value.Kind is not KqlKind.Dynamic)
            throw column.At.Fault($"mv-expand takes an array, not a {value.Kind}");
        var item = new KqlSql(Alias(), KqlKind.Dynamic, column.Name);
        var items = $"jsonb_array_elements(case when jsonb_typeof({value.Sql}) = 'array' then {value.Sql} else jsonb_build_array({value.Sql}) end)";
        return rows with
        {
            Sql = $"select t.*, e.item as {item.Sql} from ({rows.Sql}) t left join lateral {items} e(item) on true",
            Columns = [.. rows.Columns.Where(known => known.Name != column.Name), item],
        };
    }

    /// <summary>A column without a name gets that of what it shows: <c>properties.a.b</c> is <c>properties_a_b</c>, as in Azure.</summary>
    private static List<KqlColumn> Named(IReadOnlyList<KqlColumn> columns) => Unique([.. columns.Select(column => column with { Name = column.Name ?? NameOf(column.Value) })], []);

    private static string NameOf(KqlExpression value) => value switch
    {
        Name name => name.At.Text,
        Member { Key: string key } member when NameOf(member.Of) is { Length: > 0 } of => $"{of}_{key}",
        Member member => NameOf(member.Of),
        Call { Arguments: [var first, ..] } => NameOf(first),
        _ => "",
    };

    private static List<KqlColumn> Unique(IReadOnlyList<KqlColumn> columns, HashSet<string> taken)
    {
        if (columns.Count > MostColumns)
            throw columns[MostColumns].At.Fault($"there are more than {MostColumns} columns");
        return [.. columns.Select(column => column with { Name = Free(column.Name is { Length: > 0 } name ? name : "Column1", taken) })];
    }

    private static string Free(string name, HashSet<string> taken)
    {
        var free = name;
        for (var number = 1; !taken.Add(free); number++)
            free = $"{name}{number}";
        return free;
    }

    /// <summary>A statement, what its columns are called, and the alias of the one by which its rows are ordered.</summary>
    private sealed record Relation(string Sql, IReadOnlyList<KqlSql> Columns, string? Order);
}
