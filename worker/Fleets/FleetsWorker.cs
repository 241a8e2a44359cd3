using ControlPlane.Kubernetes;

namespace ControlPlane.Worker.Fleets;

internal static class FleetsWorker
{
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
