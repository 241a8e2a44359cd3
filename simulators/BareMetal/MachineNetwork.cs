using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>
/// The network the machines stand in. One connection pool for all of them, because a thousand pools would cost more than a thousand
/// machines; certificates are verified against the authorities inside the signed boot image.
/// </summary>
internal sealed class MachineNetwork : IDisposable
{
    /// <summary>Connections to one server; the rest of a thousand machines waits its turn.</summary>
    private const int ConnectionsPerServer = 64;

    private static readonly TimeSpan patience = TimeSpan.FromSeconds(60);

    private readonly X509Certificate2 ownAuthority;
    private readonly ConcurrentDictionary<string, HttpClient> byAuthority = new(StringComparer.Ordinal);
    private HttpClient trusted;

    public MachineNetwork(X509Certificate2 ownAuthority, string? trustPem)
    {
        this.ownAuthority = ownAuthority;
        trusted = ClientFor(Roots(trustPem));
        Unverified = Client(new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null });
    }

    /// <summary>Verifies servers with the boot image's authorities.</summary>
    public HttpClient Trusted => trusted;

    /// <summary>Only for the first look at cluster-info: kubeadm, too, trusts nothing of it before the hash of the authority matches.</summary>
    public HttpClient Unverified { get; }

    /// <summary>Replaces the authorities inside the boot image.</summary>
    public void Trust(string pem)
    {
        var fresh = ClientFor(Roots(pem));
        Interlocked.Exchange(ref trusted, fresh);
    }

    /// <summary>Verifies servers with exactly this authority.</summary>
    public HttpClient For(string authorityPem) => byAuthority.GetOrAdd(authorityPem, pem =>
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(pem);
        return ClientFor(roots);
    });

    /// <summary>The same, with a client certificate: one node's own connection. The caller disposes it.</summary>
    public static HttpClient AsNode(string authorityPem, X509Certificate2 certificate)
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(authorityPem);
        return Client(new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = Policy(roots),
            ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
        });
    }

    public void Dispose()
    {
        trusted.Dispose();
        Unverified.Dispose();
        foreach (var client in byAuthority.Values) client.Dispose();
    }

    private X509Certificate2Collection Roots(string? pem)
    {
        var roots = new X509Certificate2Collection(ownAuthority);
        if (pem is not null) roots.ImportFromPem(pem);
        return roots;
    }

    private static HttpClient ClientFor(X509Certificate2Collection roots) =>
        Client(new SslClientAuthenticationOptions { CertificateChainPolicy = Policy(roots) });

    private static X509ChainPolicy Policy(X509Certificate2Collection roots)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }

    private static HttpClient Client(SslClientAuthenticationOptions tls) => new(new SocketsHttpHandler
    {
        SslOptions = tls, MaxConnectionsPerServer = ConnectionsPerServer, AllowAutoRedirect = false, UseCookies = false, UseProxy = false,
    })
    { Timeout = patience };
}
