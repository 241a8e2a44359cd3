using System.Diagnostics;
using System.Diagnostics.Metrics;
using ControlPlane.Admission;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using MassTransit;

namespace ControlPlane.Worker.Arm;

internal static class WorkerServices
{
    /// <summary>Every worker has a queue of its own, gone with it: all that have room look at once, and whoever holds an interrupted operation hears of it.</summary>
    public static void AddHints(this IBusRegistrationConfigurator bus) => bus.AddConsumer<OperationDueConsumer>().Endpoint(endpoint =>
    {
        endpoint.InstanceId = $"-{Guid.NewGuid():N}";
        endpoint.Temporary = true;
    });

    /// <summary>The engine: every operation of this assembly, the pump that runs them, and what they share.</summary>
    public static IServiceCollection AddOperations(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(OperationRegistry.Register(services));
        services.AddOptions<OperationOptions>().Bind(configuration.GetSection("Operations"))
            .Validate(o => o.Lease >= TimeSpan.FromSeconds(1) && o.Concurrency > 0 && o.Sweep > TimeSpan.Zero, "Operations: Lease must be at least 1 s, Concurrency and Sweep more than 0.").ValidateOnStart();
        services.AddSingleton<OperationClaims>();
        services.AddSingleton<OperationMetrics>();
        services.AddSingleton<OperationTools>();
        services.AddAdmission();
        services.AddSingleton<OperationPump>();
        services.AddHostedService(provider => provider.GetRequiredService<OperationPump>());
        return services;
    }
}

/// <summary>Wakes this worker; the row in PostgreSQL says whether there is anything to do.</summary>
internal sealed class OperationDueConsumer(OperationPump pump) : IConsumer<OperationDue>
{
    public Task Consume(ConsumeContext<OperationDue> context)
    {
        pump.Wake(context.Message.Interrupted);
        return Task.CompletedTask;
    }
}

internal static class WorkerTelemetry
{
    public const string Name = "ControlPlane.Worker";
}

/// <summary>Facts about operations per kind, under OpenTelemetry's names.</summary>
internal sealed class OperationMetrics(IMeterFactory meters)
{
    private readonly Histogram<double> duration = meters.Create(WorkerTelemetry.Name)
        .CreateHistogram<double>("controlplane.operation.duration", "s", "Time from acceptance to the end of an operation");

    public void Ended(OperationRow operation, ProvisioningState end, DateTimeOffset at) => duration.Record((at - operation.StartedAt).TotalSeconds, new TagList
    {
        { "operation.kind", $"{operation.ResourceType}/{operation.Request}" },
        { "operation.outcome", end.ToString() },
    });
}
