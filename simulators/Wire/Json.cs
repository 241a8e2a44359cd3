using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace ControlPlane.Simulators.Wire;

/// <summary>JSON in and out of the simulated services.</summary>
internal static class Json
{
    private static readonly JsonWriterOptions plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? buffer;

    /// <summary>camelCase, enumerations by name, nulls shown.</summary>
    public static JsonSerializerOptions Compact { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter() },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The body as an object; null when there is none or it is not a JSON object.</summary>
    public static async Task<JsonObject?> ReadObjectAsync(HttpRequest request, CancellationToken cancel)
    {
        if (request.ContentLength is 0 or null && !request.Headers.ContainsKey("Transfer-Encoding")) return null;
        try
        {
            return await JsonNode.ParseAsync(request.Body, cancellationToken: cancel) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The document as it goes over the wire.</summary>
    public static byte[] Bytes(JsonNode node)
    {
        if (buffer is null or { Capacity: > 1 << 20 }) buffer = new ArrayBufferWriter<byte>(4096);
        buffer.ResetWrittenCount();
        using var writer = new Utf8JsonWriter(buffer, plain);
        node.WriteTo(writer);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    public static Task WriteAsync(HttpResponse response, int status, JsonNode body, CancellationToken cancel) =>
        WriteBytesAsync(response, status, JsonSerializer.SerializeToUtf8Bytes(body, Compact), cancel);

    public static async Task WriteBytesAsync(HttpResponse response, int status, ReadOnlyMemory<byte> body, CancellationToken cancel)
    {
        response.StatusCode = status;
        response.ContentType ??= "application/json;charset=utf-8";
        response.ContentLength = body.Length;
        if (HttpMethods.IsHead(response.HttpContext.Request.Method)) return;
        await response.Body.WriteAsync(body, cancel);
    }

    /// <summary>The string at a property, or null if it is absent or of another kind.</summary>
    public static string? Text(this JsonObject? body, string name) =>
        body is not null && body.TryGetPropertyValue(name, out var node) && node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    public static JsonArray Array(IEnumerable<string> items) => [.. items.Select(item => (JsonNode)item)];
}
