using System.IO.Compression;
using System.Net;
using System.Text.Json;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>One answer of a BMC, read to its end within bounds.</summary>
internal sealed record RedfishAnswer
{
    /// <summary>4 MiB: the largest registry seen is under 2.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    private static readonly JsonDocumentOptions Bounds = new() { MaxDepth = 32 };

    public required HttpStatusCode Status { get; init; }

    /// <summary>Undefined when the answer has no body or none that is JSON.</summary>
    public JsonElement Body { get; init; }

    /// <summary>As sent; null when absent or empty, which some BMCs mean by it.</summary>
    public string? ETag { get; init; }

    public string? Location { get; init; }
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The X-Auth-Token of a new session.</summary>
    public string? Token { get; init; }

    public bool IsSuccess => (int)Status is >= 200 and < 300;

    /// <exception cref="RedfishException">Protocol: a redirect, too large, too deep, or a success that is not JSON.</exception>
    public static async Task<RedfishAnswer> ReadAsync(HttpResponseMessage response, DateTimeOffset now, CancellationToken stop)
    {
        if ((int)response.StatusCode is >= 300 and < 400 and not 304)
            throw new RedfishException(RedfishFailure.NotAllowed, "The BMC redirects; redirects are not followed.") { Status = (int)response.StatusCode };

        var bytes = await BytesAsync(response.Content, stop);
        return new()
        {
            Status = response.StatusCode,
            Body = Parse(bytes, response.IsSuccessStatusCode),
            ETag = Header(response, "ETag"),
            Location = Header(response, "Location"),
            Token = Header(response, "X-Auth-Token"),
            RetryAfter = response.Headers.RetryAfter switch
            {
                { Delta: { } delta } => delta,
                { Date: { } date } => date > now ? date - now : TimeSpan.Zero,
                _ => null,
            },
        };
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) && values.FirstOrDefault()?.Trim() is { Length: > 0 } value ? value : null;

    private static async Task<ReadOnlyMemory<byte>> BytesAsync(HttpContent content, CancellationToken stop)
    {
        var wire = await content.ReadAsStreamAsync(stop);
        // Without Accept-Encoding a BMC may compress as it likes; the bound is on what comes out.
        await using var body = content.Headers.ContentEncoding.Contains("gzip", StringComparer.OrdinalIgnoreCase) ? new GZipStream(wire, CompressionMode.Decompress) : wire;
        using var read = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int count; (count = await body.ReadAsync(buffer, stop)) > 0;)
        {
            if (read.Length + count > MaxBytes) throw new RedfishException(RedfishFailure.Protocol, $"The BMC's answer is larger than {MaxBytes} bytes.");
            read.Write(buffer, 0, count);
        }

        return read.GetBuffer().AsMemory(0, (int)read.Length);
    }

    private static JsonElement Parse(ReadOnlyMemory<byte> bytes, bool mustBeJson)
    {
        if (bytes.Span.Trim(" \t\r\n"u8).IsEmpty) return default;
        try
        {
            using var document = JsonDocument.Parse(bytes, Bounds);
            return document.RootElement.Clone();
        }
        catch (JsonException) when (!mustBeJson)
        {
            return default; // An error page of the BMC's web server; the status says enough.
        }
        catch (JsonException broken)
        {
            throw new RedfishException(RedfishFailure.Protocol, "The BMC's answer is not JSON, or is nested too deeply.", broken);
        }
    }
}
