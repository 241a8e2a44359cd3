namespace ControlPlane.Worker.BareMetal;

/// <summary>How long each phase of a machine may take (<c>BareMetal:Timeouts</c>); the defaults are what Ironic, Metal³ and Nexus found necessary.</summary>
internal sealed class MachineTimeouts
{
    /// <summary>A BMC that does not answer while a machine is worked on. <value>2 min</value></summary>
    public TimeSpan BmcPatience { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>A cluster's API server that does not answer while a machine joins or leaves it. <value>2 min</value></summary>
    public TimeSpan ClusterPatience { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Before a graceful shutdown becomes a forced one. <value>3 min</value></summary>
    public TimeSpan SoftPowerOff { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>From a forced power change until the BMC reports it. <value>1 min</value></summary>
    public TimeSpan PowerChange { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>From power-on until the in-band agent says hello; then one more try, then the next boot method. <value>10 min</value></summary>
    public TimeSpan AgentWait { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Silence of a running agent. <value>60 s</value></summary>
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>A phase that reports no progress. <value>2 min</value></summary>
    public TimeSpan Stall { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Wiping in all. <value>2 h</value></summary>
    public TimeSpan Wipe { get; set; } = TimeSpan.FromHours(2);

    /// <summary>Writing in all. <value>30 min</value></summary>
    public TimeSpan Write { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>From the reset to disk until the node is Ready. <value>10 min</value></summary>
    public TimeSpan Join { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Evicting the pods of a node. <value>10 min</value></summary>
    public TimeSpan Drain { get; set; } = TimeSpan.FromMinutes(10);
}
