using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace ControlPlane.Bench;

/// <summary>The front door as a process of its own on a database of its own, so that no worker carries out what it accepts.</summary>
internal sealed class FrontDoorProcess : IAsyncDisposable
{
    private Process process;

    private FrontDoorProcess(Process process, Uri endpoint, string postgres) => (this.process, Endpoint, Postgres) = (process, endpoint, postgres);

    public Uri Endpoint { get; }
    public string Postgres { get; }
    public int Id => process.Id;

    public static async Task<FrontDoorProcess> StartAsync(Stack stack)
    {
        const string Database = "bench_front_door";
        await stack.ExecuteAsync($"drop database if exists {Database} with (force)");
        await stack.ExecuteAsync($"create database {Database}");
        var postgres = new NpgsqlConnectionStringBuilder(stack.Postgres) { Database = Database }.ConnectionString;
        var endpoint = new Uri($"https://127.0.0.1:{FreePort()}");
        var door = new FrontDoorProcess(Start(endpoint, postgres), endpoint, postgres);
        await door.ReadyAsync();
        return door;
    }

    /// <summary>Kills it, and waits until another one answers at the same address.</summary>
    public async Task RestartAsync()
    {
        await DisposeAsync();
        process = Start(Endpoint, Postgres);
        await ReadyAsync();
    }

    private static Process Start(Uri endpoint, string postgres) => Programs.Start("Api", new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["ConnectionStrings__postgres"] = postgres,
        ["Provisioning__PublicUri"] = endpoint.GetLeftPart(UriPartial.Authority),
        // Places are counted, and none is ever refused.
        ["Quota__DefaultLimit"] = $"{int.MaxValue}",
        ["Kestrel__Endpoints__Https__Url"] = endpoint.GetLeftPart(UriPartial.Authority),
        ["Kestrel__Endpoints__Https__Certificate__Path"] = Path.Combine(Settings.Tls, "server.pem"),
        ["Kestrel__Endpoints__Https__Certificate__KeyPath"] = Path.Combine(Settings.Tls, "server.key"),
    });

    private async Task ReadyAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (true)
        {
            if (process.HasExited)
                throw new InvalidOperationException($"The front door ended with {process.ExitCode} instead of becoming ready.");
            try
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(Endpoint.Host, Endpoint.Port, limit.Token);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(100, limit.Token);
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}

/// <summary>The product's other programs, built beside this one; settings come from the environment that <c>./dev bench</c> made.</summary>
internal static class Programs
{
    /// <param name="project">Such as <c>Worker</c>.</param>
    public static Process Start(string project, IReadOnlyDictionary<string, string> environment, params IEnumerable<string> arguments)
    {
        var directory = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", project, "release"));
        var start = new ProcessStartInfo("dotnet", [Path.Combine(directory, $"ControlPlane.{project}.dll"), .. arguments])
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        return process;
    }
}
