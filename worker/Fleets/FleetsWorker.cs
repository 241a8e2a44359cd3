namespace ControlPlane.Worker.Fleets;

internal static class FleetsWorker
{
    public static IServiceCollection AddFleets(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<FleetOptions>().Bind(configuration.GetSection("Fleets"));
        services.AddSingleton<PlacementSignal>();
        services.AddSingleton<KubernetesKinds>();
        services.AddSingleton<MemberConnections>();
        services.AddSingleton<PreparedRevisions>();
        services.AddSingleton<BindingApplier>();
        services.AddSingleton<PlacementTools>();
        services.AddHostedService<BindingPump>();
        services.AddHostedService<PlacementController>();
        services.AddSingleton<UpdateSignal>();
        services.AddSingleton<UpdateRunTools>();
        services.AddHostedService<MemberUpdates>();
        services.AddHostedService<UpdateRunController>();
        return services;
    }
}
