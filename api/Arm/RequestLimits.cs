using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ControlPlane.Api.Arm;

/// <summary>How long a client may take and how many may come (<c>Limits</c>), per replica. What is larger or slower is refused; docs/security.md has the whole table.</summary>
internal sealed record RequestLimits
{
    /// <summary>Until the last header is here.</summary>
    public TimeSpan HeadersWithin { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Until the last byte of the body is here. A body that comes at fewer than 240 bytes a second ends after five seconds already.</summary>
    public TimeSpan BodyWithin { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Until the answer was taken, from the moment on at which the request takes its subscription's share: then the connection is cut.</summary>
    public TimeSpan RequestWithin { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>Connections at once.</summary>
    public int Connections { get; set; } = 20_000;

    public static void Apply(KestrelServerOptions kestrel, IConfiguration configuration)
    {
        var limits = configuration.GetSection("Limits").Get<RequestLimits>() ?? new();
        kestrel.Limits.MaxRequestBodySize = RequestBody.Limit;
        kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        kestrel.Limits.RequestHeadersTimeout = limits.HeadersWithin;
        kestrel.Limits.MaxConcurrentConnections = limits.Connections;
    }
}
