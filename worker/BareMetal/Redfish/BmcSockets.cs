using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// Opens the sockets to BMCs: resolve, check the address against the list, connect to the address that was checked (a name that
/// resolves differently a moment later changes nothing), shake hands. No redirects, cookies or proxies; trace headers stay at home.
/// </summary>
internal sealed class BmcSockets(RedfishOptions options)
{
    private readonly ManagementNetworks _networks = new(options.ManagementNetworks);

    /// <summary>A pool for one BMC under one policy: connections are never shared between policies.</summary>
    public HttpMessageInvoker Open(BmcCertificate certificate) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = options.ConnectTimeout,
        MaxConnectionsPerServer = 2,
        MaxResponseHeadersLength = 32,
        PooledConnectionIdleTimeout = options.ConnectionIdle,
        ConnectCallback = (context, stop) => ConnectAsync(context, certificate, stop),
    }, disposeHandler: true);

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, BmcCertificate certificate, CancellationToken stop)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = await _networks.ResolveAsync(host, stop);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, stop);
            var stream = new NetworkStream(socket, ownsSocket: true);
            return context.InitialRequestMessage.RequestUri?.Scheme == Uri.UriSchemeHttps
                ? await ShakeHandsAsync(stream, certificate.OptionsFor(host), stop)
                : stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Done here and not by the handler, so that the verdict on the certificate arrives as it was thrown.</summary>
    private static async ValueTask<Stream> ShakeHandsAsync(Stream stream, SslClientAuthenticationOptions tls, CancellationToken stop)
    {
        var secure = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            await secure.AuthenticateAsClientAsync(tls, stop);
            return secure;
        }
        catch
        {
            await secure.DisposeAsync();
            throw;
        }
    }
}
