using System.Diagnostics;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Worker.Arm;

/// <summary>Runs a claimed operation from its cursor on, until it ends, waits, or is lost.</summary>
internal abstract class OperationRunner
{
    public const int MaxAttempts = 5;

    public static ErrorBody Canceled { get; } = new("OperationCanceled", "The operation was canceled on request.");

    public static ErrorBody InternalError(string what) => new("InternalServerError", $"{what} on our side; the operation's id finds the reason in the logs.");

    /// <summary>0.5 s, 1 s, 2 s and so on, at most 10 s.</summary>
    public static TimeSpan BackOff(int attempts) => TimeSpan.FromMilliseconds(Math.Min(10_000, 250 * (1 << Math.Min(attempts, 6))));

    public abstract Task RunAsync(OperationRow operation, ResourceRow resource, Lease lease, CancellationToken stop);
}

internal sealed class OperationRunner<T, TStatus, TOperation>(TOperation definition, SecretBox secrets, OperationTools tools) : OperationRunner
    where T : class, IResource<T, TStatus>
    where TStatus : class, new()
    where TOperation : Operation<T, TStatus>
{
    public override async Task RunAsync(OperationRow operation, ResourceRow resource, Lease lease, CancellationToken stop)
    {
        using var story = OperationTools.Traces.StartActivity($"{operation.ResourceType}/{operation.Request}", ActivityKind.Consumer, operation.TraceParent);
        story?.SetTag("operation.id", operation.Id).SetTag("resource.id", operation.ResourceId);
        var context = new StepContext<T, TStatus>(operation, resource, lease, tools.Source, secrets, tools.Clock);
        await new OperationRun<T, TStatus>(definition, operation, resource, context, tools).AdvanceAsync(lease, stop);
    }
}

/// <summary>What every run needs: the store, the clock, and how it is observed.</summary>
internal sealed partial class OperationTools(NpgsqlDataSource source, TimeProvider clock, OperationMetrics metrics, ILogger<OperationRunner> logger)
{
    public static ActivitySource Traces { get; } = new(WorkerTelemetry.Name);
    public NpgsqlDataSource Source { get; } = source;
    public TimeProvider Clock { get; } = clock;
    public OperationMetrics Metrics { get; } = metrics;

    [LoggerMessage(LogLevel.Information, "{Request} of {ResourceId} ended: {State} {Code}")]
    public partial void LogEnded(string request, string resourceId, ProvisioningState state, string? code);

    [LoggerMessage(LogLevel.Warning, "{Step} of {ResourceId} failed, attempt {Attempt}")]
    public partial void LogStepFailed(Exception failure, string step, string resourceId, int attempt);
}
