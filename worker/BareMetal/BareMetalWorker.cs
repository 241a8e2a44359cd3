using ControlPlane.Worker.BareMetal.Redfish;

namespace ControlPlane.Worker.BareMetal;

internal static class BareMetalWorker
{
    public static IServiceCollection AddBareMetal(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddRedfish(configuration);
        services.AddSingleton<ImageKeys>();
        return services;
    }
}
