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

    public static IServiceCollection AddFleets(this IServiceCollection services)
    {
        services.AddSingleton<PlacementSignal>();
        services.AddSingleton<KubernetesKinds>();
        services.AddSingleton<MemberConnections>();
        services.AddSingleton<MemberApplier>();
        services.AddSingleton<BindingApplier>();
        services.AddSingleton<PlacementTools>();
        services.AddHostedService<BindingPump>();
        services.AddHostedService<PlacementController>();
        services.AddHostedService<SilentAgents>();
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
