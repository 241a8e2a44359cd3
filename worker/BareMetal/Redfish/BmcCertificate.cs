using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// Judges a BMC's certificate during the handshake, so before any byte of HTTP.
/// <list type="bullet">
/// <item>SystemCa: chain and name, as for any web server.</item>
/// <item>CaBundle: the chain must end at one of the given CAs. The name is checked too, with one exception: a BMC reached by its IP
/// address, whose certificate has no IP address in its SAN. Factory certificates name a serial number at best, and the bundle is private.</item>
/// <item>Pinned: the leaf's SHA-256. Dates and names do not matter: it is this very certificate.</item>
/// </list>
/// </summary>
internal sealed class BmcCertificate
{
    private readonly BmcTls _tls;
    private readonly byte[]? _pin;
    private readonly X509Certificate2Collection _authorities = [];

    /// <exception cref="RedfishException">CertificateUntrusted when the policy itself cannot be read.</exception>
    public BmcCertificate(BmcTls tls)
    {
        _tls = tls;
        try
        {
            if (tls.Mode == TlsMode.Pinned) _pin = PinOf(tls.Sha256Fingerprint);
            if (tls.Mode == TlsMode.CaBundle) _authorities.ImportFromPem(tls.CaBundle);
        }
        catch (Exception unreadable) when (unreadable is CryptographicException or FormatException)
        {
            throw new RedfishException(RedfishFailure.CertificateUntrusted, $"The {tls.Mode} policy for the BMC's certificate cannot be read.", unreadable);
        }

        if (tls.Mode == TlsMode.CaBundle && _authorities.Count == 0)
            throw new RedfishException(RedfishFailure.CertificateUntrusted, "The CA bundle for the BMC's certificate is empty.");
    }

    public SslClientAuthenticationOptions OptionsFor(string host)
    {
        var chain = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (_tls.Mode != TlsMode.SystemCa)
        {
            chain.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.CustomTrustStore.AddRange(_authorities);
        }

        return new()
        {
            TargetHost = host,
            CertificateChainPolicy = chain,
            RemoteCertificateValidationCallback = (_, certificate, _, faults) => Judge(host, certificate as X509Certificate2, faults),
        };
    }

    /// <summary>Throws instead of returning false: the reason must survive the handshake.</summary>
    private bool Judge(string host, X509Certificate2? leaf, SslPolicyErrors faults)
    {
        if (leaf is null) throw Untrusted("shows no certificate");
        if (_pin is not null)
        {
            return CryptographicOperations.FixedTimeEquals(SHA256.HashData(leaf.RawDataMemory.Span), _pin)
                ? true
                : throw new RedfishException(RedfishFailure.CertificateChanged, "The BMC shows another certificate than the pinned one.");
        }

        if (faults.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors)) throw Untrusted("shows a certificate that no trusted CA signed, or that is out of date");
        if (!faults.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)) return true;
        var isBareAddress = _tls.Mode == TlsMode.CaBundle && IPAddress.TryParse(host, out _);
        return isBareAddress && !NamesAnAddress(leaf) ? true : throw Untrusted("shows a certificate for another name");
    }

    /// <summary>32 bytes of hexadecimal; colons, blanks and case do not matter.</summary>
    public static byte[] PinOf(string? fingerprint)
    {
        var hex = (fingerprint ?? "").Replace(":", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal);
        var pin = Convert.FromHexString(hex);
        return pin.Length == SHA256.HashSizeInBytes ? pin : throw new FormatException("A SHA-256 fingerprint has 32 bytes.");
    }

    private static bool NamesAnAddress(X509Certificate2 leaf) =>
        leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().Any(names => names.EnumerateIPAddresses().Any());

    private static RedfishException Untrusted(string what) => new(RedfishFailure.CertificateUntrusted, $"The BMC {what}.");
}
