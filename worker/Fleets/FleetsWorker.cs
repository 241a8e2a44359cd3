using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using MassTransit;

namespace ControlPlane.Worker.Fleets;

internal static class FleetsWorker
{
    /// <summary>Every worker hears of what agents say: whichever looks first has it.</summary>
    public static void AddPlacementHints(this IBusRegistrationConfigurator bus) => bus.AddConsumer<PlacementsReportedConsumer>().Endpoint(endpoint =>
    {
        endpoint.InstanceId = $"-{Guid.NewGuid():N}";
        endpoint.Temporary = true;
    });

    public static IServiceCollection AddFleets(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<BindingOptions>().Bind(configuration.GetSection("Fleets"))
            .Validate(o => o.Lease >= TimeSpan.FromSeconds(1) && o.DriftInterval >= TimeSpan.FromSeconds(1), "Fleets: Lease and DriftInterval must be at least 1 s.")
            .Validate(o => o.Concurrency > 0 && o.WarmConnections >= 0, "Fleets: Concurrency must be more than 0, WarmConnections not less than 0.").ValidateOnStart();
        services.AddOptions<FleetOptions>().Bind(configuration.GetSection("Fleets"));
        services.AddSingleton<PlacementSignal>();
        services.AddSingleton<KubernetesKinds>();
        services.AddSingleton<MemberConnections>();
        services.AddSingleton<MemberApplier>();
        services.AddSingleton<BindingApplier>();
        services.AddSingleton<PlacementTools>();
        services.AddHostedService<BindingPump>();
        services.AddHostedService<DriftLoop>();
        services.AddHostedService<InventoryLoop>();
        services.AddHostedService<ConnectivityLoop>();
        services.AddHostedService<SchedulingLoop>();
        services.AddHostedService<PlacementController>();
        services.AddHostedService<InsightLoop>();
        services.AddSingleton<NodeCordons>();
        services.AddHostedService<ComplianceLoop>();
        services.AddHostedService<SilentAgents>();
        services.AddSingleton<UpdateSignal>();
        services.AddSingleton<UpdateRunTools>();
        services.AddHostedService<MemberUpdates>();
        services.AddHostedService<UpdateRunController>();
        return services;
    }
}

/// <summary>Wakes this worker's controller; the rows say whether there is anything to do.</summary>
internal sealed class PlacementsReportedConsumer(PlacementSignal signal) : IConsumer<PlacementsReported>
{
    public Task Consume(ConsumeContext<PlacementsReported> context)
    {
        signal.Seen(context.Message.Placements);
        return Task.CompletedTask;
    }
}
