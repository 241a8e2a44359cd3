using System.Security.Cryptography;
using ControlPlane.Kubernetes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Agent;

/// <summary>The agent as one piece, so that its process and the tests compose the same thing.</summary>
internal static class AgentComposition
{
    public static IHost Build(HostApplicationBuilder builder)
    {
        if (builder.Configuration["Agent:ConfigurationFile"] is { Length: > 0 } file)
            builder.Configuration.AddJsonFile(Path.GetFullPath(file), optional: false);
        builder.Logging.AddFilter("System.Net.Http", LogLevel.Warning);
        var settings = AgentSettings.From(builder.Configuration);
        var member = ClusterAccess.Open(settings.Kubernetes);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton(member);
        builder.Services.AddSingleton(new AgentState(settings.StateDirectory));
        builder.Services.AddSingleton(new Pauses(new Random(RandomNumberGenerator.GetInt32(int.MaxValue))));
        builder.Services.AddSingleton(provider => new WorkTable(provider.GetRequiredService<TimeProvider>(), RandomNumberGenerator.GetInt32(100)));
        builder.Services.AddSingleton<KubernetesKinds>();
        builder.Services.AddSingleton<MemberApplier>();
        builder.Services.AddSingleton<Hub>();
        builder.Services.AddSingleton<Membership>();
        builder.Services.AddHostedService<AgentLoop>();
        return builder.Build();
    }
}
