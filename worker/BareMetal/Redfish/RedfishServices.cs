using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Registers <see cref="RedfishConnector"/> for the process.</summary>
internal static class RedfishServices
{
    public static IServiceCollection AddRedfish(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RedfishOptions>()
            .Bind(configuration.GetSection(RedfishOptions.Section))
            .ValidateDataAnnotations()
            .Validate(options => options.ManagementNetworks.All(block => System.Net.IPNetwork.TryParse(block, out _)), "BareMetal:ManagementNetworks must be CIDR blocks, such as 10.20.0.0/16.")
            .ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new RedfishConnector(
            provider.GetRequiredService<IOptions<RedfishOptions>>().Value,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedfishConnector>>()));
        return services;
    }
}
