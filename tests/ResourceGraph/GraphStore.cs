using System.Text.Json;
using ControlPlane.Api.ResourceGraph;
using ControlPlane.Tests.Fixtures;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.ResourceGraph;

/// <summary>A store of resources to run queries on, without a front door.</summary>
public sealed class GraphStore : IAsyncLifetime
{
    public const string Subscription = ControlPlaneFixture.Subscription;
    private static readonly string[] Locations = ["westeurope", "westus", "northeurope"];
    private TestDatabase? database;

    internal TestDatabase Database => database!;

    /// <summary>The resources, as a naive reader knows them.</summary>
    internal IReadOnlyList<GraphResource> Resources { get; } = [.. Enumerable.Range(0, 40).Select(at => new GraphResource(
        $"image-{at:00}", Locations[at % 3], $"group-{at % 4}",
        at % 5 == 0 ? [] : new Dictionary<string, string>(StringComparer.Ordinal) { ["env"] = at % 2 == 0 ? "Prod" : "test" },
        at % 7 == 0 ? null : at * 10, $"24.{at % 3}", at % 4 == 0))];

    public async ValueTask InitializeAsync()
    {
        database = await TestDatabase.CreateAsync();
        await PlantAsync("Microsoft.Resources/subscriptions", $"/subscriptions/{Subscription}", Subscription, null, null, "{}", """{"displayName":"Main"}""");
        foreach (var group in Resources.Select(resource => resource.Group).Distinct(StringComparer.Ordinal))
            await PlantAsync("Microsoft.Resources/resourceGroups", $"/subscriptions/{Subscription}/resourceGroups/{group}", group, group, "westeurope", """{"team":"a"}""", "{}");
        foreach (var one in Resources)
        {
            var properties = new Dictionary<string, object?>(StringComparer.Ordinal) { ["version"] = one.Version, ["signed"] = one.Signed, ["disks"] = new[] { new { size = 1 }, new { size = 2 } }, ["at"] = "2026-06-01T00:00:00Z" };
            if (one.Size is { } size)
                properties["size"] = size;
            await PlantAsync("ControlPlane.BareMetal/osImages", $"/subscriptions/{Subscription}/resourceGroups/{one.Group}/providers/ControlPlane.BareMetal/osImages/{one.Name}", one.Name, one.Group, one.Location, JsonSerializer.Serialize(one.Tags), JsonSerializer.Serialize(properties));
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (database is not null)
            await database.DisposeAsync();
    }

    /// <summary>The rows of a query, each value as its JSON text.</summary>
    internal async Task<List<Dictionary<string, string?>>> RunAsync(string query) => (await RunAsync(query, Compile(query).Command)).Rows;

    /// <summary>A query as a statement that sees everything.</summary>
    internal static (KqlStatement Statement, NpgsqlCommand Command) Compile(string query)
    {
        var command = new NpgsqlCommand();
        var statement = KqlCompiler.Compile(KqlParser.Read(query), new("tenant", null, _ => null), new(command.Parameters), 0, 1000);
        command.CommandText = statement.Sql;
        return (statement, command);
    }

    internal async Task<(long Total, List<Dictionary<string, string?>> Rows)> RunAsync(string query, NpgsqlCommand command)
    {
        var columns = Compile(query).Statement.Columns;
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        command.Connection = connection;
        try
        {
            await using var reader = await command.ExecuteReaderAsync();
            var (total, rows) = (0L, new List<Dictionary<string, string?>>());
            while (await reader.ReadAsync())
            {
                total = reader.GetInt64(0);
                rows.Add(columns.Select((column, at) => (column.Name, Value: reader.IsDBNull(at + 1) ? null : reader.GetString(at + 1))).ToDictionary(one => one.Name!, one => one.Value, StringComparer.Ordinal));
            }

            return (total, rows);
        }
        catch (PostgresException failure)
        {
            throw new InvalidOperationException($"{query}\n{command.CommandText}\n{failure.MessageText}", failure);
        }
    }

    private async Task PlantAsync(string type, string id, string name, string? group, string? location, string tags, string properties) => await Database.ExecuteAsync("""
        insert into resources (key, id, type, name, subscription, resource_group, location, tags, properties, status, state, version, refs, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type)
        values (lower($1), $1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, '{}', 'Succeeded', 1, '{}', now(), 'x', 'Application', now(), 'x', 'Application')
        """, id, type, name, Subscription, group, location, tags, properties);
}

/// <summary>What the naive reader knows of a resource.</summary>
internal sealed record GraphResource(string Name, string Location, string Group, IReadOnlyDictionary<string, string> Tags, int? Size, string Version, bool Signed);
