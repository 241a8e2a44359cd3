using ControlPlane.Contracts.Arm;
using Npgsql;

namespace ControlPlane.Persistence.Arm;

/// <summary>The reads on the front door's hot path, as prepared statements.</summary>
public static class ResourceReads
{
    internal const string Columns = """
        key, id, parent_key, type, name, subscription, resource_group, location, tags, properties, status, state, version, unique_key, managed_by,
        created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs, extends_key
        """;

    /// <summary>The rows among <paramref name="keys"/> that exist, in no order.</summary>
    public static async Task<IReadOnlyList<ResourceRow>> FindResourcesAsync(this NpgsqlDataSource source, IReadOnlyList<string> keys, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from resources where key = any($1)");
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. keys] });
        return await ReadAllAsync(command, cancel);
    }

    public static async Task<ResourceRow?> FindResourceAsync(this NpgsqlDataSource source, string key, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from resources where key = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = key });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? Read(reader) : null;
    }

    /// <summary>Every subscription, in the order of their keys.</summary>
    public static async Task<IReadOnlyList<ResourceRow>> ListSubscriptionsAsync(this NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from resources where type = '{ResourceType.Subscription}' order by key limit 1000");
        return await ReadAllAsync(command, cancel);
    }

    /// <summary>The id of a resource outside <paramref name="row"/> whose properties name it, or null.</summary>
    public static async Task<string?> FindReferrerAsync(this NpgsqlDataSource source, ResourceRow row, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select id from resources where refs @> array[$1] and refs <> '{}' and state <> 'Deleting' limit 1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = row.Key });
        return await command.ExecuteScalarAsync(cancel) as string;
    }

    /// <summary>One page in key order after <see cref="ResourcePage.After"/>: keyset paging, so rows that come or go elsewhere shift nothing.</summary>
    public static async Task<IReadOnlyList<ResourceRow>> ListResourcesAsync(this NpgsqlDataSource source, ResourcePage page, CancellationToken cancel)
    {
        await using var command = source.CreateCommand();
        command.CommandText = $"select {Columns} from resources where {Conditions(page, command.Parameters)}";
        return await ReadAllAsync(command, cancel);
    }

    private static string Conditions(ResourcePage page, NpgsqlParameterCollection parameters)
    {
        var where = new List<string>();
        void Where(string condition, params ReadOnlySpan<object> values)
        {
            foreach (var argument in values)
            {
                parameters.Add(new() { Value = argument });
                var at = condition.IndexOf('?', StringComparison.Ordinal);
                condition = $"{condition[..at]}${parameters.Count}{condition[(at + 1)..]}";
            }

            where.Add(condition);
        }

        var (subscription, group) = page.Within is { } scope ? (scope.Subscription.ToLowerInvariant(), scope.ResourceGroup?.ToLowerInvariant()) : ("", null);
        var prefix = $"{page.Within?.Key}/";
        if (page.Types is { } types)
            Where("type = any(?)", (object)types.ToArray());
        else
            where.Add("extends_key is null");
        if (page.Inherited is null)
        {
            // Implied by the prefix ("0" follows "/"), but it lets an index on either be chosen.
            Where("subscription = ?", subscription);
            if (group is not null)
                Where("resource_group = ?", group);
            Where("key >= ? and key < ?", prefix, $"{prefix[..^1]}0");
        }
        else if (page.IncludesBelow)
        {
            Where("subscription = any(?) and (extends_key = any(?) or subscription = '' or (key >= ? and key < ?))", new[] { subscription, "" }, page.Inherited.ToArray(), prefix, $"{prefix[..^1]}0");
        }
        else
        {
            Where("subscription = any(?) and (extends_key = any(?) or (? and subscription = ''))", new[] { subscription, "" }, page.Inherited.ToArray(), page.IncludesAbove || page.Within is null);
        }

        if (page.After is { } after)
            Where("key > ?", after);
        if (page.Location is { } location)
            Where("location = ?", location);
        if (page.Name is { } name)
            Where("lower(name) = lower(?)", name);
        if (page.NameContains is { } part)
            Where("position(lower(?) in lower(name)) > 0", part);
        if (page.TagName is { } tag && page.TagValue is { } value)
            Where("tags @> ?::jsonb", Json.Write(new Dictionary<string, string>(StringComparer.Ordinal) { [tag] = value }));
        else if (page.TagName is { } only)
            Where("jsonb_exists(tags, ?)", only);
        foreach (var (property, wanted) in page.Properties)
            Where("lower(properties->>?) = lower(?)", property, wanted);
        if (page.Readable is { } readable)
            where.Add(Readable(readable, parameters));
        parameters.Add(new() { Value = page.Size });
        return $"{string.Join(" and ", where)} order by key limit ${parameters.Count}";
    }

    /// <summary>The condition that keeps what a caller may read.</summary>
    public static string Readable(IReadOnlyList<ReadableScopes> readable, NpgsqlParameterCollection parameters)
    {
        if (readable.Count == 0)
            return "false";
        var any = readable.Select(some =>
        {
            parameters.Add(new() { Value = some.Types.ToArray() });
            parameters.Add(new() { Value = some.Keys.ToArray() });
            return $"(type = any(${parameters.Count - 1}) and exists (select from unnest(${parameters.Count}) scope where key = scope or starts_with(key, rtrim(scope, '/') || '/')))";
        });
        return $"({string.Join(" or ", any)})";
    }

    internal static async Task<List<ResourceRow>> ReadAllAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var rows = new List<ResourceRow>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            rows.Add(Read(reader));
        return rows;
    }

    /// <summary>A row whose <see cref="Columns"/> begin at <paramref name="first"/>.</summary>
    internal static ResourceRow Read(NpgsqlDataReader row, int first = 0) => new()
    {
        Key = row.GetString(first),
        Id = row.GetString(first + 1),
        ParentKey = Text(row, first + 2),
        Type = row.GetString(first + 3),
        Name = row.GetString(first + 4),
        Subscription = row.GetString(first + 5),
        ResourceGroup = Text(row, first + 6),
        Location = Text(row, first + 7),
        Tags = row.GetString(first + 8),
        Properties = row.GetString(first + 9),
        Status = row.GetString(first + 10),
        State = Enum.Parse<ProvisioningState>(row.GetString(first + 11)),
        Version = row.GetInt64(first + 12),
        UniqueKey = Text(row, first + 13),
        ManagedBy = Text(row, first + 14),
        CreatedAt = row.GetFieldValue<DateTimeOffset>(first + 15),
        CreatedBy = row.GetString(first + 16),
        CreatedByType = row.GetString(first + 17),
        ModifiedAt = row.GetFieldValue<DateTimeOffset>(first + 18),
        ModifiedBy = row.GetString(first + 19),
        ModifiedByType = row.GetString(first + 20),
        References = row.GetFieldValue<string[]>(first + 21),
        ExtendsKey = Text(row, first + 22),
    };

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}

/// <summary>Of some types, what stands at or below some keys.</summary>
public sealed record ReadableScopes(IReadOnlyList<string> Types, IReadOnlyList<string> Keys);

/// <summary>Which resources, from where on, and how many. Keys are lower case.</summary>
public sealed record ResourcePage
{
    /// <summary>The subscription, group or resource below which they stand; null is the tenant.</summary>
    public required ResourceId? Within { get; init; }

    /// <summary>Null: every type but those of extension resources.</summary>
    public IReadOnlyList<string>? Types { get; init; }

    /// <summary>For extension resources the keys of the scope and of all above it, whose extensions hold for it too.</summary>
    public IReadOnlyList<string>? Inherited { get; init; }

    /// <summary>With <see cref="Inherited"/>: also those of what is below the scope.</summary>
    public bool IncludesBelow { get; init; } = true;

    /// <summary>With <see cref="Inherited"/>: also those of the tenant.</summary>
    public bool IncludesAbove { get; init; } = true;

    public string? Location { get; init; }
    public string? Name { get; init; }
    public string? NameContains { get; init; }
    public string? TagName { get; init; }
    public string? TagValue { get; init; }

    /// <summary>Properties that must have these values, whatever their case.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Properties { get; init; } = [];

    /// <summary>What the caller may read; null when that is everything here.</summary>
    public IReadOnlyList<ReadableScopes>? Readable { get; init; }

    public string? After { get; init; }
    public required int Size { get; init; }
}
