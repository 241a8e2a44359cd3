using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Worker.Arm;
using Npgsql;
using PlacementContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.Fleets.ClusterResourcePlacement, ControlPlane.Contracts.Fleets.PlacementStatus>;
using PlacementStep = ControlPlane.Worker.Arm.Step<ControlPlane.Contracts.Fleets.ClusterResourcePlacement, ControlPlane.Contracts.Fleets.PlacementStatus>;

namespace ControlPlane.Worker.Fleets;

/// <summary>What every operation of a placement does at its end: tell who applies, and show how the placement stands.</summary>
internal sealed class PlacementTools(NpgsqlDataSource source, PlacementSignal signal)
{
    public NpgsqlDataSource Source => source;

    public async Task ShowAsync(PlacementContext context, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        context.Status = await PlacementStatuses.ReadAsync(connection, context.Resource.Key, context.Status, stop) ?? context.Status;
        signal.Seen([]);
        signal.Work();
    }

    /// <summary>The placement's row, held until the transaction ends.</summary>
    public static async Task<PlacementNumbers> HoldAsync(FencedTransaction transaction, string resourceKey, CancellationToken stop)
    {
        await using var command = Sql.Command(transaction.Connection, "select id, latest_revision, coalesce(completed_revision, 0) from placements where resource_key = $1 for update", resourceKey);
        await using var row = await command.ExecuteReaderAsync(stop);
        return await row.ReadAsync(stop) ? new(row.GetInt32(0), row.GetInt32(1), row.GetInt32(2)) : throw new OperationFailedException("PlacementNotReady", "The placement was never carried out; PUT it again.");
    }
}

/// <summary>0 stands for a revision that there is not.</summary>
internal sealed record PlacementNumbers(int Id, int Latest, int Completed);

/// <summary>Records the revision, decides where the placement goes, and starts the run that brings it there. The run is not waited for: it may hold for days.</summary>
[RunsOn("put")]
internal sealed class WritePlacement(PlacementTools tools) : Operation<ClusterResourcePlacement, PlacementStatus>
{
    public override IReadOnlyList<PlacementStep> Steps => [Do(RecordAndScheduleAsync), Do(tools.ShowAsync)];

    private async Task RecordAndScheduleAsync(PlacementContext context, CancellationToken stop)
    {
        try
        {
            await context.InTransactionAsync(async (transaction, token) =>
            {
                var (placement, revision) = await Revisions.RecordAsync(transaction, context.Id, context.Wanted, context.Operation.Principal, token);
                var members = await FleetMembers.ReadAsync(transaction.Connection, context.Id.Parent!.Key, token);
                context.Message = await Scheduling.RunAsync(transaction.Connection, context.Resource.Key, placement, context.Wanted, members, token);
                var numbers = await PlacementTools.HoldAsync(transaction, context.Resource.Key, token);
                var isUnderWay = await transaction.ScalarAsync<int>("select count(*)::int from rollout_runs where placement_id = $1 and ended_at is null and revision = $2 and kind = 'Rollout'", token, placement, revision) > 0;
                if (!isUnderWay && numbers.Completed != revision)
                    await RolloutRuns.StartAsync(transaction.Connection, placement, RolloutKind.Rollout, revision, numbers.Completed, context.Wanted.Strategy, members, token);
                await RolloutRuns.AdvanceAsync(transaction.Connection, placement, token);
            }, stop);
        }
        catch (StagesMissMembersException fault)
        {
            throw new OperationFailedException("StagesMissMembers", fault.Message);
        }
    }
}

/// <summary>Takes the objects from every member, in the opposite order, and then forgets the placement; with forceDeletion they stay where they are.</summary>
[RunsOn("delete")]
internal sealed class DeletePlacement(PlacementTools tools) : Operation<ClusterResourcePlacement, PlacementStatus>
{
    public override IReadOnlyList<PlacementStep> Steps => [Do(UnscheduleAsync), Try(WaitForRemovalAsync), Try(DeleteEvictionsAsync)];

    private async Task UnscheduleAsync(PlacementContext context, CancellationToken stop)
    {
        await context.InTransactionAsync(async (transaction, token) =>
        {
            if (await transaction.ScalarAsync<int>("select id from placements where resource_key = $1 for update", token, context.Resource.Key) is not (> 0 and var placement))
                return;
            await transaction.ExecuteAsync("update rollout_runs set state = 'Superseded', ended_at = now(), message = 'The placement is being deleted.' where placement_id = $1 and ended_at is null", token, placement);
            var isForgotten = context.Parameters<DeleteParameters>().ForceDeletion;
            await Scheduling.UnscheduleAsync(transaction.Connection, placement, [], isForgotten ? DeletePropagation.Abandon : context.Wanted.DeleteStrategy.PropagationPolicy, token);
        }, stop);
        await tools.ShowAsync(context, stop);
    }

    private async Task<StepResult> WaitForRemovalAsync(PlacementContext context, CancellationToken stop)
    {
        await tools.ShowAsync(context, stop);
        var summary = context.Status.Summary;
        if (summary is null || summary.Removing == 0 || context.Parameters<DeleteParameters>().ForceDeletion)
            return StepResult.Done;
        context.Message = $"{summary.Removing} members still have objects of the placement.";
        return StepResult.WaitFor(TimeSpan.FromMilliseconds(300));
    }

    /// <summary>Evictions mean nothing without the placement: they go with it, once nobody is at them.</summary>
    private static async Task<StepResult> DeleteEvictionsAsync(PlacementContext context, CancellationToken stop)
    {
        var left = 0;
        await context.InTransactionAsync(async (transaction, token) =>
        {
            await transaction.ExecuteAsync("delete from resources where parent_key = $1 and type = $2 and state in ('Succeeded', 'Failed', 'Canceled')", token, context.Resource.Key, PlacementEviction.Type.ToString());
            left = await transaction.ScalarAsync<int>("select count(*)::int from resources where parent_key = $1", token, context.Resource.Key);
        }, stop);
        return left == 0 ? StepResult.Done : StepResult.WaitFor(TimeSpan.FromMilliseconds(300));
    }
}

/// <summary>Brings every member back to an earlier revision, before all other work, and waits until those that can be reached are there.</summary>
[RunsOn("rollback")]
internal sealed class RollBack(PlacementTools tools) : Operation<ClusterResourcePlacement, PlacementStatus>
{
    private const string Run = "run";

    public override IReadOnlyList<PlacementStep> Steps => [Do(TurnBackAsync), Try(WaitForMembersAsync)];

    private async Task TurnBackAsync(PlacementContext context, CancellationToken stop)
    {
        var parameters = context.Parameters<RollbackParameters>();
        if (context.Recall<long>(Run) == 0)
        {
            await context.InTransactionAsync(async (transaction, token) =>
            {
                var numbers = await PlacementTools.HoldAsync(transaction, context.Resource.Key, token);
                var revision = parameters.Revision ?? await EarlierAsync(transaction, numbers, token);
                if (await transaction.ScalarAsync<int>("select revision from placement_revisions where placement_id = $1 and revision = $2", token, numbers.Id, revision) == 0)
                    throw new OperationFailedException("RevisionNotFound", $"Revision {revision} is not kept any more; GET {context.Id.Text}/revisions lists those that are.");
                var members = await FleetMembers.ReadAsync(transaction.Connection, context.Id.Parent!.Key, token);
                var run = await RolloutRuns.StartAsync(transaction.Connection, numbers.Id, RolloutKind.Rollback, revision, previous: null, RolloutRuns.Whole(context.Wanted.Strategy, parameters.MaxConcurrency), members, token);
                await RolloutRuns.AdvanceAsync(transaction.Connection, numbers.Id, token);
                context.Remember(Run, run);
            }, stop);
        }

        await tools.ShowAsync(context, stop);
    }

    private async Task<StepResult> WaitForMembersAsync(PlacementContext context, CancellationToken stop)
    {
        await tools.ShowAsync(context, stop);
        var run = context.Status.Rollout;
        if (run is null || run.State is RolloutState.RolledBack)
            return StepResult.Done;
        if (!run.State.IsActive())
            throw new OperationFailedException(run.State is RolloutState.Superseded ? "RollbackSuperseded" : "RollbackIncomplete", run.Message ?? "Some members could not be brought back.");
        context.Message = $"{run.Clusters.Healthy} of {run.Clusters.Total} members are back.";
        context.Percent = run.Clusters.Total == 0 ? 100 : 100.0 * (run.Clusters.Total - run.Clusters.Pending - run.Clusters.Updating) / run.Clusters.Total;
        return StepResult.WaitFor(TimeSpan.FromMilliseconds(200));
    }

    /// <summary>What was rolled out whole before what is there, or on its way, now.</summary>
    private static async Task<int> EarlierAsync(FencedTransaction transaction, PlacementNumbers numbers, CancellationToken stop)
    {
        if (numbers.Completed > 0 && await transaction.ScalarAsync<int>("select revision from rollout_runs where placement_id = $1 and kind = 'Rollout' order by number desc limit 1", stop, numbers.Id) != numbers.Completed)
            return numbers.Completed;
        var earlier = await transaction.ScalarAsync<int>("""
            select revision from rollout_runs where placement_id = $1 and state in ('Succeeded', 'RolledBack') and revision < $2 order by number desc limit 1
            """, stop, numbers.Id, numbers.Completed > 0 ? numbers.Completed : numbers.Latest);
        return earlier > 0 ? earlier : throw new OperationFailedException("NoEarlierRevision", "No other revision was ever rolled out whole; name one in 'revision'.");
    }
}

[RunsOn("pause")]
internal sealed class PauseRollout(PlacementTools tools) : Operation<ClusterResourcePlacement, PlacementStatus>
{
    public override IReadOnlyList<PlacementStep> Steps => [Do(PauseAsync), Do(tools.ShowAsync)];

    private static Task PauseAsync(PlacementContext context, CancellationToken stop) => context.InTransactionAsync((transaction, token) => transaction.ExecuteAsync("""
        update rollout_runs set state = 'Paused', reason = null, message = 'Paused on request; POST resume goes on.'
        where ended_at is null and state <> 'RollingBack' and placement_id = (select id from placements where resource_key = $1)
        """, token, context.Resource.Key), stop);
}

[RunsOn("resume")]
internal sealed class ResumeRollout(PlacementTools tools) : Operation<ClusterResourcePlacement, PlacementStatus>
{
    public override IReadOnlyList<PlacementStep> Steps => [Do(ResumeAsync), Do(tools.ShowAsync)];

    /// <summary>From here on so many more members may become healthy as the strategy says.</summary>
    private static Task ResumeAsync(PlacementContext context, CancellationToken stop) => context.InTransactionAsync(async (transaction, token) =>
    {
        var numbers = await PlacementTools.HoldAsync(transaction, context.Resource.Key, token);
        await transaction.ExecuteAsync("""
            update rollout_runs r set state = 'Running', reason = null, message = null,
                resumed_at_healthy = case when state = 'HealthyHold' then (select count(*) from rollout_members m where m.run_id = r.id and m.state = 2) else resumed_at_healthy end
            where placement_id = $1 and ended_at is null and state in ('Paused', 'HealthyHold')
            """, token, numbers.Id);
        await RolloutRuns.AdvanceAsync(transaction.Connection, numbers.Id, token);
    }, stop);
}
