namespace ControlPlane.Simulators.BareMetal;

/// <summary>What is wrong with a machine. Several may be at once.</summary>
[Flags]
internal enum Scenario
{
    None = 0,

    /// <summary>The BMC closes every connection before TLS.</summary>
    Dead = 1,

    /// <summary>The BMC accepts connections and never says anything.</summary>
    Hangs = 1 << 1,

    /// <summary>The credentials that everybody was told are not this BMC's.</summary>
    WrongPassword = 1 << 2,

    /// <summary>POST never ends.</summary>
    NeverBoots = 1 << 3,

    /// <summary>Downloads arrive with a flipped bit.</summary>
    ChecksumMismatch = 1 << 4,

    /// <summary>Writing the image fails for want of space.</summary>
    DiskFull = 1 << 5,

    /// <summary>Once is honoured as if it were Continuous.</summary>
    IgnoresOnce = 1 << 6,

    /// <summary>Everything takes ten times as long, and the BMC answers late.</summary>
    Slow = 1 << 7,

    /// <summary>All sessions are taken by others.</summary>
    SessionLimit = 1 << 8,

    /// <summary>The agent finds another serial number in SMBIOS than the BMC reports.</summary>
    WrongIdentity = 1 << 9,

    /// <summary>The agent dies silently while it writes.</summary>
    SilentAgent = 1 << 10,

    /// <summary>The installed system never joins its cluster.</summary>
    NeverJoins = 1 << 11,

    /// <summary>The BMC shows another certificate than before.</summary>
    CertificateChanged = 1 << 12,

    /// <summary>Wiping fails with an I/O error.</summary>
    WipeFails = 1 << 13,
}
