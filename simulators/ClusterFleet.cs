using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Clusters.Controllers;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Simulators.Wire;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace ControlPlane.Simulators;

/// <summary>
/// A running fleet: N Kubernetes API servers, each on an address of its own (127.1.0.1, 127.1.0.2 and so on, one port), and the control
/// API, in one process. Disposing it pulls every plug.
/// </summary>
internal sealed class ClusterFleet : IAsyncDisposable
{
    /// <summary>Calls that the journal remembers; what was written where is counted beside it, for ever.</summary>
    private const int JournalCapacity = 20_000;

    private const int Backlog = 4096;

    private readonly PeriodicTimer heartbeat;
    private readonly WebApplication app;
    private readonly List<IDisposable> owned;

    private ClusterFleet(FleetOptions options, TimeProvider time)
    {
        Clock = new VirtualClock(time, options.Clock);
        heartbeat = new PeriodicTimer(Heartbeats.Period, time);
        Journal = new Journal(time, JournalCapacity);
        var authority = new CertificateAuthority("kubernetes", time);
        var tls = new FleetTls(authority);
        var secret = RandomNumberGenerator.GetBytes(32);
        var port = 0;
        FleetCluster Known(ClusterSeat seat) => new()
        {
            Name = seat.Name, Url = $"https://{seat.Address}:{port}", Ca = authority.Pem, Token = Token(secret, "admin", seat), ReaderToken = Token(secret, "reader", seat),
            Region = seat.Region, Labels = seat.Labels,
        };

        KubernetesApi Install(ClusterSeat seat, ClusterConduct conduct)
        {
            var known = Known(seat);
            var identity = new ClusterIdentity { Name = seat.Name, Server = known.Url, Version = seat.KubernetesVersion, AdminToken = known.Token, ReaderToken = known.ReaderToken, CaPem = known.Ca };
            var api = new KubernetesApi(identity, time, Clock, conduct, options.HistoryLimit);
            Installation.Install(api.Store, seat);
            return api;
        }

        Clusters = [.. Enumerable.Range(0, options.Clusters).Select(index => new SimulatedCluster(ClusterSeat.At(index, options), Install))];
        Faults = new FaultPlan(Clusters, options.Seed);
        var (door, control) = (new FleetDoor(Clusters, Clock, Journal, options.Seed), new FleetControl(this));
        Socket Bind(EndPoint end)
        {
            if (end is not IPEndPoint { Address: var address } || !address.Equals(IPAddress.Any)) return SocketTransportOptions.CreateDefaultBoundListenSocket(end);
            var socket = LoopbackDevice.Bind(options.Port);
            port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            return socket;
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().UseSockets(sockets => (sockets.CreateBoundListenSocket, sockets.Backlog) = (Bind, Backlog)).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(10);
            // The address only stands for "every loopback address": Bind ties the socket to the loopback device.
            kestrel.Listen(IPAddress.Any, options.Port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => connection => door.ConnectAsync(connection, next));
                listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = call => ValueTask.FromResult(tls.For(door.Find(call.Connection.LocalEndPoint)!.Seat.Index)) });
            });
            kestrel.Listen(IPAddress.Loopback, options.ControlPort, listen => listen.Protocols = HttpProtocols.Http1);
        });
        app = builder.Build();
        owned = [authority, tls, .. Clusters, app, heartbeat];
        app.Run(http => http.Request.IsHttps ? door.HandleAsync(http) : control.HandleAsync(http));
        Describe = () => new FleetReady
        {
            Control = app.Urls.First(url => url.StartsWith("http://127.0.0.1", StringComparison.Ordinal)), Clusters = [.. Clusters.Select(cluster => Known(cluster.Seat))],
        };
    }

    private Func<FleetReady> Describe { get; }

    /// <summary>Addresses and credentials, as the ready file shows them.</summary>
    public FleetReady Ready { get; private set; } = null!;

    public IReadOnlyList<SimulatedCluster> Clusters { get; }
    public FaultPlan Faults { get; }
    public Journal Journal { get; }
    public VirtualClock Clock { get; }

    public SimulatedCluster? Find(string name) => Clusters.FirstOrDefault(cluster => cluster.Seat.Name == name);

    /// <summary>Starts listening; when it returns, everything answers.</summary>
    /// <exception cref="SocketException">A port that was asked for is taken.</exception>
    public static async Task<ClusterFleet> StartAsync(FleetOptions options, CancellationToken cancel = default)
    {
        var fleet = new ClusterFleet(options, TimeProvider.System);
        try
        {
            await fleet.app.StartAsync(cancel);
            fleet.Ready = fleet.Describe();
            _ = fleet.BeatAsync();
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    public Task WaitForShutdownAsync() => app.WaitForShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        Faults.Remove(null);
        using (var impatient = new CancellationTokenSource(TimeSpan.FromSeconds(1))) await app.StopAsync(impatient.Token);
        for (var index = owned.Count - 1; index >= 0; index--) owned[index].Dispose();
    }

    private async Task BeatAsync()
    {
        while (await heartbeat.WaitForNextTickAsync())
        {
            foreach (var cluster in Clusters.Where(cluster => cluster.IsInstalled)) Heartbeats.Beat(cluster.Api.Store);
        }
    }

    private static string Token(byte[] secret, string role, ClusterSeat seat) => Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"{role}/{seat.Name}")).AsSpan(0, 16));
}
