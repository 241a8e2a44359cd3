using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using ControlPlane.Worker.Arm;
using EvictionContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.Fleets.PlacementEviction, ControlPlane.Contracts.Fleets.EvictionStatus>;
using EvictionStep = ControlPlane.Worker.Arm.Step<ControlPlane.Contracts.Fleets.PlacementEviction, ControlPlane.Contracts.Fleets.EvictionStatus>;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Takes a placement from a member if there is anything to take and the budget allows it, in the transaction that counted; else it has failed and nothing was changed. That the objects are gone
/// is not waited for: the member may be offline.
/// </summary>
[RunsOn("put")]
internal sealed class Evict(PlacementSignal signal) : Operation<PlacementEviction, EvictionStatus>
{
    private const string Reason = "ClusterResourcePlacementEviction";

    public override IReadOnlyList<EvictionStep> Steps => [Do(TryOnceAsync), Do(EndAsync)];

    private static Task TryOnceAsync(EvictionContext context, CancellationToken stop)
    {
        context.Also(async (transaction, token) =>
        {
            var verdict = await DecideAsync(context, transaction, token);
            var now = await transaction.ScalarAsync<DateTime>("select now()", token);
            var before = context.Status.Conditions ?? [];
            Condition Said(string type, bool isTrue, string reason, string message) => new()
            {
                Type = type, Status = isTrue ? ConditionStatus.True : ConditionStatus.False, Reason = reason, Message = message, ObservedGeneration = 1,
                LastTransitionTime = before.FirstOrDefault(condition => condition.Type == type && condition.Status is ConditionStatus.True == isTrue)?.LastTransitionTime ?? new(now, TimeSpan.Zero),
            };
            context.Status = new()
            {
                Conditions =
                [
                    verdict.IsValid ? Said("Valid", isTrue: true, $"{Reason}Valid", "There is something to evict.") : Said("Valid", isTrue: false, $"{Reason}Invalid", verdict.Message),
                    .. verdict.IsValid ? [Said("Executed", verdict.IsExecuted, verdict.IsExecuted ? $"{Reason}Executed" : $"{Reason}NotExecuted", verdict.Message)] : Array.Empty<Condition>(),
                ],
            };
        });
        return Task.CompletedTask;
    }

    private Task EndAsync(EvictionContext context, CancellationToken stop)
    {
        signal.Seen([]);
        signal.Work();
        return context.Status.Conditions?.FirstOrDefault(condition => condition.Status is ConditionStatus.False) is { } no
            ? throw new OperationFailedException(no.Type == "Valid" ? "EvictionInvalid" : "EvictionBlocked", no.Message)
            : Task.CompletedTask;
    }

    /// <summary>Holds the placement's row, so that nobody else takes from the same budget or decides where the placement goes meanwhile.</summary>
    private static async Task<Verdict> DecideAsync(EvictionContext context, FencedTransaction transaction, CancellationToken stop)
    {
        var (connection, member) = (transaction.Connection, context.Wanted.ClusterName);
        var placement = 0;
        var (wanted, isDeleting) = ((ClusterResourcePlacement?)null, false);
        const string held = "select p.id, r.properties, r.state from placements p join resources r on r.key = p.resource_key where p.resource_key = $1 for update of p";
        await using (var command = Sql.Command(connection, held, context.Id.Parent!.Key))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            if (await row.ReadAsync(stop))
                (placement, wanted, isDeleting) = (row.GetInt32(0), Json.Read<ClusterResourcePlacement>(row.GetString(1)), row.GetString(2) == nameof(ProvisioningState.Deleting));
        }

        if (wanted is null || isDeleting)
            return Verdict.Invalid(isDeleting ? "The placement is being deleted." : "The placement was not carried out yet.");
        if (wanted.Policy.PlacementType is PlacementType.PickFixed)
            return Verdict.Invalid("The placement is of the type PickFixed, which names its members.");
        if (await transaction.ScalarAsync<bool>("select exists (select from placement_evictions where resource_key = $1)", stop, context.Resource.Key))
            return Verdict.Executed("The placement stays away from the member as long as this eviction is there.");

        var (isBound, isAvailable) = (false, false);
        await using (var command = Sql.Command(connection, $"""
            select {BindingSql.IsAvailable} and not exists (
                select from rollout_members o join rollout_runs u on u.id = o.run_id where u.placement_id = $1 and u.ended_at is null and o.member_id = b.member_id and o.state = 1)
            from placement_bindings b join fleet_members m on m.id = b.member_id where b.placement_id = $1 and lower(m.name) = lower($2)
            """, placement, member))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            if (await row.ReadAsync(stop))
                (isBound, isAvailable) = (true, row.GetBoolean(0));
        }

        if (!isBound)
            return Verdict.Invalid($"The placement is not on the member '{member}'; GET {context.Id.Parent.Text}/clusters lists where it is.");
        if (isAvailable && wanted.DisruptionBudget is { } budget)
        {
            var position = await DisruptionBudgets.ReadAsync(connection, placement, budget, stop);
            if (position.Room == 0)
                return Verdict.Blocked($"{position}; PUT the eviction again when more are.");
        }

        await transaction.ExecuteAsync("insert into placement_evictions (resource_key, placement_id, member) values ($1, $2, lower($3))", stop, context.Resource.Key, placement, member);
        await Scheduling.RunAsync(connection, context.Id.Parent.Key, placement, wanted, await FleetMembers.ReadAsync(connection, context.Id.Parent.Parent!.Key, stop), stop);
        return Verdict.Executed(!isAvailable ? "The placement was not available on the member: nothing is lost."
            : wanted.DisruptionBudget is null ? "The placement has no disruptionBudget." : "The disruptionBudget allowed it.");
    }

    private sealed record Verdict(bool IsValid, bool IsExecuted, string Message)
    {
        public static Verdict Invalid(string message) => new(IsValid: false, IsExecuted: false, message);

        public static Verdict Blocked(string message) => new(IsValid: true, IsExecuted: false, message);

        public static Verdict Executed(string message) => new(IsValid: true, IsExecuted: true, message);
    }
}

/// <summary>Lets the placement come back.</summary>
[RunsOn("delete")]
internal sealed class DeleteEviction(PlacementSignal signal) : Operation<PlacementEviction, EvictionStatus>
{
    public override IReadOnlyList<EvictionStep> Steps => [Do(ForgetAsync), Do(TellAsync)];

    private static Task ForgetAsync(EvictionContext context, CancellationToken stop) => context.InTransactionAsync((transaction, token) => transaction.ExecuteAsync("""
        with gone as (delete from placement_evictions where resource_key = $1 returning placement_id) update placements p set schedule_due = true from gone where p.id = gone.placement_id
        """, token, context.Resource.Key), stop);

    private Task TellAsync(EvictionContext context, CancellationToken stop)
    {
        signal.Members();
        return Task.CompletedTask;
    }
}
