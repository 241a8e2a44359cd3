using System.Collections.Concurrent;
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
/// What governs a resource are the locks and policy assignments that extend it or anything above it. Every write asks for them and they seldom change, so a write reads one mark of them all, and
/// the rows only when it meets a mark that is new to it.
/// </summary>
/// <remarks>
/// Scopes are parameters one by one and types are literals: how many rows an array brings is unknown to a plan made in advance, and PostgreSQL would plan these statements anew for every write, which
/// takes longer than to run them.
/// </remarks>
public static class GoverningReads
{
    /// <summary>The type of locks.</summary>
    public const string Locks = "Microsoft.Authorization/locks";

    /// <summary>The type of policy assignments.</summary>
    public const string PolicyAssignments = "Microsoft.Authorization/policyAssignments";

    private static readonly ConcurrentDictionary<int, (string Governed, string Governing)> Statements = new();
    private static readonly int Width = ResourceReads.Columns.Split(',').Length;

    private static readonly string LocksBelow = $"""
        select {ResourceReads.Columns} from resources where subscription = $1 and type = $2 and key >= $3 and key < $4 and extends_key <> $5
        """;

    /// <summary>What a write to a resource depends on: the rows named by <paramref name="keys"/> (itself and its ancestors), and the mark of what governs any of them.</summary>
    public static async Task<GovernedRows> FindGovernedAsync(this NpgsqlDataSource source, IReadOnlyList<string> keys, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, Of(keys).Governed, [.. keys]);
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
    public static async Task<(IReadOnlyList<GoverningRow> Rows, string? Mark)> FindGoverningAsync(this NpgsqlDataSource source, IReadOnlyList<string> keys, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, Of(keys).Governing, [.. keys]);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var (rows, mark) = (new List<GoverningRow>(), (string?)null);
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(new(ResourceReads.Read(reader), reader.IsDBNull(Width) ? null : ResourceReads.Read(reader, Width)));
            mark ??= MarkOf(reader, 2 * Width);
        }

        return (rows, mark);
    }

    /// <summary>The locks of anything below a resource.</summary>
    public static async Task<IReadOnlyList<ResourceRow>> FindLocksBelowAsync(this NpgsqlDataSource source, ResourceId id, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, LocksBelow, id.Subscription.ToLowerInvariant(), Locks, $"{id.Key}/", $"{id.Key}0", id.Key);
        return await ResourceReads.ReadAllAsync(command, cancel);
    }

    private static (string Governed, string Governing) Of(IReadOnlyList<string> keys) => Statements.GetOrAdd(keys.Count, Write);

    private static (string Governed, string Governing) Write(int scopes)
    {
        var parameters = Enumerable.Range(1, scopes).Select(number => $"${number}").ToList();
        // Ranges of the primary key, one for each scope and type ("0" follows "/"): at a subscription stand thousands of role assignments, and no other index keeps them out.
        // "offset 0" keeps the planner from merging the ranges, or the look-ups of what is named, into a scan.
        var governing = $"""
            (values {string.Join(", ", parameters.Select(key => $"({key})"))}) scopes(scope)
            cross join (values {string.Join(", ", new[] { Locks, PolicyAssignments }.Select(type => $"('{type}', '/providers/{type.ToLowerInvariant()}')"))}) types(type, path)
            cross join lateral (select * from resources where key >= scope || path || '/' and key < scope || path || '0' offset 0) governing
            left join lateral (select * from resources where key = governing.refs[1] offset 0) named on true
            where governing.extends_key = scope and governing.type = types.type
            """;
        // A row that was deleted and made again has another creation, even at the same version.
        var mark = $"""
            (select sha256(string_agg(record_send(row(governing.key, governing.version, governing.created_at, governing.state, named.version, named.created_at)), '' order by governing.key)) from {governing})
            """;
        return ($"select {ResourceReads.Columns}, {mark} from resources where key = any(array[{string.Join(", ", parameters)}])",
            $"select {Columns("governing")}, {Columns("named")}, {mark} from {governing} order by governing.key");
    }

    private static string? MarkOf(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : Convert.ToHexString(row.GetFieldValue<byte[]>(column));

    private static string Columns(string table) => string.Join(", ", ResourceReads.Columns.Split(',').Select(column => $"{table}.{column.Trim()}"));
}
