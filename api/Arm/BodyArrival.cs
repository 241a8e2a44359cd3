using System.Buffers;
using System.IO.Pipelines;
using ControlPlane.Contracts.Arm;
using Microsoft.Extensions.Options;

namespace ControlPlane.Api.Arm;

/// <summary>
/// Waits until a body is here, whole and within its limits, before anything is held that others need. Memory grows with what has come, not with what was announced; an encoded body is
/// not decoded, so that a few bytes cannot stand for many.
/// </summary>
internal static class BodyArrival
{
    /// <summary>Whoever reads the request's body afterwards reads it from memory.</summary>
    /// <exception cref="ArmException">413, 415 or 408.</exception>
    public static async Task AwaitBodyAsync(this HttpContext http, long limit)
    {
        var request = http.Request;
        if (request.ContentLength is 0 || HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsDelete(request.Method))
            return;
        if (request.Headers.ContentEncoding.ToString() is { Length: > 0 } encoding && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
            throw ArmErrors.EncodedBody(encoding);
        if (request.ContentLength > limit)
            throw ArmErrors.BodyTooLarge(limit);

        var within = http.RequestServices.GetRequiredService<IOptions<RequestLimits>>().Value.BodyWithin;
        using var late = new CancellationTokenSource(within, http.RequestServices.GetRequiredService<TimeProvider>());
        // A read that is canceled by its token leaves the server's reader where nothing can be done with it any more.
        await using var givesUp = late.Token.Register(request.BodyReader.CancelPendingRead);
        request.Body = await ReadAsync(request.BodyReader, limit, http.RequestAborted) ?? throw ArmErrors.BodyTooSlow(within);
    }

    /// <summary>Null when the reader was told to give up.</summary>
    private static async Task<MemoryStream?> ReadAsync(PipeReader body, long limit, CancellationToken cancel)
    {
        for (var all = new MemoryStream(); ;)
        {
            var read = await body.ReadAsync(cancel);
            var isTooLarge = all.Length + read.Buffer.Length > limit;
            foreach (var part in isTooLarge ? ReadOnlySequence<byte>.Empty : read.Buffer)
                all.Write(part.Span);
            body.AdvanceTo(read.Buffer.End);
            if (isTooLarge)
                throw ArmErrors.BodyTooLarge(limit);
            if (read.IsCanceled)
                return null;
            if (!read.IsCompleted)
                continue;
            all.Position = 0;
            return all;
        }
    }
}
