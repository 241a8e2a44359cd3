using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ControlPlane.Defaults;

/// <summary>The bus carries hints. RabbitMQ between processes when <c>RabbitMq:Uri</c> is set, else in memory within one.</summary>
public static class Bus
{
    public static IServiceCollection AddBus(this IServiceCollection services, IConfiguration configuration, Action<IBusRegistrationConfigurator>? consumers = null) =>
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            consumers?.Invoke(bus);
            // Without the bus everything goes on, only a little later: no reason to take a process out of service.
            bus.ConfigureHealthCheckOptions(health => health.MinimalFailureStatus = HealthStatus.Degraded);
            if (configuration["RabbitMq:Uri"] is { Length: > 0 } uri)
            {
                bus.UsingRabbitMq((context, rabbit) =>
                {
                    rabbit.Host(new Uri(uri));
                    rabbit.ConfigureEndpoints(context);
                });
            }
            else
            {
                bus.UsingInMemory((context, memory) => memory.ConfigureEndpoints(context));
            }
        });
}
