using System.Security.Cryptography;
using ControlPlane.Persistence;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Tests.Fixtures;

/// <summary>A database of its own in the PostgreSQL that the environment variable TEST_POSTGRES names by a connection string, and the key file that belongs to it; both are gone when it is disposed.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly string server = Environment.GetEnvironmentVariable("TEST_POSTGRES")
        ?? throw new InvalidOperationException("TEST_POSTGRES is not set; for example TEST_POSTGRES='Host=127.0.0.1;Port=5432;Username=postgres'. `./dev test` sets it.");

    private TestDatabase(int connections) => ConnectionString = new NpgsqlConnectionStringBuilder(server) { Database = Name, MaxPoolSize = connections }.ConnectionString;

    public string Name { get; } = $"test_{Guid.NewGuid():N}";

    /// <summary>One key-encryption key (<c>Encryption:KeyFile</c>).</summary>
    public string KeyFile { get; } = Path.GetTempFileName();

    public string ConnectionString { get; }

    /// <summary>Without any table: whoever starts on it migrates it.</summary>
    public static async Task<TestDatabase> CreateEmptyAsync(int connections = 30)
    {
        var database = new TestDatabase(connections);
        await File.WriteAllTextAsync(database.KeyFile, $"v1:{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}\n");
        await ExecuteAsync(database.server, $"create database {database.Name}");
        return database;
    }

    /// <summary>With the schema of the model as it is.</summary>
    public static async Task<TestDatabase> CreateAsync(int connections = 10)
    {
        var database = await CreateEmptyAsync(connections);
        await using var db = new ControlPlaneDb(new DbContextOptionsBuilder<ControlPlaneDb>().UseNpgsql(database.ConnectionString).UseSnakeCaseNamingConvention().Options);
        await db.Database.EnsureCreatedAsync();
        return database;
    }

    /// <summary>Plants a state; the answer is the number of rows.</summary>
    public Task<int> ExecuteAsync(string sql, params object?[] values) => ExecuteAsync(ConnectionString, sql, values);

    /// <summary>The first column of the first row, or null.</summary>
    public async Task<object?> ScalarAsync(string sql, params object?[] values)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = Command(connection, sql, values);
        return await command.ExecuteScalarAsync() is { } value and not DBNull ? value : null;
    }

    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync(server, $"drop database {Name} with (force)");
        File.Delete(KeyFile);
    }

    private static async Task<int> ExecuteAsync(string connectionString, string sql, params object?[] values)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = Command(connection, sql, values);
        return await command.ExecuteNonQueryAsync();
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object?[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value ?? DBNull.Value });
        return command;
    }
}
