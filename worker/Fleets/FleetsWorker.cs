namespace ControlPlane.Worker.Fleets;

internal static class FleetsWorker
{
    public static IServiceCollection AddFleets(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<BindingOptions>().Bind(configuration.GetSection("Fleets")).Validate(o => o.Lease >= TimeSpan.FromSeconds(1) && o.Concurrency > 0, "Fleets: Lease must be at least 1 s, Concurrency more than 0.").ValidateOnStart();
        services.AddSingleton<PlacementSignal>();
        services.AddSingleton<KubernetesKinds>();
        services.AddSingleton<MemberConnections>();
        services.AddSingleton<PreparedRevisions>();
        services.AddSingleton<BindingApplier>();
        services.AddSingleton<PlacementTools>();
        services.AddHostedService<BindingPump>();
        services.AddHostedService<InventoryLoop>();
        services.AddHostedService<ConnectivityLoop>();
        services.AddHostedService<PlacementController>();
        return services;
    }
}
