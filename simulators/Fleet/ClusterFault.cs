namespace ControlPlane.Simulators.Fleet;

/// <summary>What a fault does to a cluster.</summary>
internal enum ClusterFaultAction
{
    /// <summary>Answers after <c>delayMilliseconds</c> (wall clock).</summary>
    Slow,

    /// <summary>Answers with <c>status</c>, and <c>Retry-After</c> where <c>retryAfterSeconds</c> says so.</summary>
    Status,

    /// <summary>401, whatever the token.</summary>
    Unauthorized,

    /// <summary>Takes the request and never answers.</summary>
    Hang,

    /// <summary>Never answers the TLS handshake, nor a request on a connection that is there.</summary>
    BlackHole,

    /// <summary>Resets the connection.</summary>
    ResetConnection,

    /// <summary>Workloads of the <c>images</c> never become available.</summary>
    NeverAvailable,

    /// <summary>Workloads take <c>delayMilliseconds</c> (wall clock) to become available.</summary>
    SlowRollout,

    /// <summary>Available workloads are unavailable after <c>delayMilliseconds</c>, available again after as long, and so on.</summary>
    FlipFlop,

    /// <summary>A CustomResourceDefinition is established <c>delayMilliseconds</c> late.</summary>
    LateCrd,
}

/// <summary>An injected fault, as the control API takes it.</summary>
internal sealed record ClusterFault
{
    public string? Id { get; init; }
    public required ClusterFaultAction Action { get; init; }

    /// <summary>Names or patterns such as <c>store-00*</c>; empty = every cluster.</summary>
    public IReadOnlyList<string> Clusters { get; init; } = [];

    /// <summary>Only clusters of this region; null = any.</summary>
    public string? Region { get; init; }

    /// <summary>Only clusters with these labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The part of these clusters that is struck; which ones, the seed says.</summary>
    public double Fraction { get; init; } = 1;

    /// <summary>Of requests: the HTTP method; null = any.</summary>
    public string? Method { get; init; }

    /// <summary>Of requests: a pattern of the path such as <c>*/deployments/*</c>; null = any.</summary>
    public string? Path { get; init; }

    public int Status { get; init; } = 503;
    public int? RetryAfterSeconds { get; init; }
    public int DelayMilliseconds { get; init; } = 500;

    /// <summary>Patterns such as <c>*:2.0</c>.</summary>
    public IReadOnlyList<string> Images { get; init; } = [];

    /// <summary>Of requests: how often it still strikes, over all clusters; null = for ever.</summary>
    public int? Remaining { get; init; }

    /// <summary>Of requests: the chance that one is struck.</summary>
    public double Probability { get; init; } = 1;
}
