using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace ControlPlane.Tests.Fixtures;

/// <summary>A loopback port that passes bytes on to another one, until it is cut: what stood behind it is then gone for everybody in front.</summary>
internal sealed class TcpRelay : IAsyncDisposable
{
    private readonly string host;
    private readonly int port;
    private readonly ConcurrentDictionary<Socket, byte> open = new();
    private readonly CancellationTokenSource stop = new();
    private TcpListener listener;
    private Task accepting;

    public TcpRelay(string host, int port)
    {
        (this.host, this.port) = (host, port);
        listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = AcceptAsync(listener);
    }

    public int Port { get; }

    /// <summary>Refuses new connections and breaks those that are open.</summary>
    public async Task CutAsync()
    {
        listener.Stop();
        await accepting;
        foreach (var socket in open.Keys)
            socket.Close(timeout: 0);
    }

    /// <summary>The same port again.</summary>
    public void Mend()
    {
        listener = new(IPAddress.Loopback, Port);
        listener.Start();
        accepting = AcceptAsync(listener);
    }

    public async ValueTask DisposeAsync()
    {
        await CutAsync();
        await stop.CancelAsync();
        stop.Dispose();
    }

    private async Task AcceptAsync(TcpListener from)
    {
        while (true)
        {
            Socket near;
            try
            {
                near = await from.AcceptSocketAsync();
            }
            catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
            {
                // The listener was stopped: that is what cutting means.
                return;
            }

            var far = new Socket(SocketType.Stream, ProtocolType.Tcp);
            (open[near], open[far]) = (0, 0);
            await far.ConnectAsync(host, port, stop.Token);
            _ = PassAsync(near, far);
            _ = PassAsync(far, near);
        }
    }

    private async Task PassAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, stop.Token) is > 0 and var count)
                await to.SendAsync(buffer.AsMemory(0, count), stop.Token);
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One end is gone; the other one hears of it below.
        }
        finally
        {
            foreach (var socket in new[] { from, to })
            {
                open.TryRemove(socket, out _);
                socket.Dispose();
            }
        }
    }
}
