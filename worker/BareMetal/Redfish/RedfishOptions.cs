using System.ComponentModel.DataAnnotations;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Section <c>BareMetal</c> of the configuration, as far as it is about talking to BMCs.</summary>
internal sealed class RedfishOptions
{
    public const string Section = "BareMetal";

    /// <summary>CIDR blocks in which BMCs live. Empty: no BMC is talked to at all.</summary>
    public string[] ManagementNetworks { get; set; } = [];

    /// <summary>The ports on which BMCs listen. Empty: any.</summary>
    public int[] ManagementPorts { get; set; } = [];

    /// <summary>http:// endpoints: credentials in the clear. For tests on loopback only.</summary>
    public bool AllowPlainHttp { get; set; }

    /// <value>30 s: what Ironic allows, a BMC's CPU is slow at TLS.</value>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <value>60 s for one answer, headers and body.</value>
    public TimeSpan ReadTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How often one request is sent at most when the answer says it was not done (GET: any 5xx or a broken connection; else only
    /// known codes). A caller that owns a schedule repeats the whole step later; this only bridges hiccups.
    /// </summary>
    [Range(1, 10)]
    public int Attempts { get; set; } = 3;

    /// <value>2 s between those, or the BMC's own Retry-After if that is shorter: longer waits are the caller's.</value>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(2);

    /// <value>2 minutes without a request: the session is deleted. A BMC has about eight for everybody.</value>
    public TimeSpan SessionIdle { get; set; } = TimeSpan.FromMinutes(2);

    /// <value>2,048 BMCs at once; beyond it the one idle for longest is closed first.</value>
    [Range(1, 100_000)]
    public int MaxSessions { get; set; } = 2048;

    /// <value>10 s: long enough for a burst of calls, shorter than a BMC's own limit.</value>
    public TimeSpan ConnectionIdle { get; set; } = TimeSpan.FromSeconds(10);
}
