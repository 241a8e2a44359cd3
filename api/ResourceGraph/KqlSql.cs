using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>What a value is, in Kusto's terms. Texts are never null: what is missing is the empty text.</summary>
internal enum KqlKind { Text, Bool, Long, Real, Time, Span, Dynamic }

/// <summary>A value as SQL. Its text is made of fixed words, aliases and parameter numbers only.</summary>
internal sealed record KqlSql(string Sql, KqlKind Kind, string? Name = null)
{
    private static string NumberIn(string json) => $"case when jsonb_typeof({json}) = 'number' then ({json} #>> '{{}}')::double precision end";

    public KqlSql AsText() => Kind switch
    {
        KqlKind.Text => this,
        KqlKind.Dynamic => new($"coalesce({Sql} #>> '{{}}', '')", KqlKind.Text),
        KqlKind.Time => new($"coalesce(to_char({Sql} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '')", KqlKind.Text),
        _ => new($"coalesce(({Sql})::text, '')", KqlKind.Text),
    };

    /// <summary>A number, or null when it is none; texts are read.</summary>
    public KqlSql AsReal() => Kind switch
    {
        KqlKind.Real => this,
        KqlKind.Long => new($"({Sql})::double precision", KqlKind.Real),
        KqlKind.Bool => new($"({Sql})::int::double precision", KqlKind.Real),
        KqlKind.Text => new($"case when {Sql} ~ '^\\s*[+-]?\\d{{1,30}}(\\.\\d{{1,30}})?([eE][+-]?\\d{{1,2}})?\\s*$' then ({Sql})::double precision end", KqlKind.Real),
        KqlKind.Dynamic => AsText().AsReal(),
        _ => new("null::double precision", KqlKind.Real),
    };

    public KqlSql AsLong() => Kind is KqlKind.Long ? this : new($"trunc({AsReal().Sql})::bigint", KqlKind.Long);

    public KqlSql AsBool() => Kind switch
    {
        KqlKind.Bool => this,
        KqlKind.Dynamic => AsText().AsBool(),
        KqlKind.Text => new($"case lower({Sql}) when 'true' then true when 'false' then false end", KqlKind.Bool),
        KqlKind.Long or KqlKind.Real => new($"({Sql}) <> 0", KqlKind.Bool),
        _ => new("null::boolean", KqlKind.Bool),
    };

    public KqlSql AsTime() => Kind switch
    {
        KqlKind.Time => this,
        KqlKind.Dynamic => AsText().AsTime(),
        KqlKind.Text => new($"case when {Sql} ~ '^\\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])([T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{{1,9}})?)?(Z|[+-][01]\\d:?[0-5]\\d)?)?$' then ({Sql})::timestamptz end", KqlKind.Time),
        _ => new("null::timestamptz", KqlKind.Time),
    };

    /// <summary>The number in a dynamic value, and only that: for comparisons with numbers.</summary>
    public KqlSql AsOwnNumber() => Kind is KqlKind.Dynamic ? new(NumberIn(Sql), KqlKind.Real) : AsReal();

    public KqlSql AsDynamic() => Kind is KqlKind.Dynamic ? this : new(Kind is KqlKind.Time or KqlKind.Span ? $"to_jsonb({AsText().Sql})" : $"to_jsonb({Sql})", KqlKind.Dynamic);

    public KqlSql As(KqlKind kind) => kind switch
    {
        KqlKind.Text => AsText(),
        KqlKind.Bool => AsBool(),
        KqlKind.Long => AsLong(),
        KqlKind.Real => AsReal(),
        KqlKind.Time => AsTime(),
        KqlKind.Dynamic => AsDynamic(),
        _ => this,
    };

    /// <summary>Whether there is nothing in it.</summary>
    public string IsEmpty => Kind is KqlKind.Text or KqlKind.Dynamic ? $"({AsText().Sql} = '')" : $"({Sql} is null)";
}

/// <summary>The parameters of a statement. Every literal of a query ends here; its text never holds one.</summary>
internal sealed class KqlParameters(NpgsqlParameterCollection parameters)
{
    public NpgsqlParameterCollection All => parameters;

    public string Add(object value)
    {
        parameters.Add(Sql.Parameter(value));
        return $"${parameters.Count}";
    }

    public KqlSql Literal(object value) => value switch
    {
        string text => new($"{Add(text)}::text", KqlKind.Text),
        long number => new($"{Add(number)}::bigint", KqlKind.Long),
        double number => new($"{Add(number)}::double precision", KqlKind.Real),
        bool flag => new($"{Add(flag)}::boolean", KqlKind.Bool),
        TimeSpan span => new($"{Add(span)}::interval", KqlKind.Span),
        DateTimeOffset time => new($"{Add(time)}::timestamptz", KqlKind.Time),
        _ => throw new ArgumentOutOfRangeException(nameof(value), value, "This kind of literal is not known."),
    };
}
