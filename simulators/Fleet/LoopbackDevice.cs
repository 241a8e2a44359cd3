using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ControlPlane.Simulators.Fleet;

/// <summary>
/// One listening socket for all of 127.0.0.0/8. It belongs to the loopback device, so the kernel hands it nothing that comes from any
/// other: a listener for each of ten thousand addresses would cost twice the file descriptors.
/// </summary>
internal static class LoopbackDevice
{
    private const int SolSocket = 1;
    private const int SoBindToDevice = 25;

    /// <exception cref="SocketException">The port is taken, or the kernel does not bind sockets to devices (Linux does since 5.7, without privileges).</exception>
    public static Socket Bind(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.SetRawSocketOption(SolSocket, SoBindToDevice, "lo\0"u8);
            Span<byte> device = stackalloc byte[16];
            var length = socket.GetRawSocketOption(SolSocket, SoBindToDevice, device);
            if (Encoding.ASCII.GetString(device[..length]).TrimEnd('\0') != "lo") throw new SocketException((int)SocketError.OperationNotSupported);
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
