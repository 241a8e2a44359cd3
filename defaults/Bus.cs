using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Defaults;

/// <summary>The bus carries hints. RabbitMQ between processes when <c>RabbitMq:Uri</c> is set, else in memory within one.</summary>
public static class Bus
{
    public static IServiceCollection AddBus(this IServiceCollection services, IConfiguration configuration, Action<IBusRegistrationConfigurator>? consumers = null) =>
        services.AddMassTransit(bus =>
        {
            consumers?.Invoke(bus);
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
