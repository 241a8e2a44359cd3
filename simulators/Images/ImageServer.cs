using System.Security.Cryptography;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.Wire;
using Microsoft.AspNetCore.Http.Extensions;

namespace ControlPlane.Simulators.Images;

/// <summary>One operating-system image.</summary>
internal sealed record ImageFile(string Name, int Number, string Sha256, long SizeBytes);

/// <summary>
/// Serves operating-system images with HEAD, GET and Range. The bytes are made as they are sent: incompressible, different per image,
/// the same in every run with the same seed, and not kept in memory.
/// </summary>
internal sealed class ImageServer
{
    private const int BlockBytes = 64 * 1024;

    private static readonly string[] names = ["ubuntu-24.04.raw.zst", "ubuntu-22.04.raw.zst"];

    private readonly byte[] pattern = new byte[BlockBytes];
    private readonly Journal journal;
    private readonly FaultRules faults;
    private readonly VirtualClock clock;

    public ImageServer(int seed, long sizeBytes, Journal journal, FaultRules faults, VirtualClock clock)
    {
        this.journal = journal;
        this.faults = faults;
        this.clock = clock;
        new Random(seed).NextBytes(pattern);
        Files = [.. names.Select((name, number) => new ImageFile(name, number, Hash(number, sizeBytes), sizeBytes))];
    }

    public IReadOnlyList<ImageFile> Files { get; }

    public async Task HandleAsync(HttpContext http)
    {
        var (request, response, cancel) = (http.Request, http.Response, http.RequestAborted);
        var fault = faults.Strike("images", 0, request.Method, request.Path);
        if (fault?.Rule.Action == FaultAction.Delay) await clock.WallDelayAsync(TimeSpan.FromMilliseconds(fault.Rule.DelayMilliseconds), cancel);
        var file = Files.FirstOrDefault(file => request.Path == $"/images/{file.Name}");
        var range = file is null ? null : Range(request, file.SizeBytes);
        response.StatusCode = fault?.Rule.Action == FaultAction.Status ? fault.Rule.Status : file is null ? 404
            : !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method) ? 405 : range is { From: < 0 } ? 416 : range is null ? 200 : 206;
        journal.Call("images", 0, request, fault?.Rule.Action == FaultAction.Drop ? 0 : response.StatusCode);
        if (fault?.Rule.Action == FaultAction.Drop)
        {
            http.Abort();
            return;
        }

        if (response.StatusCode >= 400 || file is null) return;
        response.ContentType = "application/zstd";
        response.Headers.AcceptRanges = "bytes";
        response.Headers.ETag = $"\"{file.Sha256[..16]}\"";
        var (from, to) = range ?? (0, file.SizeBytes - 1);
        response.ContentLength = to - from + 1;
        if (range is not null) response.Headers.ContentRange = $"bytes {from}-{to}/{file.SizeBytes}";
        if (HttpMethods.IsHead(request.Method)) return;

        // A broken download is broken half-way.
        var end = fault?.Rule.Action is FaultAction.Partial or FaultAction.DropAfter ? from + (to - from) / 2 : to;
        var block = new byte[BlockBytes];
        for (var position = from; position <= end;)
        {
            Fill(block, file.Number, position / BlockBytes);
            var start = (int)(position % BlockBytes);
            var count = (int)Math.Min(BlockBytes - start, end - position + 1);
            await response.Body.WriteAsync(block.AsMemory(start, count), cancel);
            position += count;
        }

        if (end == to) return;
        await response.Body.FlushAsync(cancel);
        http.Abort();
    }

    /// <summary>First and last byte asked for; null = the whole file; a negative start = not satisfiable.</summary>
    private static (long From, long To)? Range(HttpRequest request, long size)
    {
        if (request.GetTypedHeaders().Range is not { Unit.Value: "bytes", Ranges.Count: 1 } header) return null;
        var item = header.Ranges.First();
        var from = item.From ?? Math.Max(0, size - (item.To ?? 0));
        var to = item.From is null ? size - 1 : Math.Min(item.To ?? size - 1, size - 1);
        return from > to ? (-1, -1) : (from, to);
    }

    private string Hash(int number, long size)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[BlockBytes];
        for (var position = 0L; position < size; position += BlockBytes)
        {
            Fill(block, number, position / BlockBytes);
            hash.AppendData(block, 0, (int)Math.Min(BlockBytes, size - position));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void Fill(byte[] block, int number, long index)
    {
        pattern.CopyTo(block, 0);
        BitConverter.TryWriteBytes(block.AsSpan(0, 8), index);
        BitConverter.TryWriteBytes(block.AsSpan(8, 4), number);
    }
}
