using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.BareMetal;

/// <summary>A hardened operating-system image: where it is, how its bytes are checked, and which vulnerabilities it is known to carry.</summary>
public sealed partial record OsImage : IResource<OsImage, OsImageStatus>
{
    public static ResourceType Type { get; } = new("ControlPlane.BareMetal", "osImages");
    public static IReadOnlyList<string> ApiVersions { get; } = ["2026-11-01", .. Arm.ApiVersions.Own];
    public static IReadOnlyList<ApiVersionStep> Ladder { get; } = [new("2026-11-01", ("minimumDiskGiB", 1))];

    /// <summary>The distribution's own version, such as 24.04.3.</summary>
    public required string Version { get; init; }

    /// <summary>Where machines read it, by https, with ranges.</summary>
    public required Uri Url { get; init; }

    /// <summary>Of the file as downloaded, 64 hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    public required long SizeBytes { get; init; }

    /// <summary>The smallest root disk that holds the image once it is written: an image is downloaded compressed. Since 2026-11-01.</summary>
    public int MinimumDiskGiB { get; init; } = 1;

    /// <summary>PEM of the CA of the image server; the machine's own trust store when absent.</summary>
    public string? CaCertificate { get; init; }

    /// <summary>ECDSA P-256 signature over the 32 bytes of sha256 (IEEE P1363, base64), checked against the trusted image keys and handed to the machine.</summary>
    public string? Signature { get; init; }

    public IReadOnlyList<string> KnownCves { get; init; } = [];

    public static IEnumerable<Violation> Violations(OsImage wanted, OsImage? current)
    {
        if (wanted.Version.Length is 0 or > 64)
            yield return new("version", "must have 1 to 64 characters, such as 24.04.3");
        if (!wanted.Url.IsAbsoluteUri || wanted.Url.Scheme != Uri.UriSchemeHttps)
            yield return new("url", "must be an https address, such as https://images.example/ubuntu-24.04.raw.zst");
        if (!Hash().IsMatch(wanted.Sha256))
            yield return new("sha256", "must be 64 hexadecimal digits");
        if (wanted.SizeBytes is < 1 or > 1L << 40)
            yield return new("sizeBytes", "must be from 1 byte to 1 TiB");
        if (wanted.MinimumDiskGiB is < 1 or > 65_536)
            yield return new("minimumDiskGiB", "must be from 1 to 65536");
        if (wanted.CaCertificate is { } pem && !pem.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal))
            yield return new("caCertificate", "must be a PEM certificate (-----BEGIN CERTIFICATE-----)");
        foreach (var cve in wanted.KnownCves.Where(cve => !Cve().IsMatch(cve)))
            yield return new("knownCves", $"holds '{cve}'; an entry reads like CVE-2026-12345");
        if (current is not null && !current.Sha256.Equals(wanted.Sha256, StringComparison.OrdinalIgnoreCase))
            yield return Violation.Immutable("sha256", "an image never changes; create another one");
    }

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromMinutes(10);

    [GeneratedRegex("^[0-9a-fA-F]{64}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Hash();

    [GeneratedRegex(@"^CVE-\d{4}-\d{4,7}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Cve();
}

/// <summary>What the control plane found about the image without downloading it.</summary>
public sealed record OsImageStatus
{
    /// <summary>Verified, or Unsigned.</summary>
    public string? SignatureStatus { get; init; }
}
