using ControlPlane.Contracts.Arm;
using Npgsql;

namespace ControlPlane.Persistence.Arm;

/// <summary>A row that holds for everything below what it extends, and the resource that its properties name: of a policy assignment the definition, unless that is built in.</summary>
public sealed record GoverningRow(ResourceRow Row, ResourceRow? Named);

/// <summary>
/// The rows that were asked for, and a mark of all that governs them: as long as the mark is the same, so is every governing row, and the version of what it names. Null when nothing governs.
/// </summary>
public sealed record GovernedRows(IReadOnlyList<ResourceRow> Rows, string? Mark);

/// <summary>
/// What governs a resource are the rows of some types that extend it or anything above it. Every write asks for them and they seldom change, so a write reads one mark of them all, and the rows
/// only when it meets a mark that is new to it.
/// </summary>
public static class GoverningReads
{
    /// <summary>
    /// Ranges of the primary key, one for each scope ($1) and type ($2; "0" follows "/"): at a subscription stand thousands of role assignments, and no other index keeps them out.
    /// "offset 0" keeps the planner from merging the ranges, or the look-ups of what is named, into a scan.
    /// </summary>
    private const string Governing = """
        unnest($1) scope cross join unnest($2) kind
        cross join lateral (select * from resources where key >= scope || '/providers/' || lower(kind) || '/' and key < scope || '/providers/' || lower(kind) || '0' offset 0) governing
        left join lateral (select * from resources where key = governing.refs[1] offset 0) named on true
        where governing.extends_key = scope and governing.type = kind
        """;

    /// <summary>A row that was deleted and made again has another creation, even at the same version.</summary>
    private const string Mark = $"""
        (select sha256(string_agg(record_send(row(governing.key, governing.version, governing.created_at, governing.state, named.version, named.created_at)), '' order by governing.key)) from {Governing})
        """;

    private static readonly string Governed = $"select {ResourceReads.Columns}, {Mark} from resources where key = any($1)";
    private static readonly string GoverningRows = $"select {Of("governing")}, {Of("named")}, {Mark} from {Governing} order by governing.key";
    private static readonly string GoverningBelow = $"""
        select {ResourceReads.Columns} from resources where subscription = $1 and type = $2 and key >= $3 and key < $4 and extends_key <> $5
        """;

    private static readonly int Width = ResourceReads.Columns.Split(',').Length;

    /// <summary>What a write to a resource depends on: the rows named by <paramref name="keys"/> (itself and its ancestors), and the mark of the rows of <paramref name="types"/> that extend any of them.</summary>
    public static async Task<GovernedRows> FindGovernedAsync(this NpgsqlDataSource source, IReadOnlyList<string> keys, IReadOnlyList<string> types, CancellationToken cancel)
    {
        await using var command = Command(source, Governed, keys, types);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var (rows, mark) = (new List<ResourceRow>(), (string?)null);
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(ResourceReads.Read(reader));
            mark ??= MarkOf(reader, Width);
        }

        return new(rows, mark);
    }

    /// <summary>The rows that a mark stands for, as they are now, and the mark that they have now.</summary>
    public static async Task<(IReadOnlyList<GoverningRow> Rows, string? Mark)> FindGoverningAsync(this NpgsqlDataSource source, IReadOnlyList<string> keys, IReadOnlyList<string> types, CancellationToken cancel)
    {
        await using var command = Command(source, GoverningRows, keys, types);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var (rows, mark) = (new List<GoverningRow>(), (string?)null);
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(new(ResourceReads.Read(reader), reader.IsDBNull(Width) ? null : ResourceReads.Read(reader, Width)));
            mark ??= MarkOf(reader, 2 * Width);
        }

        return (rows, mark);
    }

    /// <summary>The rows of a type that extend anything below a resource.</summary>
    public static async Task<IReadOnlyList<ResourceRow>> FindGoverningBelowAsync(this NpgsqlDataSource source, ResourceId id, string type, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, GoverningBelow, id.Subscription.ToLowerInvariant(), type, $"{id.Key}/", $"{id.Key}0", id.Key);
        return await ResourceReads.ReadAllAsync(command, cancel);
    }

    private static NpgsqlCommand Command(NpgsqlDataSource source, string sql, IReadOnlyList<string> keys, IReadOnlyList<string> types)
    {
        var command = source.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. keys] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. types] });
        return command;
    }

    private static string? MarkOf(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : Convert.ToHexString(row.GetFieldValue<byte[]>(column));

    private static string Of(string table) => string.Join(", ", ResourceReads.Columns.Split(',').Select(column => $"{table}.{column.Trim()}"));
}
