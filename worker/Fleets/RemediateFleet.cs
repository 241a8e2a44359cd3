using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Authorization;
using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>Writes an update run of exactly the members that a remediation is about, and starts it. From then on it is a run like any other: it can be stopped, goes on, and shows how each member stands.</summary>
[RunsOn("remediate")]
internal sealed class RemediateFleet(ResourceWrites writes, NpgsqlDataSource source, OperationPump pump) : Operation<Fleet, NoStatus>
{
    private static readonly ResourceType UpdateRuns = new("Microsoft.ContainerService", "fleets/updateRuns");

    /// <summary>Whoever may remediate a fleet may do this of its runs, and nothing else.</summary>
    private static readonly Role Allowed = new([new() { Actions = ["Microsoft.ContainerService/fleets/updateRuns/*", "Microsoft.ContainerService/fleets/updateStrategies/read"] }]);

    public override IReadOnlyList<Step<Fleet, NoStatus>> Steps =>
        [Do(ChooseClustersAsync), Try(WriteUpdateRunAsync), WaitUntil(UpdateRunIsWrittenAsync, TimeSpan.FromMinutes(10), "UpdateRunNotWritten", "The update run was not written in time."), Try(StartUpdateRunAsync)];

    /// <summary>Once and for all: a cluster that is exposed later is not part of it.</summary>
    private async Task ChooseClustersAsync(StepContext<Fleet, NoStatus> context, CancellationToken stop)
    {
        var parameters = context.Parameters<RemediateParameters>();
        try
        {
            var (remedy, fault) = await Remedy.FindAsync(source, context.Id, parameters, stop);
            if (fault is not null)
                throw new OperationFailedException(fault.Code, fault.Message);
            if (ResourceTypes.TryFind(UpdateRuns) is null)
                throw new OperationFailedException("UpdateRunsNotSupported", $"{remedy!.Members.Count} clusters are meant, and this control plane has no update runs to remedy them by.");
            var run = parameters.UpdateRunName ?? $"remediate-{context.Operation.Id:N}";
            if (await context.FindAsync(IdOf(context, run).Key, stop) is not null)
                throw new OperationFailedException("UpdateRunExists", $"There is an update run '{run}' already; give another updateRunName.");
            context.Remember("run", run);
            context.Remember("remedy", remedy);
        }
        catch (ArmException refusal)
        {
            throw new OperationFailedException(refusal.Error.Code, refusal.Error.Message);
        }
    }

    private async Task<StepResult> WriteUpdateRunAsync(StepContext<Fleet, NoStatus> context, CancellationToken stop)
    {
        var (id, remedy, parameters) = (RunOf(context), context.Recall<Remedy>("remedy")!, context.Parameters<RemediateParameters>());
        context.Message = $"{remedy.Members.Count} clusters are remedied by {id.Text}.";
        return await context.FindAsync(id.Key, stop) is not null ? StepResult.Done
            : await AskAsync(() => writes.PutAsync(Request(context, id), Json.Element(Body(remedy, parameters)), stop));
    }

    private async Task<bool> UpdateRunIsWrittenAsync(StepContext<Fleet, NoStatus> context, CancellationToken stop)
    {
        var run = await context.FindAsync(RunOf(context).Key, stop) ?? throw new OperationFailedException("UpdateRunGone", "The update run was deleted before it was started.");
        return run.State is ProvisioningState.Failed or ProvisioningState.Canceled ? throw new OperationFailedException("UpdateRunNotWritten", $"'{run.Id}' is {run.State}; its last operation says why.") : run.State.IsTerminal();
    }

    private Task<StepResult> StartUpdateRunAsync(StepContext<Fleet, NoStatus> context, CancellationToken stop)
    {
        var type = ResourceTypes.Find(UpdateRuns);
        // Asked twice, it is known by the id of this operation.
        return AskAsync(() => writes.ActAsync(Request(context, RunOf(context)) with { ClientRequestId = context.Operation.Id.ToString() }, type.Actions.Single(action => action.Name == "start"), body: null, stop));
    }

    /// <summary>What is busy is asked again; what is refused ends it.</summary>
    private async Task<StepResult> AskAsync(Func<Task<Written>> write)
    {
        try
        {
            await write();
            pump.Wake(interrupted: null);
            return StepResult.Done;
        }
        catch (ArmException busy) when (busy.RetryAfter is not null)
        {
            return StepResult.WaitFor(TimeSpan.FromMilliseconds(300));
        }
        catch (ArmException refusal)
        {
            throw new OperationFailedException(refusal.Error.Code, refusal.Error.Message, refusal.Error.Details);
        }
    }

    private static JsonObject Body(Remedy remedy, RemediateParameters parameters)
    {
        var properties = new JsonObject
        {
            ["members"] = new JsonArray([.. remedy.Members.Select(member => (JsonNode)member)]),
            ["managedClusterUpdate"] = remedy.Target.NodeImage is { Length: > 0 } image
                ? new JsonObject
                {
                    ["upgrade"] = new JsonObject { ["type"] = "NodeImageOnly" },
                    ["nodeImageSelection"] = new JsonObject { ["type"] = "Custom", ["customNodeImageVersions"] = new JsonArray(new JsonObject { ["version"] = image }) },
                }
                : new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "AddonVersion", ["addonVersion"] = new JsonObject { ["name"] = remedy.Target.AddOn, ["version"] = remedy.Target.Version } } },
        };
        if (parameters.Strategy is { ValueKind: JsonValueKind.Object } strategy)
            properties["strategy"] = JsonObject.Create(strategy);
        if (parameters.UpdateStrategyId is { } id)
            properties["updateStrategyId"] = id;
        if (parameters.MaxConcurrency is { } share)
            properties["maxConcurrency"] = share;
        return new() { ["properties"] = properties };
    }

    private static WriteRequest Request(StepContext<Fleet, NoStatus> context, ResourceId run) => new(run, ResourceTypes.Find(UpdateRuns), new Caller(context.Operation.Principal, context.Resource.ModifiedByType, context.Operation.CorrelationId),
        new Grants([new(context.Id.Key, Allowed)]));

    private static ResourceId RunOf(StepContext<Fleet, NoStatus> context) => IdOf(context, context.Recall<string>("run")!);

    private static ResourceId IdOf(StepContext<Fleet, NoStatus> context, string run) => ResourceId.Create(context.Id.Subscription, context.Id.ResourceGroup, UpdateRuns, [context.Id.Name, run]);
}
