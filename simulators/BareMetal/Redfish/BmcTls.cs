using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>The BMCs' sockets: dead and hanging ones, and the certificate that a machine shows.</summary>
internal sealed class BmcTls(X509Certificate2 leaf, X509Certificate2 replaced)
{
    private readonly SslServerAuthenticationOptions usual = Options(leaf);
    private readonly SslServerAuthenticationOptions changed = Options(replaced);

    public void Use(ListenOptions listen, Machine machine)
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.Use(next => async connection =>
        {
            if (machine.Has(Scenario.Dead))
            {
                connection.Abort();
                return;
            }

            if (machine.Has(Scenario.Hangs)) await HangAsync(connection.ConnectionClosed);
            else await next(connection);
        });
        listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(machine.Has(Scenario.CertificateChanged) ? changed : usual) });
    }

    private static async Task HangAsync(CancellationToken closed)
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (closed.Register(gone.SetResult)) await gone.Task;
    }

    private static SslServerAuthenticationOptions Options(X509Certificate2 certificate) => new()
    {
        ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
    };
}
