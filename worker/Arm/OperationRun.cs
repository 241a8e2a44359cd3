using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using NpgsqlTypes;

namespace ControlPlane.Worker.Arm;

/// <summary>One claim's worth of progress.</summary>
internal sealed class OperationRun<T, TStatus>(Operation<T, TStatus> definition, OperationRow operation, ResourceRow resource, StepContext<T, TStatus> context, OperationTools tools)
    where T : class, IResource<T, TStatus>
    where TStatus : class, new()
{
    private readonly IReadOnlyList<Step<T, TStatus>> steps = definition.Steps;
    private readonly List<StepState> history = [.. Json.Read<StepState[]>(operation.Steps)];
    private bool cancelRequested = operation.CancelRequestedAt is not null;

    private const string FailingSince = "failingSince";

    private DateTimeOffset Now => context.Lease.Now;

    public async Task AdvanceAsync(Lease lease, CancellationToken stop)
    {
        operation.StepCount = steps.Count;
        while (operation.NextStep < steps.Count)
        {
            if (await EndedByOthersAsync(lease))
                return;
            if (stop.IsCancellationRequested)
            {
                await SaveAsync(TimeSpan.Zero);
                return;
            }

            var step = steps[operation.NextStep];
            Begin(step);
            StepResult result;
            try
            {
                using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, lease.Lost);
                using var span = OperationTools.Traces.StartActivity(step.Name);
                span?.SetTag("operation.step", operation.NextStep);
                result = await step.RunAsync(context, both.Token);
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                // The process is stopping: the step runs again elsewhere, at once.
                context.DropAlso();
                await SaveAsync(TimeSpan.Zero);
                return;
            }
            catch (Exception) when (lease.Lost.IsCancellationRequested)
            {
                if (!await EndedByOthersAsync(lease))
                    throw new LeaseLostException(operation.Id);
                return;
            }
            catch (OperationFailedException failure)
            {
                await EndAsync(ProvisioningState.Failed, failure.Error);
                return;
            }
            catch (LeaseLostException)
            {
                throw;
            }
            catch (Exception failure)
            {
                tools.LogStepFailed(failure, step.Name, operation.ResourceId, operation.Attempts + 1);
                var patience = (failure as TransientStepException)?.Patience ?? TimeSpan.Zero;
                if (operation.Attempts == 0)
                    context.Remember(FailingSince, Now);
                if (++operation.Attempts >= OperationRunner.MaxAttempts && Now - context.Recall<DateTimeOffset>(FailingSince) >= patience)
                {
                    await EndAsync(ProvisioningState.Failed, Exhausted(step.Name, failure));
                    return;
                }

                context.Message = failure is TransientStepException ? $"{failure.Message} Trying again." : "An internal error occurred. Trying again.";
                context.DropAlso();
                await SaveAsync(OperationRunner.BackOff(operation.Attempts));
                return;
            }

            if (result.Wait is { } wait)
            {
                operation.Attempts = 0;
                await SaveAsync(wait);
                return;
            }

            Finish(result);
            if (operation.NextStep < steps.Count)
                await SaveAsync(wait: null);
        }

        await EndAsync(ProvisioningState.Succeeded, error: null);
    }

    /// <summary>Cancel and deadline are looked at before every step, by the database's clock.</summary>
    private async Task<bool> EndedByOthersAsync(Lease lease)
    {
        if (lease.Standing is LeaseStanding.DeadlinePassed || operation.DeadlineAt <= Now)
            await EndAsync(ProvisioningState.Failed, new("OperationTimedOut", $"The operation took longer than its limit, which ended at {operation.DeadlineAt:O}; its last step was {history.LastOrDefault()?.StepName}."));
        else if (cancelRequested || lease.Standing is LeaseStanding.CancelRequested)
            await EndAsync(ProvisioningState.Canceled, OperationRunner.Canceled);
        else
            return false;
        return true;
    }

    private void Begin(Step<T, TStatus> step)
    {
        var now = Now;
        operation.StepStartedAt ??= now;
        if (history.Count == 0 || history[^1].EndTime is not null)
            history.Add(new() { StepName = step.Name, Status = "Running", StartTime = now });
        context.Message = null;
    }

    private void Finish(StepResult result)
    {
        CloseStep("Succeeded", context.Message);
        operation.NextStep = result.Next is { } next ? IndexOf(next) : operation.NextStep + 1;
        operation.StepStartedAt = null;
        operation.Attempts = 0;
    }

    private int IndexOf(string name)
    {
        var index = steps.ToList().FindIndex(step => step.Name == name);
        return index >= 0 ? index : throw new InvalidOperationException($"{definition.GetType().Name} has no step '{name}'.");
    }

    private void CloseStep(string status, string? message)
    {
        if (history.Count > 0 && history[^1].EndTime is null)
            history[^1] = history[^1] with { Status = status, EndTime = Now, Message = message };
    }

    /// <summary>
    /// Cursor, memory and status in one fenced transaction; with a wait, the lease is given back. A process that stops finishes what it writes: it is little, and
    /// others need not wait for the lease then.
    /// </summary>
    private Task SaveAsync(TimeSpan? wait)
    {
        if (history.Count > 0 && history[^1].EndTime is null && context.Message is { } message)
            history[^1] = history[^1] with { Message = message };
        operation.Percent = Math.Max(operation.Percent, Math.Min(99, context.Percent ?? (100.0 * operation.NextStep / Math.Max(1, steps.Count))));
        return FencedTransaction.RunAsync(tools.Source, operation, async (transaction, token) =>
        {
            await context.RunAlsoAsync(transaction, token);
            cancelRequested |= await transaction.ScalarAsync<bool>("""
                update operations set next_step = $2, step_count = $3, step_started_at = $4, attempts = $5, percent = greatest(percent, $6), steps = $7::jsonb, memory = $8::jsonb,
                    due_at = case when $9::interval is null then due_at when cancel_requested_at is not null or wakes <> $10 then now() else least(now() + $9::interval, greatest(deadline_at, now())) end,
                    lease_until = case when $9::interval is null then lease_until else null end
                where id = $1 returning cancel_requested_at is not null
                """, token, operation.Id, operation.NextStep, operation.StepCount, operation.StepStartedAt is { } since ? since : NpgsqlDbType.TimestampTz, operation.Attempts, operation.Percent,
                Json.Write(history), context.Memory, wait is { } time ? time : NpgsqlDbType.Interval, operation.Wakes);
            await SaveStatusAsync(transaction, Status(ProvisioningState.Running, null, null), token);
        }, CancellationToken.None);
    }

    /// <summary>Operation, resource, usage and activity end together.</summary>
    private async Task EndAsync(ProvisioningState end, ErrorBody? error)
    {
        CloseStep(end is ProvisioningState.Succeeded ? "Succeeded" : end.ToString(), error?.Message ?? context.Message);
        await FencedTransaction.RunAsync(tools.Source, operation, async (transaction, token) =>
        {
            if (end is ProvisioningState.Succeeded)
                await context.RunAlsoAsync(transaction, token);
            await definition.OnEndAsync(context, transaction, end, token);
            await transaction.ExecuteAsync("""
                update operations set status = $2, ended_at = now(), lease_until = null, next_step = $3, step_count = $4, percent = case when $2 = 'Succeeded' then 100 else percent end,
                    steps = $5::jsonb, memory = '{}', error = $6::jsonb
                where id = $1
                """, token, operation.Id, end.ToString(), operation.NextStep, operation.StepCount, Json.Write(history), error is null ? null : Json.Write(error));
            await SaveStatusAsync(transaction, Status(end, Now, error), token, end);
            await transaction.ExecuteAsync("""
                insert into activities (at, subscription, resource_id, action, status, principal, correlation_id, operation_id) values (now(), $1, $2, $3, $4, $5, $6, $7)
                """, token, operation.Subscription, operation.ResourceId, $"{operation.ResourceType}/{(operation.Request == "put" ? "write" : operation.Request)}", end.ToString(),
                operation.Principal, operation.CorrelationId, operation.Id);
        }, CancellationToken.None);
        tools.Metrics.Ended(operation, end, Now);
        tools.LogEnded(operation.Request, operation.ResourceId, end, error?.Code);
    }

    private string Status(ProvisioningState state, DateTimeOffset? endedAt, ErrorBody? error)
    {
        var progress = new OperationProgress(operation.Id, operation.Request, operation.CorrelationId, state, operation.StartedAt, endedAt, history, error);
        context.Status = definition.Describe(context.Status, progress);
        return Json.Write(context.Status);
    }

    private async Task SaveStatusAsync(FencedTransaction transaction, string status, CancellationToken stop, ProvisioningState? end = null)
    {
        if (end is ProvisioningState.Succeeded && operation.Request == "delete")
        {
            await transaction.ExecuteAsync("delete from resources where key = $1", stop, resource.Key);
            await Quotas.ReleaseAsync(transaction.Connection, resource.Key, stop);
        }
        else if (end is { } state)
        {
            await transaction.ExecuteAsync("update resources set status = $2::jsonb, state = $3, version = version + 1 where key = $1", stop, resource.Key, status, state.ToString());
        }
        else
        {
            // The version is the ETag: it must not move while nothing does.
            await transaction.ExecuteAsync("update resources set status = $2::jsonb, version = version + 1 where key = $1 and status <> $2::jsonb", stop, resource.Key, status);
        }
    }

    private static ErrorBody Exhausted(string step, Exception failure) => failure is TransientStepException transient
        ? new(transient.Code, $"{step} was tried again and again: {transient.Message}")
        : OperationRunner.InternalError($"{step} failed {OperationRunner.MaxAttempts} times");
}
