using Polly;
using Polly.Retry;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>What is sent again within one call. A time-out never is: it took long enough, and a write may have happened.</summary>
internal sealed class RedfishRetry(RedfishOptions options, TimeProvider clock)
{
    /// <summary>GET: on a broken connection and on any 5xx, but not when it was the log-in before it that failed: each one may leave a session behind.</summary>
    public ResiliencePipeline Reads { get; } = Build(options, clock, fault =>
        fault.NothingWasDone || (fault.Failure is RedfishFailure.Unreachable or RedfishFailure.Busy && !fault.WasWrite));

    /// <summary>All else: only when the BMC promised by a known code that nothing was done.</summary>
    public ResiliencePipeline Writes { get; } = Build(options, clock, fault => fault.NothingWasDone);

    private static ResiliencePipeline Build(RedfishOptions options, TimeProvider clock, Func<RedfishException, bool> again)
    {
        var pipeline = new ResiliencePipelineBuilder { TimeProvider = clock };
        if (options.Attempts < 2) return pipeline.Build();
        return pipeline.AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = options.Attempts - 1,
            ShouldHandle = new PredicateBuilder().Handle(again),
            DelayGenerator = retry => ValueTask.FromResult<TimeSpan?>(
                retry.Outcome.Exception is RedfishException { RetryAfter: { } asked } && asked < options.RetryDelay ? asked : options.RetryDelay),
        }).Build();
    }
}
