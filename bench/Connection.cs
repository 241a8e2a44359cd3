using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace ControlPlane.Bench;

/// <summary>
/// One HTTP/1.1 connection over TLS that sends requests made in advance and reads answers without keeping them. The load runs on the same two cores as what it measures,
/// beside pgbench, which is as lean; HttpClient costs several times more per request.
/// </summary>
internal sealed class Connection : IAsyncDisposable
{
    private readonly SslStream stream;
    private readonly byte[] buffer = new byte[64 * 1024];
    private int start;
    private int end;

    private Connection(SslStream stream) => this.stream = stream;

    public static async Task<Connection> OpenAsync(Stack stack)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(stack.Endpoint.Host, stack.Endpoint.Port);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsClientAsync(stack.Tls);
        return new(tls);
    }

    /// <summary>The status of the answer, after all of its body has arrived.</summary>
    public async ValueTask<int> SendAsync(ReadOnlyMemory<byte> request)
    {
        await stream.WriteAsync(request);
        int length;
        while ((length = Unread.IndexOf("\r\n\r\n"u8)) < 0)
            await FillAsync();
        var (status, body) = ReadHead(Encoding.ASCII.GetString(Unread[..length]));
        start += length + 4;
        if (body is { } known)
            await SkipAsync(known);
        else
            await SkipChunksAsync();
        return status;
    }

    private ReadOnlySpan<byte> Unread => buffer.AsSpan(start, end - start);

    /// <summary>Status, and length of the body; null when it comes in chunks (RFC 9112 §6).</summary>
    private static (int Status, int? Length) ReadHead(string head)
    {
        var status = int.Parse(head.AsSpan(9, 3));
        if (status is 204 or 304)
            return (status, 0);
        const string Field = "\r\nContent-Length: ";
        var at = head.IndexOf(Field, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            return (status, head.Contains("\r\nTransfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase) ? null : 0);
        var value = head.AsSpan(at + Field.Length);
        var line = value.IndexOf('\r');
        return (status, int.Parse(line < 0 ? value : value[..line]));
    }

    private async ValueTask SkipChunksAsync()
    {
        while (true)
        {
            int line;
            while ((line = Unread.IndexOf("\r\n"u8)) < 0)
                await FillAsync();
            var size = int.Parse(Encoding.ASCII.GetString(Unread[..line]), NumberStyles.HexNumber);
            start += line + 2;
            await SkipAsync(size + 2);
            if (size == 0)
                return;
        }
    }

    private async ValueTask SkipAsync(int count)
    {
        while (count > end - start)
        {
            count -= end - start;
            start = end;
            await FillAsync();
        }

        start += count;
    }

    private async ValueTask FillAsync()
    {
        if (start > 0)
        {
            Unread.CopyTo(buffer);
            (start, end) = (0, end - start);
        }

        if (end == buffer.Length)
            throw new IOException("The head of an answer is longer than 64 KiB.");
        var read = await stream.ReadAsync(buffer.AsMemory(end));
        end += read > 0 ? read : throw new IOException("The server closed the connection.");
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();
}

/// <summary>A request that holds a number of twelve digits, in its path or its body or both, which is written over for each use.</summary>
internal sealed class NumberedRequest
{
    private const string Number = "{n}";
    private const int Digits = 12;
    private readonly byte[] bytes;
    private readonly IReadOnlyList<int> places;

    /// <param name="path">With <c>{n}</c> where the number goes.</param>
    /// <param name="token">Of the caller; the stack's own when null.</param>
    public NumberedRequest(Stack stack, string method, string path, string? body = null, string? token = null)
    {
        path = path.Contains('?', StringComparison.Ordinal) ? path : $"{path}?api-version={Stack.ApiVersion}";
        body = body?.Replace(Number, new string('#', Digits), StringComparison.Ordinal);
        var content = body is null ? "" : $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n";
        var text = $"{method} {path.Replace(Number, new string('#', Digits), StringComparison.Ordinal)} HTTP/1.1\r\nHost: {stack.Endpoint.Authority}\r\nAuthorization: Bearer {token ?? stack.Token}\r\n{content}\r\n{body}";
        bytes = Encoding.UTF8.GetBytes(text);
        places = [.. Places(text).Select(at => Encoding.UTF8.GetByteCount(text.AsSpan(0, at)))];
    }

    private NumberedRequest(byte[] bytes, IReadOnlyList<int> places) => (this.bytes, this.places) = (bytes, places);

    public ReadOnlyMemory<byte> With(long number)
    {
        foreach (var at in places)
            number.TryFormat(bytes.AsSpan(at, Digits), out _, "D12");
        return bytes;
    }

    /// <summary>One for each connection.</summary>
    public NumberedRequest Copy() => new([.. bytes], places);

    private static IEnumerable<int> Places(string text)
    {
        var marks = new string('#', Digits);
        for (var at = text.IndexOf(marks, StringComparison.Ordinal); at >= 0; at = text.IndexOf(marks, at + Digits, StringComparison.Ordinal))
            yield return at;
    }
}
