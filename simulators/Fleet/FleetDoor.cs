using System.Net;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace ControlPlane.Simulators.Fleet;

/// <summary>The door of all clusters: which one is called, what its faults do to the call, and the note of it.</summary>
internal sealed class FleetDoor(IReadOnlyList<SimulatedCluster> clusters, VirtualClock clock, Journal journal, int seed)
{
    private readonly Lock gate = new();
    private readonly Random dice = new(seed);

    /// <summary>The cluster that has the address of a connection's end.</summary>
    public SimulatedCluster? Find(EndPoint? local) =>
        local is IPEndPoint end && ClusterSeat.IndexOf(end.Address) is >= 0 and var index && index < clusters.Count ? clusters[index] : null;

    /// <summary>Before the handshake: who comes from outside or calls a cluster that is not there is turned away, and black holes swallow.</summary>
    public async Task ConnectAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (Find(connection.LocalEndPoint) is not { } cluster || connection.RemoteEndPoint is not IPEndPoint { Address: var remote } || !IPAddress.IsLoopback(remote))
        {
            connection.Abort();
            return;
        }

        foreach (var fault in cluster.Faults)
        {
            if (fault.Fault.Action == ClusterFaultAction.BlackHole && fault.Strike())
            {
                await SwallowAsync(fault, connection.ConnectionClosed);
                connection.Abort();
                return;
            }

            if (fault.Fault is { Action: ClusterFaultAction.ResetConnection, Path: null, Method: null } && fault.Strike())
            {
                Reset(connection.Features.Get<IConnectionSocketFeature>());
                connection.Abort();
                return;
            }
        }

        await next(connection);
    }

    public async Task HandleAsync(HttpContext http)
    {
        if (Find(new IPEndPoint(http.Connection.LocalIpAddress!, 0)) is not { } cluster)
        {
            http.Abort();
            return;
        }

        var answer = cluster.Faults.IsEmpty ? null : await SufferAsync(cluster, http);
        if (answer is null && http.RequestAborted.IsCancellationRequested)
        {
            Note(cluster, http.Request, 0, null);
            return;
        }

        answer ??= await cluster.Api.AnswerAsync(http);
        Note(cluster, http.Request, answer.Status, answer.Effect);
        await answer.SendAsync(http);
    }

    /// <summary>What the faults do to a request; null = it is served, unless it was aborted.</summary>
    private async Task<KubernetesAnswer?> SufferAsync(SimulatedCluster cluster, HttpContext http)
    {
        foreach (var fault in cluster.Faults)
        {
            if (fault.Fault.Action > ClusterFaultAction.ResetConnection || !fault.Hits(http.Request.Method, http.Request.Path.Value ?? "", Roll)) continue;
            switch (fault.Fault.Action)
            {
                case ClusterFaultAction.Slow:
                    await clock.WallDelayAsync(TimeSpan.FromMilliseconds(fault.Fault.DelayMilliseconds), http.RequestAborted);
                    break;
                case ClusterFaultAction.Status:
                    var reason = fault.Fault.Status switch { 429 => "TooManyRequests", 503 => "ServiceUnavailable", 504 => "Timeout", _ => "InternalError" };
                    return KubernetesAnswer.Failure(fault.Fault.Status, reason, "injected fault") with { RetryAfter = fault.Fault.RetryAfterSeconds };
                case ClusterFaultAction.Unauthorized:
                    return KubernetesAnswer.Failure(401, "Unauthorized", "Unauthorized");
                case ClusterFaultAction.Hang or ClusterFaultAction.BlackHole:
                    await SwallowAsync(fault, http.RequestAborted);
                    http.Abort();
                    return null;
                case ClusterFaultAction.ResetConnection:
                    Reset(http.Features.Get<IConnectionSocketFeature>());
                    http.Abort();
                    return null;
            }
        }

        return null;
    }

    private double Roll()
    {
        lock (gate) return dice.NextDouble();
    }

    private void Note(SimulatedCluster cluster, HttpRequest request, int status, string? effect)
    {
        cluster.Tally.Note(request, status, effect is not null);
        journal.Call(cluster.Seat.Name, 0, request, status, effect);
    }

    /// <summary>Says nothing until the client gives up or the fault is taken back.</summary>
    private static async Task SwallowAsync(ActiveClusterFault fault, CancellationToken gone)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(fault.Ended, gone);
        var silence = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (end.Token.Register(silence.SetResult)) await silence.Task;
    }

    /// <summary>Without lingering the kernel answers with RST.</summary>
    private static void Reset(IConnectionSocketFeature? connection)
    {
        if (connection is not null) connection.Socket.LingerState = new(true, 0);
    }
}
