using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using ControlPlane.Worker.Arm;
using Microsoft.Extensions.Options;
using Npgsql;
using RunContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.Fleets.UpdateRun, ControlPlane.Contracts.Fleets.UpdateRunProgress>;
using RunStep = ControlPlane.Worker.Arm.Step<ControlPlane.Contracts.Fleets.UpdateRun, ControlPlane.Contracts.Fleets.UpdateRunProgress>;

namespace ControlPlane.Worker.Fleets;

/// <summary>What every operation of an update run does at its end: tell who carries it out, and show how the run stands.</summary>
internal sealed class UpdateRunTools(NpgsqlDataSource source, UpdateSignal signal)
{
    public async Task ShowAsync(RunContext context, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        context.Status = new() { Status = await UpdateRunStatuses.ReadAsync(connection, context.Resource.Key, stop) };
        signal.Seen();
        signal.Work();
    }

    /// <summary>The run's row, held until the transaction ends.</summary>
    public static async Task<HeldRun> HoldAsync(FencedTransaction transaction, string resourceKey, CancellationToken stop)
    {
        await using var command = Sql.Command(transaction.Connection, "select id, fleet_key, strategy, started_at is not null, ended_at is not null, state from update_runs where resource_key = $1 for update", resourceKey);
        await using var row = await command.ExecuteReaderAsync(stop);
        return await row.ReadAsync(stop)
            ? new(row.GetInt64(0), row.GetString(1), row.IsDBNull(2) ? null : Json.Read<UpdateRunStrategy>(row.GetString(2)), row.GetBoolean(3), row.GetBoolean(4), Enum.Parse<RolloutState>(row.GetString(5)))
            : throw new OperationFailedException("UpdateRunNotReady", "The run was never carried out; PUT it again.");
    }
}

internal sealed record HeldRun(long Id, string Fleet, UpdateRunStrategy? Strategy, bool IsStarted, bool HasEnded, RolloutState State);

/// <summary>Keeps the strategy as it is now; nothing starts.</summary>
[RunsOn("put")]
internal sealed class WriteUpdateRun(UpdateRunTools tools) : Operation<UpdateRun, UpdateRunProgress>
{
    public override IReadOnlyList<RunStep> Steps => [Do(RecordAsync), Do(tools.ShowAsync)];

    private static async Task RecordAsync(RunContext context, CancellationToken stop)
    {
        var (fleet, strategy) = (context.Id.Parent!, context.Wanted.Strategy);
        if (context.Wanted.UpdateStrategyId is { } id)
        {
            var row = await context.FindAsync(id, stop) ?? throw new OperationFailedException("UpdateStrategyNotFound", $"The strategy '{id}' does not exist any more.");
            if (!row.ResourceId.Parent!.Equals(fleet))
                throw new OperationFailedException("UpdateStrategyOfOtherFleet", $"'{id}' belongs to another fleet than the run; name a strategy below '{fleet.Text}'.");
            strategy = row.Read<UpdateStrategy>().Strategy;
        }

        await context.InTransactionAsync((transaction, token) => transaction.ExecuteAsync("""
            insert into update_runs (resource_key, fleet_key, strategy, state, stage, phase, phase_since, node_images, skips, status_due) values ($1, $2, $3::jsonb, 'Running', 0, 0, now(), '{}', '{}', false)
            on conflict (resource_key) do nothing
            """, token, context.Resource.Key, fleet.Key, strategy is null ? null : Json.Write(strategy)), stop);
    }
}

/// <summary>Freezes the members and lets the run go; one that was stopped, or has failed, goes on where it stood. It is not waited for.</summary>
[RunsOn("start")]
internal sealed class StartUpdateRun(UpdateRunTools tools, IOptions<FleetOptions> options) : Operation<UpdateRun, UpdateRunProgress>
{
    public override IReadOnlyList<RunStep> Steps => [Do(StartAsync), Do(tools.ShowAsync)];

    private Task StartAsync(RunContext context, CancellationToken stop) => context.InTransactionAsync(async (transaction, token) =>
    {
        var run = await UpdateRunTools.HoldAsync(transaction, context.Resource.Key, token);
        if (!run.IsStarted)
            await BeginAsync(context, transaction, run, token);
        else if (run.HasEnded)
            await GoOnAsync(transaction, run, token);
        await UpdateRuns.AdvanceAsync(transaction.Connection, run.Id, token);
    }, stop);

    private async Task BeginAsync(RunContext context, FencedTransaction transaction, HeldRun run, CancellationToken stop)
    {
        var (members, missed) = await UpdateRuns.FreezeAsync(transaction.Connection, run.Id, run.Fleet, context.Wanted, run.Strategy, stop);
        if (missed.Count > 0)
            throw new OperationFailedException("MembersNotInStrategy", $"{missed.Count} of the members that the run names are not in the fleet, or in no group of its strategy, such as {string.Join(", ", missed.Take(5))}.");
        if (members == 0)
            throw new OperationFailedException("NoMembersToUpdate", "No member of the fleet is in a group of the run's strategy; give members a group that the strategy names.");
        await transaction.ExecuteAsync("update update_runs set started_at = now(), phase_since = now(), node_images = $2 where id = $1", stop, run.Id, await ImagesAsync(context.Wanted.ManagedClusterUpdate, transaction, run, stop));
        await transaction.ExecuteAsync("insert into update_run_stages (run_id, stage, started_at) values ($1, 0, now())", stop, run.Id);
    }

    /// <summary>The newest that are known of each kind, or those that were given.</summary>
    private async Task<string[]> ImagesAsync(ManagedClusterUpdate update, FencedTransaction transaction, HeldRun run, CancellationToken stop)
    {
        if (update.Upgrade.Type is not (ManagedClusterUpgradeType.NodeImageOnly or ManagedClusterUpgradeType.Full) || (update.Upgrade.Type is ManagedClusterUpgradeType.Full && update.NodeImageSelection is null))
            return [];
        return update.NodeImageSelection?.Type is NodeImageSelectionType.Custom
            ? [.. update.NodeImageSelection.CustomNodeImageVersions.Select(image => image.Version)]
            : [.. NodeImages.NewestOfEach([.. await FleetImages.KnownAsync(transaction.Connection, run.Fleet, stop), .. options.Value.NodeImages])];
    }

    /// <summary>Members that failed are tried again.</summary>
    private static async Task GoOnAsync(FencedTransaction transaction, HeldRun run, CancellationToken stop)
    {
        await transaction.ExecuteAsync("update update_runs set state = 'Running', ended_at = null, error_code = null, error = null where id = $1 and state in ('Stopped', 'Failed')", stop, run.Id);
        await transaction.ExecuteAsync("update update_run_members set state = 0, started_at = null, ended_at = null, message = null where run_id = $1 and state = 3", stop, run.Id);
        // A member of an earlier stage that failed, within what was allowed, is tried in its own stage.
        await transaction.ExecuteAsync("""
            update update_runs set stage = first.stage, phase = 1, phase_since = now() from (select min(stage) as stage from update_run_members where run_id = $1 and state = 0) first where id = $1 and first.stage < update_runs.stage
            """, stop, run.Id);
        await transaction.ExecuteAsync("update update_run_stages s set ended_at = null from update_runs r where s.run_id = $1 and r.id = $1 and s.stage >= r.stage", stop, run.Id);
    }
}

/// <summary>Starts no more members; those that are being updated are waited for by the controller.</summary>
[RunsOn("stop")]
internal sealed class StopUpdateRun(UpdateRunTools tools) : Operation<UpdateRun, UpdateRunProgress>
{
    public override IReadOnlyList<RunStep> Steps => [Do(StopAsync), Do(tools.ShowAsync)];

    private static Task StopAsync(RunContext context, CancellationToken stop) => context.InTransactionAsync(async (transaction, token) =>
    {
        var run = await UpdateRunTools.HoldAsync(transaction, context.Resource.Key, token);
        await transaction.ExecuteAsync("update update_runs set state = 'Paused' where id = $1 and started_at is not null and ended_at is null", token, run.Id);
        await UpdateRuns.AdvanceAsync(transaction.Connection, run.Id, token);
    }, stop);
}

[RunsOn("skip")]
internal sealed class SkipInUpdateRun(UpdateRunTools tools) : Operation<UpdateRun, UpdateRunProgress>
{
    public override IReadOnlyList<RunStep> Steps => [Do(SkipAsync), Do(tools.ShowAsync)];

    private static Task SkipAsync(RunContext context, CancellationToken stop) => context.InTransactionAsync(async (transaction, token) =>
    {
        var run = await UpdateRunTools.HoldAsync(transaction, context.Resource.Key, token);
        var targets = Json.Read<SkipParameters>(context.Operation.Parameters!).Targets.Select(target => $"{target.Type}/{target.Name}").ToArray();
        await transaction.ExecuteAsync("update update_runs set skips = (select array_agg(distinct skip) from unnest(skips || $2) skip) where id = $1", token, run.Id, targets);
        await FleetGates.SkipAsync(transaction.Connection, run.Id, targets, token);
        await UpdateRuns.AdvanceAsync(transaction.Connection, run.Id, token);
    }, stop);
}

/// <summary>The rows and the gates of the run go with it.</summary>
[RunsOn("delete")]
internal sealed class DeleteUpdateRun : Operation<UpdateRun, UpdateRunProgress>
{
    public override IReadOnlyList<RunStep> Steps => [];
}
