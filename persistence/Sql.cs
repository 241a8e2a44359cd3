using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Persistence;

/// <summary>Positional parameters for the statements written by hand.</summary>
public static class Sql
{
    /// <summary>Null is a null text; a bare <see cref="NpgsqlDbType"/> stands for null of that type.</summary>
    public static NpgsqlParameter Parameter(object? value) => value switch
    {
        null => new() { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
        NpgsqlDbType type => new() { Value = DBNull.Value, NpgsqlDbType = type },
        string text => new() { Value = text, NpgsqlDbType = NpgsqlDbType.Text },
        _ => new() { Value = value },
    };

    public static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params ReadOnlySpan<object?> values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(Parameter(value));
        return command;
    }

    public static NpgsqlCommand Command(NpgsqlDataSource source, string sql, params ReadOnlySpan<object?> values)
    {
        var command = source.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(Parameter(value));
        return command;
    }
}
