using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.Tests.Fixtures;

/// <summary>How the same control plane is put together.</summary>
public enum Composition
{
    /// <summary>One process, <c>host</c>, with the bus in memory.</summary>
    InMemory,

    /// <summary>One <c>api</c> and several <c>worker</c> processes with RabbitMQ between them.</summary>
    RabbitMq,
}

/// <summary>A control plane of real processes on a database of its own, which a test may kill, pause and start again.</summary>
internal sealed class ProcessStack : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(120);

    private readonly Composition composition;
    private readonly string directory = Directory.CreateTempSubdirectory("controlplane").FullName;
    private readonly Dictionary<string, string> environment;
    private readonly List<ServerProcess> workers = [];
    private int workersSoFar;

    private ProcessStack(Composition composition, TestDatabase database, RabbitMqServer? rabbit, IEnumerable<(string Name, string Value)> settings)
    {
        (this.composition, Database, Rabbit) = (composition, database, rabbit);
        Endpoint = new($"https://127.0.0.1:{LoopbackPort.Free()}");
        environment = Environment(settings);
    }

    public TestDatabase Database { get; }
    public RabbitMqServer? Rabbit { get; }
    public Uri Endpoint { get; }
    public ArmHttp Arm { get; private set; } = null!;

    /// <summary><c>host</c> or <c>api</c>.</summary>
    public ServerProcess FrontDoor { get; private set; } = null!;

    /// <summary>Worker processes that were started and not killed since.</summary>
    public IReadOnlyList<ServerProcess> Workers => workers;

    /// <summary>The processes that carry out operations.</summary>
    public IReadOnlyList<ServerProcess> Runners => composition is Composition.InMemory ? [FrontDoor, .. workers] : workers;

    public static async Task<ProcessStack> StartAsync(Composition composition, int workers, bool bus = true, params (string Name, string Value)[] settings)
    {
        var rabbit = composition is Composition.RabbitMq && bus ? await RabbitMqServer.BeginAsync() : null;
        var stack = new ProcessStack(composition, await TestDatabase.CreateEmptyAsync(), rabbit, settings);
        try
        {
            await Task.WhenAll(stack.StartFrontDoorAsync(), rabbit?.ReadyAsync() ?? Task.CompletedTask);
            await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => stack.AddWorkerAsync()));
            stack.Arm = await ArmHttp.SignInAsync(stack.Endpoint);
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the front door, again on the same address after it was killed.</summary>
    public async Task StartFrontDoorAsync()
    {
        FrontDoor = composition is Composition.InMemory ? Start("Host", "host", FrontDoorAddress()) : Start("Api", "api", FrontDoorAddress());
        using var client = LoopbackCertificate.Client(Endpoint);
        await ReadyAsync(FrontDoor, client);
    }

    /// <summary>Starts another worker and does not wait for it.</summary>
    public void BeginWorker() => workers.Add(StartWorker(new($"http://127.0.0.1:{LoopbackPort.Free()}")));

    /// <summary>Starts another worker; it is ready when this returns.</summary>
    public async Task<ServerProcess> AddWorkerAsync()
    {
        var address = new Uri($"http://127.0.0.1:{LoopbackPort.Free()}");
        var worker = StartWorker(address);
        workers.Add(worker);
        using var client = new HttpClient { BaseAddress = address };
        await ReadyAsync(worker, client);
        return worker;
    }

    /// <summary>SIGKILL, and what is left of it is cleaned up.</summary>
    public async Task KillAsync(ServerProcess runner)
    {
        await runner.KillAsync();
        if (workers.Remove(runner))
            await runner.DisposeAsync();
    }

    /// <summary>The process that a lease names as its owner (<c>machine/process id</c>).</summary>
    public ServerProcess Runner(string owner) =>
        Runners.Single(runner => runner.Id == int.Parse(owner[(owner.LastIndexOf('/') + 1)..], CultureInfo.InvariantCulture));

    public async ValueTask DisposeAsync()
    {
        Arm?.Dispose();
        foreach (var server in workers.Append(FrontDoor).OfType<ServerProcess>())
            await server.DisposeAsync();
        if (Rabbit is not null)
            await Rabbit.DisposeAsync();
        await Database.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    private ServerProcess StartWorker(Uri address) => Start("Worker", $"worker-{++workersSoFar}", [new("ASPNETCORE_URLS", address.ToString())]);

    private ServerProcess Start(string project, string name, IEnumerable<KeyValuePair<string, string>> more) =>
        ServerProcess.Start(name, "dotnet", [Program(project)], environment.Concat(more));

    /// <summary>Beside the tests' own output: artifacts/bin/PROJECT/CONFIGURATION.</summary>
    private static string Program(string project)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return Path.Combine(here.Parent!.Parent!.FullName, project, here.Name, $"ControlPlane.{project}.dll");
    }

    private static async Task ReadyAsync(ServerProcess server, HttpClient client)
    {
        await Eventually.Async(async () =>
        {
            if (!server.IsRunning)
                throw new InvalidOperationException($"It ended while it started: {server}");
            try
            {
                using var answer = await client.GetAsync(new Uri("/readyz", UriKind.Relative));
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, $"{server.Name} is ready", StartPatience);
    }

    private List<KeyValuePair<string, string>> FrontDoorAddress()
    {
        var (certificate, key) = (Path.Combine(directory, "server.pem"), Path.Combine(directory, "server.key"));
        if (!File.Exists(key))
        {
            File.WriteAllText(certificate, LoopbackCertificate.Pem);
            File.WriteAllText(key, LoopbackCertificate.Certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        }

        return
        [
            new("Kestrel__Endpoints__Https__Url", Endpoint.GetLeftPart(UriPartial.Authority)),
            new("Kestrel__Endpoints__Https__Certificate__Path", certificate),
            new("Kestrel__Endpoints__Https__Certificate__KeyPath", key),
        ];
    }

    private Dictionary<string, string> Environment(IEnumerable<(string Name, string Value)> settings)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ConnectionStrings__postgres"] = Database.ConnectionString,
            ["Encryption__KeyFile"] = Database.KeyFile,
            ["Identity__TenantId"] = ControlPlaneFixture.Tenant,
            ["Identity__Bootstrap__ClientId"] = ControlPlaneFixture.ClientId,
            ["Identity__Bootstrap__ClientSecret"] = ControlPlaneFixture.ClientSecret,
            ["Identity__Bootstrap__SubscriptionId"] = ControlPlaneFixture.Subscription,
            ["Locations__0"] = "westeurope",
            ["BareMetal__ManagementNetworks__0"] = "127.0.0.0/8",
            ["Provisioning__PublicUri"] = Endpoint.GetLeftPart(UriPartial.Authority),
            // Several processes on a small machine.
            ["DOTNET_gcServer"] = "0",
            ["DOTNET_TieredPGO"] = "0",
        };
        if (Rabbit is not null)
            variables["RabbitMq__Uri"] = Rabbit.Uri;
        foreach (var (name, value) in settings)
            variables[Variable(name)] = value;
        return variables;
    }

    private static string Variable(string setting) => setting.Replace(":", "__", StringComparison.Ordinal);
}
