namespace ControlPlane.Worker.Fleets;

internal static class FleetsWorker
{
    public static IServiceCollection AddFleets(this IServiceCollection services)
    {
        services.AddSingleton<PlacementSignal>();
        services.AddSingleton<KubernetesKinds>();
        services.AddSingleton<MemberConnections>();
        services.AddSingleton<PreparedRevisions>();
        services.AddSingleton<BindingApplier>();
        services.AddSingleton<PlacementTools>();
        services.AddHostedService<BindingPump>();
        services.AddHostedService<PlacementController>();
        services.AddHostedService<InsightLoop>();
        services.AddSingleton<NodeCordons>();
        services.AddHostedService<ComplianceLoop>();
        return services;
    }
}
