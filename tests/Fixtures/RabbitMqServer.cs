using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace ControlPlane.Tests.Fixtures;

/// <summary>
/// A RabbitMQ of its own on loopback ports, with its own node name, port mapper and directory. Debian's wrapper in /usr/sbin would change to another user; the plain
/// script runs as whoever starts it.
/// </summary>
internal sealed class RabbitMqServer : IAsyncDisposable
{
    private const string Binaries = "/usr/lib/rabbitmq/bin";
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(120);

    private readonly string home = Directory.CreateTempSubdirectory("rabbitmq").FullName;
    private readonly string password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
    private readonly int port = LoopbackPort.Free();
    private readonly int portMapper = LoopbackPort.Free();
    private readonly Dictionary<string, string> environment;
    private ServerProcess? server;

    private RabbitMqServer()
    {
        environment = new(StringComparer.Ordinal)
        {
            ["HOME"] = home,
            ["RABBITMQ_NODENAME"] = $"{Path.GetFileName(home).ToLowerInvariant()}@localhost",
            ["RABBITMQ_CONFIG_FILE"] = Path.Combine(home, "rabbitmq.conf"),
            ["RABBITMQ_CONF_ENV_FILE"] = "/dev/null",
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(home, "enabled_plugins"),
            ["RABBITMQ_MNESIA_BASE"] = Path.Combine(home, "mnesia"),
            ["RABBITMQ_LOG_BASE"] = Path.Combine(home, "log"),
            ["RABBITMQ_PID_FILE"] = Path.Combine(home, "pid"),
            ["RABBITMQ_DIST_PORT"] = LoopbackPort.Free().ToString(),
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
            ["ERL_EPMD_PORT"] = portMapper.ToString(),
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        };
    }

    /// <summary>As the product's configuration <c>RabbitMq:Uri</c> takes it.</summary>
    public string Uri => $"amqp://test:{password}@127.0.0.1:{port}";

    /// <summary>Begins to start it; <see cref="ReadyAsync"/> tells when it is there.</summary>
    public static async Task<RabbitMqServer> BeginAsync()
    {
        var rabbit = new RabbitMqServer();
        await File.WriteAllTextAsync(Path.Combine(rabbit.home, "rabbitmq.conf"), $"listeners.tcp.1 = 127.0.0.1:{rabbit.port}\ndefault_user = test\ndefault_pass = {rabbit.password}\n");
        await File.WriteAllTextAsync(Path.Combine(rabbit.home, "enabled_plugins"), "[].");
        rabbit.Begin();
        return rabbit;
    }

    public Task ReadyAsync() => Eventually.Async(AnswersAsync, "RabbitMQ answers", StartPatience);

    /// <summary>Starts it, again after <see cref="CrashAsync"/>, with what it had stored.</summary>
    public Task ResumeAsync()
    {
        Begin();
        return ReadyAsync();
    }

    /// <summary>SIGKILL to the broker itself; the script that started it ends with it.</summary>
    public async Task CrashAsync()
    {
        if (BrokerId() is { } id)
            await SignalAsync(id, "KILL");
        await Eventually.Async(() => server is null or { IsRunning: false }, "RabbitMQ is gone");
    }

    public async ValueTask DisposeAsync()
    {
        await CrashAsync();
        if (server is not null)
            await server.DisposeAsync();
        // The port mapper is this node's own: nobody else knows its port.
        await using (var mapper = ServerProcess.Start("epmd", "epmd", ["-port", portMapper.ToString(), "-kill"], environment))
            await Eventually.Async(() => !mapper.IsRunning, "the port mapper is gone");
        Directory.Delete(home, recursive: true);
    }

    private void Begin() => server = ServerProcess.Start("rabbitmq", Path.Combine(Binaries, "rabbitmq-server"), [], environment);

    /// <summary>Erlang's own process, which the server's start script leaves in a file.</summary>
    private int? BrokerId()
    {
        var file = environment["RABBITMQ_PID_FILE"];
        return File.Exists(file) && int.TryParse(File.ReadAllText(file), CultureInfo.InvariantCulture, out var id) && Directory.Exists($"/proc/{id}") ? id : null;
    }

    private async Task<bool> AnswersAsync()
    {
        if (server is { IsRunning: false })
            throw new InvalidOperationException($"RabbitMQ ended: {server}");
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port);
            // AMQP 0-9-1 §4.2.2: the protocol header, answered with Connection.Start once the node is up.
            await socket.SendAsync(new byte[] { (byte)'A', (byte)'M', (byte)'Q', (byte)'P', 0, 0, 9, 1 });
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            return await socket.ReceiveAsync(new byte[8], patience.Token) == 8;
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task SignalAsync(int id, string signal)
    {
        using var kill = System.Diagnostics.Process.Start("kill", [$"-{signal}", id.ToString()]);
        await kill.WaitForExitAsync();
    }
}

/// <summary>Ports of 127.0.0.1 that nobody listens on.</summary>
internal static class LoopbackPort
{
    public static int Free()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
