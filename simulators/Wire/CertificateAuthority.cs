using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.Simulators.Wire;

/// <summary>A certificate authority made at start (ECDSA P-256): the vendor's for BMCs, or a cluster's own.</summary>
internal sealed class CertificateAuthority : IDisposable
{
    /// <summary>Backdated by a day, because clocks of real machines run behind.</summary>
    private static readonly TimeSpan Backdated = TimeSpan.FromDays(1);

    private readonly TimeProvider time;
    private readonly X509Certificate2 root;

    public CertificateAuthority(string commonName, TimeProvider time)
    {
        this.time = time;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = time.GetUtcNow();
        root = request.CreateSelfSigned(now - Backdated, now.AddYears(5));
    }

    public X509Certificate2 Root => root;

    public string Pem => root.ExportCertificatePem();

    /// <summary>SHA-256 of the authority's SubjectPublicKeyInfo, as <c>kubeadm</c> pins it: <c>sha256:…</c>.</summary>
    public string PublicKeyHash => HashOf(root);

    public static string HashOf(X509Certificate2 certificate) =>
        "sha256:" + Convert.ToHexStringLower(SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo()));

    /// <summary>A server certificate for 127.0.0.1. The common name is as meaningless as on a real BMC.</summary>
    public X509Certificate2 IssueServer(string commonName) => IssueServer(commonName, [IPAddress.Loopback]);

    /// <summary>A server certificate for the given addresses.</summary>
    public X509Certificate2 IssueServer(string commonName, IEnumerable<IPAddress> addresses)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var address in addresses) names.AddIpAddress(address);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names.Build());
        using var issued = Sign(request, "1.3.6.1.5.5.7.3.1");
        return issued.CopyWithPrivateKey(key);
    }

    /// <summary>Signs a client certificate for a PKCS#10 request; its own extensions are not taken over.</summary>
    public string IssueClientPem(CertificateRequest request)
    {
        using var issued = Sign(request, "1.3.6.1.5.5.7.3.2");
        return issued.ExportCertificatePem();
    }

    public void Dispose() => root.Dispose();

    private X509Certificate2 Sign(CertificateRequest request, string usage)
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(root, true, false));
        var now = time.GetUtcNow();
        return request.Create(root, now - Backdated, now.AddYears(1), RandomNumberGenerator.GetBytes(16));
    }
}
