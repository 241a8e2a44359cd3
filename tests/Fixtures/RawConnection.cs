using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace ControlPlane.Tests.Fixtures;

/// <summary>A connection to the front door on which a test says every byte itself, and when.</summary>
internal sealed class RawConnection : IAsyncDisposable
{
    private readonly TcpClient socket = new() { NoDelay = true };
    private SslStream stream = null!;

    public static async Task<RawConnection> OpenAsync(Uri endpoint)
    {
        var connection = new RawConnection();
        await connection.socket.ConnectAsync(endpoint.Host, endpoint.Port);
        connection.stream = new(connection.socket.GetStream(), leaveInnerStreamOpen: false, (_, presented, _, _) => presented?.GetCertHashString() == LoopbackCertificate.Certificate.GetCertHashString());
        await connection.stream.AuthenticateAsClientAsync(endpoint.Host);
        return connection;
    }

    /// <summary>The head of a request, complete.</summary>
    public Task SendHeadAsync(string method, string path, string? token, params string[] headers) =>
        SendAsync($"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{(token is null ? "" : $"Authorization: Bearer {token}\r\n")}{string.Concat(headers.Select(header => header + "\r\n"))}\r\n");

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        await stream.WriteAsync(bytes);
        await stream.FlushAsync();
    }

    /// <summary>The next answer, an interim one too; null when the connection ended without one.</summary>
    public async Task<RawAnswer?> ReadAsync()
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await TryReadAsync(one) == 0)
                return null;
            head.Append((char)one[0]);
        }

        var lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var headers = lines.Skip(1).Select(line => line.Split(':', 2)).ToDictionary(pair => pair[0], pair => pair[1].Trim(), StringComparer.OrdinalIgnoreCase);
        var status = int.Parse(lines[0].Split(' ')[1]);
        return new(status, headers, status < 200 ? "" : await BodyAsync(headers));
    }

    public async ValueTask DisposeAsync()
    {
        await stream.DisposeAsync();
        socket.Dispose();
    }

    private async Task<string> BodyAsync(Dictionary<string, string> headers)
    {
        var body = new MemoryStream();
        if (headers.TryGetValue("Content-Length", out var length))
        {
            await CopyAsync(body, int.Parse(length));
        }
        else if (headers.ContainsKey("Transfer-Encoding"))
        {
            for (int size; (size = Convert.ToInt32(await LineAsync(), 16)) > 0;)
            {
                await CopyAsync(body, size);
                await LineAsync();
            }

            await LineAsync();
        }

        return Encoding.UTF8.GetString(body.ToArray());
    }

    private async Task CopyAsync(MemoryStream to, int count)
    {
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes);
        to.Write(bytes);
    }

    private async Task<string> LineAsync()
    {
        var (line, one) = (new StringBuilder(), new byte[1]);
        while (!line.ToString().EndsWith("\r\n", StringComparison.Ordinal) && await TryReadAsync(one) > 0)
            line.Append((char)one[0]);
        return line.ToString().TrimEnd();
    }

    /// <summary>An end is an end, however abrupt.</summary>
    private async Task<int> TryReadAsync(byte[] into)
    {
        try
        {
            return await stream.ReadAsync(into);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}

/// <summary>Status, headers and body as they came.</summary>
internal sealed record RawAnswer(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public string? ErrorCode => JsonSerializer.Deserialize<JsonElement>(Body).TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object ? error.GetProperty("code").GetString() : null;
}
