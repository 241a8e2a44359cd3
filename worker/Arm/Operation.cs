using System.Runtime.CompilerServices;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Worker.Arm;

/// <summary>
/// A long-running operation written as the list of its steps. Each step is idempotent: it looks at the world, moves it, and notes it. After a crash the step that was
/// under way runs again, and the ones before it do not.
/// </summary>
internal abstract class Operation<T, TStatus>
    where T : class, IResource<T, TStatus>
    where TStatus : class, new()
{
    public abstract IReadOnlyList<Step<T, TStatus>> Steps { get; }

    /// <summary>The status to store with every save, given where the operation stands; also the last word when it ends.</summary>
    public virtual TStatus Describe(TStatus status, OperationProgress progress) => status;

    /// <summary>Runs in the transaction that ends the operation, whatever its end: the place to give things back exactly once.</summary>
    public virtual Task OnEndAsync(StepContext<T, TStatus> context, FencedTransaction transaction, ProvisioningState end, CancellationToken stop) => Task.CompletedTask;

    /// <summary>A step that is over when <paramref name="act"/> returns.</summary>
    protected static Step<T, TStatus> Do(Func<StepContext<T, TStatus>, CancellationToken, Task> act, [CallerArgumentExpression(nameof(act))] string name = "") =>
        new(Name(name), async (context, stop) =>
        {
            await act(context, stop);
            return StepResult.Done;
        });

    /// <summary>A step that says itself whether it is over, waits, or goes elsewhere.</summary>
    protected static Step<T, TStatus> Try(Func<StepContext<T, TStatus>, CancellationToken, Task<StepResult>> act, [CallerArgumentExpression(nameof(act))] string name = "") =>
        new(Name(name), act);

    /// <summary>Looks every <paramref name="every"/> whether <paramref name="ready"/>, and fails with <paramref name="code"/> when that lasts longer than <paramref name="upTo"/>.</summary>
    protected static Step<T, TStatus> WaitUntil(
        Func<StepContext<T, TStatus>, CancellationToken, Task<bool>> ready, TimeSpan upTo, string code, string orFail, TimeSpan? every = null, [CallerArgumentExpression(nameof(ready))] string name = "") =>
        new(Name(name), async (context, stop) =>
            await ready(context, stop) ? StepResult.Done
            : context.InStepFor > upTo ? throw new OperationFailedException(code, orFail)
            : StepResult.WaitFor(every ?? TimeSpan.FromSeconds(1)));

    /// <summary>A method reference without its receiver and without Async: what people read in a step list.</summary>
    private static string Name(string expression)
    {
        var name = expression[(expression.LastIndexOf('.') + 1)..];
        return name.EndsWith("Async", StringComparison.Ordinal) ? name[..^5] : name;
    }
}

/// <summary>One idempotent step.</summary>
internal sealed record Step<T, TStatus>(string Name, Func<StepContext<T, TStatus>, CancellationToken, Task<StepResult>> RunAsync)
    where T : class, IResource<T, TStatus>
    where TStatus : class, new();

/// <summary>What comes after a step has run once: the next step, another look later, or another step.</summary>
internal sealed record StepResult(TimeSpan? Wait = null, string? Next = null)
{
    public static StepResult Done { get; } = new();

    /// <summary>A wait holds nothing: the row gets a due time and the lease is given back.</summary>
    public static StepResult WaitFor(TimeSpan time) => new(Wait: time);

    /// <summary>Goes on with the step of that name, earlier or later.</summary>
    public static StepResult GoTo(string step) => new(Next: step);
}

/// <summary>The operation cannot succeed: the caller's or the world's fault, with a code to branch on, a sentence that says what to do, and evidence.</summary>
internal sealed class OperationFailedException(string code, string message, IReadOnlyList<ErrorBody>? details = null, object? evidence = null) : Exception(message)
{
    public ErrorBody Error { get; } = new(code, message, Details: details, AdditionalInfo: evidence is null ? null : [new("Evidence", Json.Element(evidence))]);
}

/// <summary>
/// The world hiccuped: the step runs again after a back-off, <see cref="OperationRunner.MaxAttempts"/> times and as long as <paramref name="patience"/> lasts, and then
/// fails with <paramref name="code"/>.
/// </summary>
internal sealed class TransientStepException(string code, string message, Exception? cause = null, TimeSpan patience = default) : Exception(message, cause)
{
    public string Code { get; } = code;
    public TimeSpan Patience { get; } = patience;
}

/// <summary>Where an operation stands, as its resource's status shows it.</summary>
internal sealed record OperationProgress(
    Guid OperationId, string Request, string CorrelationId, ProvisioningState State, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, IReadOnlyList<StepState> Steps, ErrorBody? Error);

/// <summary>Which request to its resource type an <see cref="Operation{T,TStatus}"/> carries out: <c>put</c>, <c>delete</c> or the name of an action.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class RunsOnAttribute(string request) : Attribute
{
    public string Request { get; } = request;
}
