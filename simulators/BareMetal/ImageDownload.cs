using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>What came down the line: length and hash, or why it could not be had.</summary>
internal sealed record DownloadResult(long Bytes, string Sha256, string? Failure = null);

/// <summary>Streams an operating-system image, hashing as it goes; resumes with Range after a broken connection. 4xx is not retried.</summary>
internal static class ImageDownload
{
    private const int Attempts = 9;
    private const int BufferBytes = 64 * 1024;

    private static readonly TimeSpan pause = TimeSpan.FromMilliseconds(200);

    public static async Task<DownloadResult> RunAsync(Machine machine, JsonObject image, CancellationToken cancel)
    {
        if (!Uri.TryCreate(image.Text("url"), UriKind.Absolute, out var address)) return new DownloadResult(0, "", "The image address is no URL.");
        var client = image.Text("caCertificate") is { Length: > 0 } pem ? machine.World.Network.For(pem) : machine.World.Network.Trusted;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var offset = 0L;
        var reason = "";
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, address);
                if (offset > 0) request.Headers.Range = new(offset, null);
                using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
                machine.World.Journal.Request(machine.Slot, "GET", address, (int)response.StatusCode);
                reason = $"{address.GetLeftPart(UriPartial.Path)} answered {(int)response.StatusCode}.";
                if ((int)response.StatusCode is >= 400 and < 500 and not (int)HttpStatusCode.TooManyRequests) return new DownloadResult(offset, "", reason);
                if (response.IsSuccessStatusCode)
                {
                    await using var body = await response.Content.ReadAsStreamAsync(cancel);
                    await foreach (var piece in PiecesAsync(body, cancel))
                    {
                        if (machine.Has(Scenario.ChecksumMismatch) && offset == 0) piece.Span[0] ^= 1;
                        hash.AppendData(piece.Span);
                        offset += piece.Length;
                    }

                    return new DownloadResult(offset, Convert.ToHexStringLower(hash.GetHashAndReset()));
                }
            }
            catch (Exception error) when (error is HttpRequestException or IOException || (error is OperationCanceledException && !cancel.IsCancellationRequested))
            {
                machine.World.Journal.Request(machine.Slot, "GET", address, 0);
                reason = (error.InnerException ?? error).Message;
            }

            await machine.World.Clock.WallDelayAsync(pause * attempt, cancel);
        }

        return new DownloadResult(offset, "", reason);
    }

    private static async IAsyncEnumerable<Memory<byte>> PiecesAsync(Stream body, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            int read;
            while ((read = await body.ReadAsync(buffer, cancel)) > 0) yield return buffer.AsMemory(0, read);
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
