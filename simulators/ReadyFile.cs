namespace ControlPlane.Simulators;

/// <summary>What a test needs to know of a running simulation. The only place where the BMCs' password is written.</summary>
internal sealed record ReadyFile
{
    public required string Control { get; init; }
    public required int BmcPortBase { get; init; }
    public required int Machines { get; init; }

    /// <summary>Authority of the BMCs' and the image server's certificates.</summary>
    public required string BmcCaPem { get; init; }

    /// <summary>SHA-256 of the certificate that BMCs show, in lower-case hexadecimal.</summary>
    public required string BmcFingerprint { get; init; }

    public required string UserName { get; init; }
    public required string Password { get; init; }
    public required ClusterAddress Cluster { get; init; }
    public required IReadOnlyList<ImageAddress> Images { get; init; }
}

/// <summary>How an administrator reaches the cluster.</summary>
internal sealed record ClusterAddress(string Server, string CaPem, string Token, string CaHash);

/// <summary>An image that can be installed.</summary>
internal sealed record ImageAddress(string Name, string Url, string Sha256, long SizeBytes);
