using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Fleet;

/// <summary>Server certificates: one for each few neighbours, made when the first of them is called.</summary>
internal sealed class FleetTls(CertificateAuthority authority) : IDisposable
{
    private const int Neighbours = 25;

    private readonly ConcurrentDictionary<int, Lazy<(X509Certificate2 Leaf, SslServerAuthenticationOptions Options)>> certificates = new();

    public SslServerAuthenticationOptions For(int index) => certificates.GetOrAdd(index / Neighbours, group => new(() => Issue(group))).Value.Options;

    public void Dispose()
    {
        foreach (var made in certificates.Values.Where(made => made.IsValueCreated)) made.Value.Leaf.Dispose();
    }

    private (X509Certificate2 Leaf, SslServerAuthenticationOptions Options) Issue(int group)
    {
        var leaf = authority.IssueServer("kube-apiserver", Enumerable.Range(group * Neighbours, Neighbours).Select(ClusterSeat.AddressOf));
        return (leaf, new SslServerAuthenticationOptions { ServerCertificateContext = SslStreamCertificateContext.Create(leaf, null, offline: true) });
    }
}
