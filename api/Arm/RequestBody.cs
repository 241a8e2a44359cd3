using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>Reads a bounded, strict JSON body.</summary>
internal static class RequestBody
{
    /// <summary>ARM's own limit for a resource: 4 MiB.</summary>
    public const long Limit = 4 * 1024 * 1024;

    public static async Task<JsonDocument> ReadObjectAsync(HttpRequest request, CancellationToken cancel)
    {
        var document = await ReadAsync(request, cancel);
        if (document.RootElement.ValueKind is JsonValueKind.Object)
            return document;
        document.Dispose();
        throw ArmErrors.NotJson("the body must be a JSON object.");
    }

    /// <summary>Null when there is no body.</summary>
    public static async Task<JsonDocument?> ReadOptionalObjectAsync(HttpRequest request, CancellationToken cancel) =>
        request.ContentLength is 0 || (request.ContentLength is null && request.ContentType is null) ? null : await ReadObjectAsync(request, cancel);

    private static async Task<JsonDocument> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        if (!request.HasJsonContentType())
            throw ArmErrors.UnsupportedMediaType(request.ContentType);
        if (request.ContentLength > Limit)
            throw ArmErrors.BodyTooLarge(Limit);
        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancel);
            if (read.Buffer.Length > Limit)
                throw ArmErrors.BodyTooLarge(Limit);
            if (!read.IsCompleted)
            {
                request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }

            try
            {
                // The pipe's buffer is given back below, so the document gets bytes of its own.
                var bytes = read.Buffer.ToArray();
                DemandStorableText(bytes);
                return JsonDocument.Parse(bytes, Json.Strict);
            }
            finally
            {
                request.BodyReader.AdvanceTo(read.Buffer.End);
            }
        }
    }

    /// <summary>Text that PostgreSQL can store: UTF-8 without U+0000 and without halves of surrogate pairs, which JSON can only smuggle in as escapes.</summary>
    private static void DemandStorableText(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
            throw ArmErrors.NotJson("it is not UTF-8.");
        if (json.IndexOf("\\u"u8) < 0)
            return;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Json.Strict.MaxDepth });
        while (reader.Read())
        {
            if (reader.ValueIsEscaped && !IsStorable(reader))
                throw ArmErrors.NotJson($"the text at byte {reader.TokenStartIndex} holds U+0000 or half of a surrogate pair.");
        }
    }

    private static bool IsStorable(in Utf8JsonReader reader)
    {
        try
        {
            return !reader.GetString()!.Contains('\0', StringComparison.Ordinal);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
