namespace ControlPlane.Contracts.BareMetal;

/// <summary>How the certificate of a BMC is judged. There is no mode that does not judge it.</summary>
public enum TlsMode
{
    /// <summary>A public or host-wide CA signed it, and the name matches: the rules of any web server.</summary>
    SystemCa,

    /// <summary>One of the CAs of <see cref="BmcTls.CaBundle"/> signed it.</summary>
    CaBundle,

    /// <summary>It is exactly the one certificate of <see cref="BmcTls.Sha256Fingerprint"/>.</summary>
    Pinned,
}

/// <summary>What a BMC must show before it is told any credential.</summary>
public sealed record BmcTls
{
    public TlsMode Mode { get; init; } = TlsMode.SystemCa;

    /// <summary>PEM of one or more CA certificates; for <see cref="TlsMode.CaBundle"/>.</summary>
    public string? CaBundle { get; init; }

    /// <summary>SHA-256 of the leaf certificate's DER in hexadecimal, colons and case do not matter; for <see cref="TlsMode.Pinned"/>.</summary>
    public string? Sha256Fingerprint { get; init; }
}
