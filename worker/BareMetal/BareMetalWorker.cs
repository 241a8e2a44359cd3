using ControlPlane.Worker.BareMetal.Redfish;

namespace ControlPlane.Worker.BareMetal;

internal static class BareMetalWorker
{
    public static IServiceCollection AddBareMetal(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddRedfish(configuration);
        services.AddOptions<MachineTimeouts>().Bind(configuration.GetSection("BareMetal:Timeouts"));
        services.AddSingleton<ImageKeys>();
        services.AddSingleton<Attempts>();
        services.AddSingleton<MachineBmc>();
        services.AddSingleton<InspectionSteps>();
        services.AddSingleton<PowerSteps>();
        services.AddSingleton<BootSteps>();
        services.AddSingleton<NodeSteps>();
        services.AddSingleton<RackMachines>();
        return services;
    }
}
