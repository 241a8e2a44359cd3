using System.Buffers;
using System.Text.Json;
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
                return JsonDocument.Parse(read.Buffer.ToArray(), Json.Strict);
            }
            finally
            {
                request.BodyReader.AdvanceTo(read.Buffer.End);
            }
        }
    }
}
