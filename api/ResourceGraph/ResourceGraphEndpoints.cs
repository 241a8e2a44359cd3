using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Arm;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using Npgsql;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>Queries over all resources that the caller may read (Microsoft.ResourceGraph), answered from the store itself: what was written is found at once.</summary>
internal static class ResourceGraphEndpoints
{
    private const int DefaultTop = 1000;
    private const int MostRows = 5_000_000;
    private const string Timeout = "10s";

    public static void Map(IEndpointRouteBuilder app) =>
        app.MapArm(HttpMethod.Post, "/providers/Microsoft.ResourceGraph/resources", new("Resources_Query", Action: null, "Query resources in a subset of the Kusto query language; docs/resource-graph.md says which.")
        {
            Body = typeof(GraphRequest),
            Answers = [new(200, "The rows.", typeof(JsonElement))],
        }, QueryAsync);

    private static async Task QueryAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        if (Shape.Faults(body.RootElement, typeof(GraphRequest), "body") is { Count: > 0 } faults)
            throw ArmErrors.Invalid(faults);
        var request = body.RootElement.Deserialize<GraphRequest>(Json.Options)!;
        if (request.ManagementGroups is { Count: > 0 })
            throw ArmErrors.Invalid([Shape.Fault("managementGroups", "is not supported: there are no management groups; name subscriptions, or leave both out")]);
        if (request.Facets is { Count: > 0 })
            throw ArmErrors.Invalid([Shape.Fault("facets", "is not supported; use summarize count() by")]);
        var (skip, top) = Page(request.Options);
        await using var command = new NpgsqlCommand();
        var statement = Compile(http, request, command, skip, top);
        command.CommandText = statement.Sql;
        var (total, rows) = await ReadAsync(http.RequestServices.GetRequiredService<NpgsqlDataSource>(), command, statement.Columns.Count, http.RequestAborted);
        await WriteAsync(http, statement, rows, total, skip, top, request.Options?.ResultFormat is ResultFormat.Table);
    }

    private static KqlStatement Compile(HttpContext http, GraphRequest request, NpgsqlCommand command, int skip, int top)
    {
        var grants = http.Grants();
        var view = new KqlView(http.Principal().TenantId, request.Subscriptions is { Count: > 0 } named ? [.. named.Select(id => id.ToLowerInvariant())] : null,
            types => grants.Readable(types.Select(type => (type.Type.ToString(), $"{type.Permissions}/read")), Grants.Everywhere));
        try
        {
            return KqlCompiler.Compile(KqlParser.Read(request.Query), view, new(command.Parameters), skip, top);
        }
        catch (KqlException fault)
        {
            throw BadQuery("ParserFailure", $"Line {fault.Line}, column {fault.Column}: {fault.Message}.", fault);
        }
    }

    /// <summary>The count of all rows and those of the page, each value as JSON.</summary>
    private static async Task<(long Total, List<string?[]> Rows)> ReadAsync(NpgsqlDataSource source, NpgsqlCommand command, int columns, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var limits = new NpgsqlCommand($"set transaction read only; set local statement_timeout = '{Timeout}'; set local timezone = 'UTC'", connection, transaction))
            await limits.ExecuteNonQueryAsync(cancel);
        (command.Connection, command.Transaction) = (connection, transaction);
        try
        {
            var (total, rows) = (0L, new List<string?[]>());
            await using var reader = await command.ExecuteReaderAsync(cancel);
            while (await reader.ReadAsync(cancel))
            {
                total = reader.GetInt64(0);
                rows.Add([.. Enumerable.Range(1, columns).Select(column => reader.IsDBNull(column) ? null : reader.GetString(column))]);
            }

            return (total, rows);
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.QueryCanceled && !cancel.IsCancellationRequested)
        {
            throw BadQuery("QueryTimeout", $"The query took longer than {Timeout}; narrow it down with where, or project less.");
        }
        catch (PostgresException failure) when (failure.SqlState.StartsWith("22", StringComparison.Ordinal) || failure.SqlState.StartsWith("54", StringComparison.Ordinal))
        {
            throw BadQuery("QueryFailed", $"The query cannot be computed: {failure.MessageText}.");
        }
    }

    private static async Task WriteAsync(HttpContext http, KqlStatement statement, List<string?[]> rows, long total, int skip, int top, bool asTable)
    {
        var isTruncated = total > skip + rows.Count;
        http.Response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(http.Response.BodyWriter, new JsonWriterOptions { Encoder = Json.Options.Encoder });
        json.WriteStartObject();
        json.WriteNumber("totalRecords", Math.Max(total, rows.Count));
        json.WriteNumber("count", rows.Count);
        json.WritePropertyName("data");
        if (asTable)
            WriteTable(json, statement.Columns, rows);
        else
            WriteObjects(json, statement.Columns, rows);
        json.WriteStartArray("facets");
        json.WriteEndArray();
        json.WriteString("resultTruncated", isTruncated ? "true" : "false");
        // Without an id the order of rows is not certain, and a next page would not follow this one.
        if (isTruncated && statement.HasId)
            json.WriteString("$skipToken", Base64Url.EncodeToString(Encoding.UTF8.GetBytes((skip + top).ToString(CultureInfo.InvariantCulture))));
        json.WriteEndObject();
        await json.FlushAsync(http.RequestAborted);
    }

    private static void WriteObjects(Utf8JsonWriter json, IReadOnlyList<KqlSql> columns, List<string?[]> rows)
    {
        json.WriteStartArray();
        foreach (var row in rows)
        {
            json.WriteStartObject();
            for (var at = 0; at < columns.Count; at++)
            {
                json.WritePropertyName(columns[at].Name!);
                WriteValue(json, columns[at], row[at]);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteTable(Utf8JsonWriter json, IReadOnlyList<KqlSql> columns, List<string?[]> rows)
    {
        json.WriteStartObject();
        json.WriteStartArray("columns");
        foreach (var column in columns)
        {
            json.WriteStartObject();
            json.WriteString("name", column.Name);
            json.WriteString("type", column.Kind switch { KqlKind.Bool => "boolean", KqlKind.Long => "integer", KqlKind.Real => "number", KqlKind.Dynamic => "object", KqlKind.Time => "datetime", _ => "string" });
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("rows");
        foreach (var row in rows)
        {
            json.WriteStartArray();
            for (var at = 0; at < columns.Count; at++)
                WriteValue(json, columns[at], row[at]);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, KqlSql column, string? value)
    {
        if (value is null || (column.Kind is KqlKind.Time or KqlKind.Span && value.Length == 0))
            json.WriteNullValue();
        else if (column.Kind is KqlKind.Time or KqlKind.Span)
            json.WriteStringValue(value);
        else
            json.WriteRawValue(value, skipInputValidation: true);
    }

    private static (int Skip, int Top) Page(GraphOptions? options)
    {
        var top = options?.Top ?? DefaultTop;
        if (top is < 1 or > DefaultTop)
            throw ArmErrors.Invalid([Shape.Fault("options.$top", $"must be a number from 1 to {DefaultTop}")]);
        if (options?.SkipToken is { Length: > 0 } token)
        {
            Span<byte> bytes = stackalloc byte[32];
            return token.Length <= 32 && Base64Url.IsValid(token) && Base64Url.TryDecodeFromChars(token, bytes, out var length) && int.TryParse(bytes[..length], NumberStyles.None, CultureInfo.InvariantCulture, out var after) && after <= MostRows
                ? (after, top) : throw ArmErrors.Invalid([Shape.Fault("options.$skipToken", "is not one that an answer carried")]);
        }

        return (options?.Skip ?? 0) is >= 0 and <= MostRows and var skip ? (skip, top) : throw ArmErrors.Invalid([Shape.Fault("options.$skip", "must be a number from 0 on")]);
    }

    private static ArmException BadQuery(string code, string message, KqlException? at = null) => new(400, new("BadRequest", message, "query", Details:
    [
        new("InvalidQuery", "Query is invalid. See details.", "query"),
        new(code, message, "query", AdditionalInfo: at is null ? null : [new("QueryPosition", Json.Element(new { line = at.Line, column = at.Column }))]),
    ]));
}
