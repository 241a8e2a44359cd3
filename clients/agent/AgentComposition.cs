using System.Security.Cryptography;
using ControlPlane.Kubernetes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Agent;

/// <summary>The agent as one piece, so that its process and the tests compose the same thing: that of one cluster, or those of all clusters in the file that <c>--members</c> names.</summary>
internal static class AgentComposition
{
    public static IHost Build(HostApplicationBuilder builder)
    {
        if (builder.Configuration["Agent:ConfigurationFile"] is { Length: > 0 } file)
            builder.Configuration.AddJsonFile(Path.GetFullPath(file), optional: false);
        builder.Logging.AddFilter("System.Net.Http", LogLevel.Warning);
        var settings = builder.Configuration["members"] is { Length: > 0 } members
            ? MembersFile.Read(members).Settings(builder.Configuration)
            : [AgentSettings.From(builder.Configuration)];
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddHostedService(provider => Compose(settings, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILoggerFactory>()));
        return builder.Build();
    }

    private static AgentHost Compose(IReadOnlyList<AgentSettings> all, TimeProvider time, ILoggerFactory logs)
    {
        var (applier, slots) = (new MemberApplier(new KubernetesKinds()), new SemaphoreSlim(AgentHost.AtOnce(all.Count)));
        var pauses = new Pauses(new Random(RandomNumberGenerator.GetInt32(int.MaxValue)));
        var clients = new Dictionary<string, HttpClient>(StringComparer.Ordinal);
        AgentLoop Loop(AgentSettings settings)
        {
            var logger = logs.CreateLogger(settings.Name is { } name ? $"{typeof(AgentLoop).FullName}.{name}" : typeof(AgentLoop).FullName!);
            var state = new AgentState(settings.StateDirectory);
            var hub = new Hub(settings, state, time);
            var member = ClusterAccess.Open(settings.Kubernetes, clients);
            var membership = new Membership(settings, state, hub, pauses, time, logger);
            return new(settings, membership, hub, member, applier, new(time, RandomNumberGenerator.GetInt32(100)), new(member, time, logger), pauses, slots, time, logger);
        }

        return new([.. all.Select(Loop)], pauses, slots, time);
    }
}

/// <summary>Runs agents, each for itself: they share the process, what they know of Kubernetes' kinds, and how many clusters are worked on at once.</summary>
internal sealed class AgentHost(IReadOnlyList<AgentLoop> agents, Pauses pauses, SemaphoreSlim slots, TimeProvider time) : BackgroundService
{
    /// <summary>Many agents begin one after the other, so many in a second.</summary>
    private const int BeginsInASecond = 200;

    /// <summary>How much is worked on at once.</summary>
    public static int AtOnce(int agents) => Math.Min(64, 4 * agents);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(agents.Select(async agent =>
    {
        try
        {
            if (agents.Count > 1)
                await Task.Delay(pauses.Within(TimeSpan.FromSeconds((double)agents.Count / BeginsInASecond)), time, stoppingToken);
            await agent.RunAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is applied stays as it is.
        }
    }));

    public override void Dispose()
    {
        foreach (var agent in agents)
            agent.Dispose();
        slots.Dispose();
        base.Dispose();
    }
}
