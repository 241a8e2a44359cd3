using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.BareMetal.Redfish;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Control;
using ControlPlane.Simulators.Images;
using ControlPlane.Simulators.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace ControlPlane.Simulators;

/// <summary>
/// A running simulated world: N machines with their BMCs, a Kubernetes API server, an image server and the control API, all in one
/// server on 127.0.0.1. Disposing it pulls every plug.
/// </summary>
internal sealed class SimulatedRack : IAsyncDisposable
{
    /// <summary>Where the search for free ports begins: below Linux' ephemeral range (32768…).</summary>
    private const int FirstPort = 20_000;
    private const int LastPort = 32_000;
    private const int PortAttempts = 8;

    /// <summary>Control API, Kubernetes API, images.</summary>
    private const int ServicePorts = 3;

    private readonly WebApplication app;
    private readonly List<IDisposable> owned;

    private SimulatedRack(WebApplication app, List<IDisposable> owned, IReadOnlyList<Machine> machines, World world, FaultRules faults, ReadyFile ready)
    {
        this.app = app;
        this.owned = owned;
        Machines = machines;
        World = world;
        Faults = faults;
        Ready = ready;
    }

    /// <summary>Addresses and credentials, as the ready file shows them.</summary>
    public ReadyFile Ready { get; }

    public IReadOnlyList<Machine> Machines { get; }
    public World World { get; }
    public Journal Journal => World.Journal;
    public FaultRules Faults { get; }

    /// <summary>Starts listening; when it returns, everything answers.</summary>
    /// <exception cref="IOException">A port that was asked for is taken, or there is no free run of ports.</exception>
    public static async Task<SimulatedRack> StartAsync(SimulationOptions options, CancellationToken cancel = default)
    {
        for (var attempt = 0; ; attempt++)
        {
            var ports = FreePorts(options, FirstPort + attempt * (options.Machines + ServicePorts));
            try
            {
                return await StartOnAsync(options, ports.Bmc, ports.Services, cancel);
            }
            catch (Exception error) when (IsTaken(error) && options.PortBase == 0 && options.ControlPort == 0 && attempt < PortAttempts)
            {
                // Somebody took one of the ports between the look and the bind: look further up.
            }
        }
    }

    private static async Task<SimulatedRack> StartOnAsync(SimulationOptions options, int bmcBase, int services, CancellationToken cancel)
    {
        var time = TimeProvider.System;
        var things = new List<IDisposable>();
        T Own<T>(T item) where T : IDisposable
        {
            things.Add(item);
            return item;
        }

        var vendor = Own(new CertificateAuthority("Simulated BMC vendor CA", time));
        var clusterCa = Own(new CertificateAuthority("kubernetes", time));
        var (clock, journal, faults) = (new VirtualClock(time, options.Clock), new Journal(time), new FaultRules(options.Seed));
        var network = Own(new MachineNetwork(vendor.Root, options.TrustCaPem));
        var world = new World(clock, journal, network);

        var (controlPort, clusterPort, imagePort) = (options.ControlPort > 0 ? options.ControlPort : services, services + 1, services + 2);
        var machines = Enumerable.Range(1, options.Machines).Select(slot =>
        {
            var (personality, model) = Personalities.InSlot(options.Personality, slot);
            return new Machine(world, slot, bmcBase + slot - 1, personality, HardwareModel.Named(model), options.Seed);
        }).ToArray();

        var adminToken = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var identity = new ClusterIdentity
        {
            Name = "rack", Server = $"https://127.0.0.1:{clusterPort}", Version = KubernetesApi.Version, AdminToken = adminToken, CaPem = clusterCa.Pem, NodeAuthority = clusterCa,
        };
        var api = Own(new KubernetesApi(identity, time, clock, new ClusterConduct()));
        var cluster = new RackCluster(api, faults, clock, journal);
        world.NodeLost = api.NodeLost;
        var images = new ImageServer(options.Seed, options.ImageSize, journal, faults, clock);
        var bmcLeaf = Own(vendor.IssueServer("idrac-default"));
        var ready = new ReadyFile
        {
            Control = $"http://127.0.0.1:{controlPort}", BmcPortBase = bmcBase, Machines = options.Machines, BmcCaPem = vendor.Pem,
            BmcFingerprint = Convert.ToHexStringLower(SHA256.HashData(bmcLeaf.RawData)), UserName = options.UserName, Password = options.Password,
            Cluster = new ClusterAddress($"https://127.0.0.1:{clusterPort}", clusterCa.Pem, adminToken, clusterCa.PublicKeyHash),
            Images = [.. images.Files.Select(file => new ImageAddress(file.Name, $"https://127.0.0.1:{imagePort}/images/{file.Name}", file.Sha256, file.SizeBytes))],
        };

        var shown = (JsonObject)JsonSerializer.SerializeToNode(ready, Json.Compact)!;
        shown.Remove("password");
        var control = new ControlApi(machines, world, faults, shown);
        var door = new BmcDoor(options, faults);
        var bmcTls = new BmcTls(bmcLeaf, Own(vendor.IssueServer("idrac-replaced")));
        var clusterTls = Tls(Own(clusterCa.IssueServer("kube-apiserver")), clusterCa.Root);
        var imageTls = Tls(Own(vendor.IssueServer("images")), clientAuthority: null);

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            foreach (var machine in machines) kestrel.Listen(IPAddress.Loopback, machine.Port, listen => bmcTls.Use(listen, machine));
            kestrel.Listen(IPAddress.Loopback, clusterPort, listen => Secure(listen, clusterTls));
            kestrel.Listen(IPAddress.Loopback, imagePort, listen => Secure(listen, imageTls));
            kestrel.Listen(IPAddress.Loopback, controlPort, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var web = Own(builder.Build());
        web.Run(http =>
        {
            var port = http.Connection.LocalPort;
            if (port == controlPort) return control.HandleAsync(http);
            if (port == clusterPort) return cluster.HandleAsync(http);
            return port == imagePort ? images.HandleAsync(http) : door.HandleAsync(http, machines[port - bmcBase]);
        });
        var rack = new SimulatedRack(web, things, machines, world, faults, ready);
        try
        {
            await web.StartAsync(cancel);
            return rack;
        }
        catch (Exception error) when (IsTaken(error))
        {
            await rack.DisposeAsync();
            throw;
        }
    }

    public Task WaitForShutdownAsync() => app.WaitForShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var machine in Machines) MachinePower.Unplug(machine);
        using (var impatient = new CancellationTokenSource(TimeSpan.FromSeconds(1))) await app.StopAsync(impatient.Token);
        for (var index = owned.Count - 1; index >= 0; index--) owned[index].Dispose();
    }

    private static void Secure(ListenOptions listen, SslServerAuthenticationOptions tls)
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls) });
    }

    /// <summary>With an authority given, clients may show a certificate, and if they do it must be that authority's.</summary>
    private static SslServerAuthenticationOptions Tls(X509Certificate2 leaf, X509Certificate2? clientAuthority)
    {
        var tls = new SslServerAuthenticationOptions { ServerCertificateContext = SslStreamCertificateContext.Create(leaf, null, offline: true) };
        if (clientAuthority is null) return tls;
        tls.ClientCertificateRequired = true;
        tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        tls.CertificateChainPolicy.CustomTrustStore.Add(clientAuthority);
        tls.RemoteCertificateValidationCallback = static (_, certificate, _, errors) => certificate is null || errors == SslPolicyErrors.None;
        return tls;
    }

    /// <summary>A contiguous free run of ports for the BMCs, and behind it (or anywhere) three for the services.</summary>
    private static (int Bmc, int Services) FreePorts(SimulationOptions options, int from)
    {
        if (options.PortBase > 0) return (options.PortBase, FirstFree(options.PortBase + options.Machines, ServicePorts));
        var first = FirstFree(from, options.Machines + ServicePorts);
        return (first, first + options.Machines);
    }

    private static int FirstFree(int from, int count)
    {
        for (var first = from; first + count <= Math.Max(LastPort, from + 1000) + count; first++)
        {
            var free = 0;
            while (free < count && IsFree(first + free)) free++;
            if (free == count) return first;
            first += free;
        }

        throw new IOException($"There are no {count} free ports in a row from {from} on.");
    }

    /// <summary>Two processes may bind the same port at once; the second one fails only when it listens, with the bare socket's error.</summary>
    private static bool IsTaken(Exception error) => error is IOException or SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse };

    private static bool IsFree(int port)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
