using System.Text.Json;
using ControlPlane.Agent;
using ControlPlane.Tests.Architecture;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.Fleets;

/// <summary>The place of an agent: its directory with configuration, token and state, and the agent itself, in this process or in one of its own.</summary>
internal sealed class TestAgent : IAsyncDisposable
{
    private readonly DirectoryInfo directory;
    private IHost? host;

    private TestAgent(DirectoryInfo directory) => this.directory = directory;

    public RecordedLog Log { get; } = new();

    public string StateDirectory => Path.Combine(directory.FullName, "state");

    private string TokenFile => Path.Combine(directory.FullName, "token");

    private string ConfigurationFile => Path.Combine(directory.FullName, "agent.json");

    /// <summary>A place without an agent; the control plane is at <paramref name="endpoint"/>, or where it says itself.</summary>
    public static async Task<TestAgent> PlaceAsync(FleetSite site, string cluster, Uri? endpoint = null, string driftInterval = "00:10:00")
    {
        var agent = new TestAgent(Directory.CreateTempSubdirectory("agent-"));
        var known = site.Clusters.Ready.Clusters.Single(one => one.Name == cluster);
        await agent.WriteAsync("hub-ca.crt", ControlPlaneFixture.CaPem);
        await agent.WriteAsync("kubeconfig", known.Kubeconfig());
        await agent.WriteAsync("agent.json", JsonSerializer.Serialize(new
        {
            Agent = new
            {
                Endpoint = endpoint ?? site.Plane.Endpoint, EndpointCaFile = agent.PathOf("hub-ca.crt"), OnboardingTokenFile = agent.TokenFile, agent.StateDirectory, Wait = "00:00:20", InventoryEvery = "00:00:30", DriftInterval = driftInterval, Kubernetes = new { Kubeconfig = agent.PathOf("kubeconfig") },
            },
        }));
        return agent;
    }

    /// <summary>A place with a token, and the agent at work.</summary>
    public static async Task<TestAgent> StartAsync(FleetSite site, string cluster)
    {
        var agent = await PlaceAsync(site, cluster);
        await agent.GiveAsync(await site.OnboardAsync(cluster));
        await agent.StartAsync();
        return agent;
    }

    public Task GiveAsync(string token) => WriteAsync("token", token);

    public async Task StartAsync()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection([new("Agent:ConfigurationFile", ConfigurationFile)]);
        builder.Logging.AddProvider(Log).SetMinimumLevel(LogLevel.Debug);
        host = AgentComposition.Build(builder);
        await host.StartAsync();
    }

    /// <summary>As it runs in a cluster.</summary>
    public ServerProcess StartProcess() =>
        ServerProcess.Start("agent", "dotnet", [Path.Combine(Product.Root, "artifacts", "bin", "Agent", Configuration, "ControlPlane.Agent.dll")], [new("Agent__ConfigurationFile", ConfigurationFile), new("Logging__LogLevel__Default", "Debug")]);

    public async Task StopAsync()
    {
        if (host is null)
            return;
        await host.StopAsync();
        host.Dispose();
        host = null;
    }

    /// <summary>The same state in another place, as a snapshot of the machine or a thief would have it.</summary>
    public async Task<TestAgent> CloneAsync()
    {
        var clone = new TestAgent(Directory.CreateTempSubdirectory("agent-"));
        Directory.CreateDirectory(clone.StateDirectory);
        foreach (var file in Directory.EnumerateFiles(StateDirectory))
            File.Copy(file, Path.Combine(clone.StateDirectory, Path.GetFileName(file)));
        foreach (var name in new[] { "hub-ca.crt", "kubeconfig" })
            File.Copy(PathOf(name), clone.PathOf(name));
        await clone.WriteAsync("agent.json", (await File.ReadAllTextAsync(ConfigurationFile)).Replace(directory.FullName, clone.directory.FullName, StringComparison.Ordinal));
        return clone;
    }

    /// <summary>The agent's own way to speak, with whatever identity it has or is given.</summary>
    public (Hub Hub, AgentState State) Speak()
    {
        var settings = AgentSettings.From(new ConfigurationBuilder().AddJsonFile(ConfigurationFile).Build());
        var state = new AgentState(settings.StateDirectory);
        return (new(settings, state, TimeProvider.System), state);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        directory.Delete(recursive: true);
    }

    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Name;

    private string PathOf(string name) => Path.Combine(directory.FullName, name);

    private Task WriteAsync(string name, string text) => File.WriteAllTextAsync(PathOf(name), text);
}
