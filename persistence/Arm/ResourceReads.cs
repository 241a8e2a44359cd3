using ControlPlane.Contracts.Arm;
using Npgsql;

namespace ControlPlane.Persistence.Arm;

/// <summary>The reads on the front door's hot path, as prepared statements.</summary>
public static class ResourceReads
{
    private const string Columns = """
        key, id, parent_key, type, name, subscription, resource_group, location, tags, properties, status, state, version, unique_key, managed_by,
        created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs
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
        var where = new List<string>();
        void Where(string condition, object value)
        {
            command.Parameters.Add(new() { Value = value });
            where.Add(condition.Replace("?", $"${command.Parameters.Count}", StringComparison.Ordinal));
        }

        Where("subscription = ?", page.Subscription);
        if (page.ResourceGroup is { } group)
            Where("resource_group = ?", group);
        if (page.Type is { } type)
            Where("type = ?", type);
        else
            Where("not type = any(?)", new[] { ResourceType.Subscription.ToString(), ResourceType.ResourceGroup.ToString() });
        // Implied by the columns above ("0" follows "/"), but it bounds the scan whichever index is chosen: the primary key in its order would pass over every key before the group.
        var prefix = page.ResourceGroup is { } scope ? $"/subscriptions/{page.Subscription}/resourcegroups/{scope}/" : $"/subscriptions/{page.Subscription}/";
        Where("key >= ?", prefix);
        Where("key < ?", $"{prefix[..^1]}0");
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
        command.Parameters.Add(new() { Value = page.Size });
        command.CommandText = $"select {Columns} from resources where {string.Join(" and ", where)} order by key limit ${command.Parameters.Count}";
        return await ReadAllAsync(command, cancel);
    }

    private static async Task<List<ResourceRow>> ReadAllAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var rows = new List<ResourceRow>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            rows.Add(Read(reader));
        return rows;
    }

    private static ResourceRow Read(NpgsqlDataReader row) => new()
    {
        Key = row.GetString(0),
        Id = row.GetString(1),
        ParentKey = Text(row, 2),
        Type = row.GetString(3),
        Name = row.GetString(4),
        Subscription = row.GetString(5),
        ResourceGroup = Text(row, 6),
        Location = Text(row, 7),
        Tags = row.GetString(8),
        Properties = row.GetString(9),
        Status = row.GetString(10),
        State = Enum.Parse<ProvisioningState>(row.GetString(11)),
        Version = row.GetInt64(12),
        UniqueKey = Text(row, 13),
        ManagedBy = Text(row, 14),
        CreatedAt = row.GetFieldValue<DateTimeOffset>(15),
        CreatedBy = row.GetString(16),
        CreatedByType = row.GetString(17),
        ModifiedAt = row.GetFieldValue<DateTimeOffset>(18),
        ModifiedBy = row.GetString(19),
        ModifiedByType = row.GetString(20),
        References = row.GetFieldValue<string[]>(21),
    };

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}

/// <summary>Which resources of a subscription, from where on, and how many. Keys, groups and subscriptions are lower case.</summary>
public sealed record ResourcePage
{
    public required string Subscription { get; init; }
    public string? ResourceGroup { get; init; }

    /// <summary>Null: every type except subscriptions and resource groups.</summary>
    public string? Type { get; init; }

    public string? Location { get; init; }
    public string? Name { get; init; }
    public string? NameContains { get; init; }
    public string? TagName { get; init; }
    public string? TagValue { get; init; }
    public string? After { get; init; }
    public required int Size { get; init; }
}
