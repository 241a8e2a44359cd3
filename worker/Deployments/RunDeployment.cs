using System.Collections.Concurrent;
using System.Diagnostics;
using System.Xml;
using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Authorization;
using ControlPlane.Admission.Deployments;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Deployments;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;
using Npgsql;

namespace ControlPlane.Worker.Deployments;

/// <summary>
/// Carries out a deployment: writes resources as soon as all that they wait for is there, through the same door as any client and as the principal who deployed.
/// A canceled one starts nothing more; what it has started goes on (as in Azure).
/// </summary>
[RunsOn("put")]
internal sealed class RunDeployment(DeploymentWrites deployments, ResourceWrites writes, ResourceLookup lookup, Authorizer authorizer, NpgsqlDataSource source, OperationPump pump) : Operation<Deployment, DeploymentStatus>
{
    private const int AtOnce = 8;
    private const int Wave = 64;

    /// <summary>Somebody else may write the same resource at the same moment.</summary>
    private const int Attempts = 5;

    public override IReadOnlyList<Step<Deployment, DeploymentStatus>> Steps => [Try(DeployResourcesAsync), Try(DeleteOthersAsync), Do(EvaluateOutputsAsync)];

    public override DeploymentStatus Describe(DeploymentStatus status, OperationProgress progress) => progress.EndedAt is { } end
        ? status with { Duration = XmlConvert.ToString(end > progress.StartedAt ? end - progress.StartedAt : TimeSpan.Zero), Error = progress.Error }
        : status;

    public override Task OnEndAsync(StepContext<Deployment, DeploymentStatus> context, FencedTransaction transaction, ProvisioningState end, CancellationToken stop) =>
        DeploymentRun.KeepAsync(transaction, context.Operation.Id, stop);

    private async Task<StepResult> DeployResourcesAsync(StepContext<Deployment, DeploymentStatus> context, CancellationToken stop)
    {
        var (plan, run) = (await PlanAsync(context, stop), new DeploymentRun(context, source));
        await run.ForgetEarlierAsync(stop);
        while (true)
        {
            await run.LoadAsync(stop);
            var (all, done) = (plan.Deployed.ToList(), plan.Deployed.Count(resource => run.IsDone(resource.Id)));
            context.Message = $"{done} of {all.Count} resources are deployed.";
            context.Percent = 90.0 * done / Math.Max(1, all.Count);
            var ready = run.Failed.Any() ? [] : Ready(plan, run).Take(Wave).ToList();
            var started = ready.Count > 0 ? await StartAsync(context, plan, run, ready, stop) : 0;
            if (started > 0)
                continue;
            if (run.HasRunning)
                return StepResult.WaitFor(Pause(context));
            if (run.Failed.Any())
                throw run.Failure();
            if (done == all.Count)
                return StepResult.Done;
            throw new OperationFailedException("InvalidTemplate", $"The resources that are left wait for each other: {string.Join(", ", all.Where(resource => !run.IsDone(resource.Id)).Take(10).Select(resource => $"'{resource.Path}'"))}.");
        }
    }

    /// <summary>Mode Complete: what the group has and the template does not goes, as far as the principal may and no lock holds it.</summary>
    private async Task<StepResult> DeleteOthersAsync(StepContext<Deployment, DeploymentStatus> context, CancellationToken stop)
    {
        var plan = await PlanAsync(context, stop);
        if (context.Wanted.Mode is DeploymentMode.Incremental)
            return StepResult.Done;
        var run = new DeploymentRun(context, source);
        await run.LoadAsync(stop);
        var left = await source.SurplusAsync(plan, stop);
        if (left.Count == 0)
            return StepResult.Done;
        var (grants, refusals, started) = (await authorizer.GrantsOfAsync(context.Operation.Principal, plan.Content.Groups, stop), new List<(Guid, ErrorBody?)>(), 0);
        foreach (var row in left.Where(row => run.Find(row.ResourceId, "Delete")?.State is null))
        {
            // What others refer to goes after them.
            if (await source.FindReferrerAsync(row, stop) is { } referrer && left.Any(other => other.Id == referrer))
                continue;
            await run.IntendAsync([row.ResourceId], "Delete", stop);
            var id = run.IdOf(row.ResourceId, "Delete");
            var request = new WriteRequest(row.ResourceId, ResourceTypes.Find(row.ResourceId.Type), CallerOf(context), grants) { OperationId = id, TraceParent = Activity.Current?.Id };
            try
            {
                await writes.DeleteAsync(request, new(), stop);
                started++;
            }
            catch (ArmException refusal)
            {
                refusals.Add((id, refusal.Error));
            }
        }

        await run.EndedAsync(refusals, stop);
        pump.Wake(interrupted: null);
        await run.LoadAsync(stop);
        if (started == 0 && !run.HasRunning && run.Failed.Any())
            throw run.Failure();
        context.Message = $"{left.Count} resources that the template does not have are left.";
        return StepResult.WaitFor(Pause(context));
    }

    private async Task EvaluateOutputsAsync(StepContext<Deployment, DeploymentStatus> context, CancellationToken stop)
    {
        var plan = await PlanAsync(context, stop);
        var grants = await authorizer.GrantsOfAsync(context.Operation.Principal, plan.Content.Groups, stop);
        try
        {
            var outputs = await new References(plan, resource => resource.IsEnabled, grants, source).EvaluateAsync((reference, faults) => Outputs.Evaluate(plan, reference, faults), stop);
            context.Status = context.Status with { Outputs = outputs, OutputResources = [.. plan.DeployedAtAnyDepth.Select(resource => new DeployedResource(resource.Id.Text))] };
        }
        catch (ArmException failure)
        {
            throw new OperationFailedException("DeploymentOutputEvaluationFailed", $"The resources are deployed, but outputs cannot be evaluated: {failure.Error.Message}", failure.Error.Details ?? [failure.Error]);
        }
    }

    /// <summary>Deterministic, so it is the same plan in every attempt.</summary>
    private static async Task<DeploymentPlan> PlanAsync(StepContext<Deployment, DeploymentStatus> context, CancellationToken stop)
    {
        var content = await context.SecretAsync("content", stop) ?? throw new InvalidOperationException("A deployment without content was stored.");
        return Planner.Plan(DeploymentContent.Parse(content), newGuid: null);
    }

    /// <summary>Not written yet (or written by an attempt that did not note it), and all before it are there.</summary>
    private static IEnumerable<PlannedResource> Ready(DeploymentPlan plan, DeploymentRun run) => plan.Resources.Index()
        .Where(one => one.Item is { IsEnabled: true, IsExisting: false } && run.Find(one.Item.Id)?.State is null
            && plan.Edges[one.Index].All(before => plan.Resources[before] is { IsEnabled: false } or { IsExisting: true } || run.IsDone(plan.Resources[before].Id)))
        .Select(one => one.Item);

    /// <summary>How many of those that were ready have been started, or refused.</summary>
    private async Task<int> StartAsync(StepContext<Deployment, DeploymentStatus> context, DeploymentPlan plan, DeploymentRun run, IReadOnlyList<PlannedResource> ready, CancellationToken stop)
    {
        var grants = await authorizer.GrantsOfAsync(context.Operation.Principal, plan.Content.Groups, stop);
        var references = new References(plan, resource => resource.IsExisting || (resource.IsEnabled && run.IsDone(resource.Id)), grants, source);
        var (bodies, ended) = (new List<(PlannedResource Resource, TemplateObject Body)>(), new ConcurrentBag<(Guid, ErrorBody?)>());
        var refused = new List<PlannedResource>();
        foreach (var resource in ready)
        {
            try
            {
                var body = resource.IsDeferred ? await references.EvaluateAsync(resource.Evaluate, stop) : resource.Preview;
                if (body is not null)
                    bodies.Add((resource, body));
            }
            catch (ArmException failure)
            {
                refused.Add(resource);
                ended.Add((run.IdOf(resource.Id), failure.Error));
            }
        }

        var repeated = bodies.Select(one => one.Resource).Where(resource => run.Find(resource.Id) is not null).ToHashSet();
        await run.IntendAsync([.. bodies.Select(one => one.Resource.Id), .. refused.Select(resource => resource.Id)], "Create", stop);
        await Parallel.ForEachAsync(bodies, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stop }, async (one, token) =>
        {
            try
            {
                if (repeated.Contains(one.Resource) && await IsWrittenAsync(context, run, one.Resource, token))
                    ended.Add((run.IdOf(one.Resource.Id), null));
                else if ((await PutAsync(context, plan, run, one.Resource, one.Body, grants, token)).Operation is null)
                    ended.Add((run.IdOf(one.Resource.Id), null));
            }
            catch (ArmException failure)
            {
                // A worker that was taken for dead may have been in the middle of this write.
                if (await lookup.AcceptedAsync(run.IdOf(one.Resource.Id), token) is null)
                    ended.Add((run.IdOf(one.Resource.Id), failure.Error));
            }
        });
        var secure = new SecureValues(plan);
        await run.EndedAsync([.. ended.Select(one => (one.Item1, one.Item2 is { } error ? secure.Hide(error) : null))], stop);
        pump.Wake(interrupted: null);
        return bodies.Count + refused.Count;
    }

    private async Task<Written> PutAsync(StepContext<Deployment, DeploymentStatus> context, DeploymentPlan plan, DeploymentRun run, PlannedResource resource, TemplateObject body, Grants grants, CancellationToken stop)
    {
        var caller = CallerOf(context);
        var request = new WriteRequest(resource.Id, Preflight.TypeOf(resource, grants, caller), caller, grants) { ApiVersion = resource.ApiVersion, OperationId = run.IdOf(resource.Id), TraceParent = Activity.Current?.Id };
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return resource.Template is null ? await writes.PutAsync(request, TemplateValue.ToElement(body), stop) : await deployments.PutNestedAsync(request, resource, body, plan, stop);
            }
            catch (ArmException lostRace) when (lostRace is { Status: 409, RetryAfter: not null } && attempt < Attempts)
            {
                context.Message = lostRace.Error.Message;
            }
        }
    }

    /// <summary>A type that is complete once stored leaves no operation behind: what was last written since the intent, and by the same principal, was written by it.</summary>
    private async Task<bool> IsWrittenAsync(StepContext<Deployment, DeploymentStatus> context, DeploymentRun run, PlannedResource resource, CancellationToken stop) =>
        ResourceTypes.TryFind(resource.Id.Type)?.CompletesOnWrite is true && await source.FindResourceAsync(resource.Id.Key, stop) is { } row && row.ModifiedBy == context.Operation.Principal && row.ModifiedAt >= run.Find(resource.Id)!.StartedAt;

    private static Caller CallerOf(StepContext<Deployment, DeploymentStatus> context) => new(context.Operation.Principal, context.Resource.ModifiedByType, context.Operation.CorrelationId);

    /// <summary>Looks often at first, and seldom at what takes long.</summary>
    private static TimeSpan Pause(StepContext<Deployment, DeploymentStatus> context) => TimeSpan.FromSeconds(Math.Clamp(context.InStepFor.TotalSeconds / 20, 0.15, 3));
}

/// <summary>Forgets a deployment; what it deployed stays.</summary>
[RunsOn("delete")]
internal sealed class DeleteDeployment : Operation<Deployment, DeploymentStatus>
{
    public override IReadOnlyList<Step<Deployment, DeploymentStatus>> Steps => [];
}
