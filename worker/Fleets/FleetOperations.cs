using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.Clusters;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

[RunsOn("put")]
internal sealed class CreateFleet : Operation<Fleet, NoStatus>
{
    /// <summary>A fleet is its members and placements.</summary>
    public override IReadOnlyList<Step<Fleet, NoStatus>> Steps => [];
}

[RunsOn("delete")]
internal sealed class DeleteFleet(Acceptor acceptor, NpgsqlDataSource source) : Operation<Fleet, NoStatus>
{
    public override IReadOnlyList<Step<Fleet, NoStatus>> Steps => [Try(DeletePlacementsAsync), Try(DeleteMembersAsync), Try(DeleteTheRestAsync)];

    /// <summary>First, while the members from which their objects go are still there.</summary>
    private Task<StepResult> DeletePlacementsAsync(StepContext<Fleet, NoStatus> context, CancellationToken stop) => DeleteAsync(context, ClusterResourcePlacement.Type.ToString(), stop);

    private Task<StepResult> DeleteMembersAsync(StepContext<Fleet, NoStatus> context, CancellationToken stop) => DeleteAsync(context, FleetMember.Type.ToString(), stop);

    private Task<StepResult> DeleteTheRestAsync(StepContext<Fleet, NoStatus> context, CancellationToken stop) => DeleteAsync(context, type: null, stop);

    private async Task<StepResult> DeleteAsync(StepContext<Fleet, NoStatus> context, string? type, CancellationToken stop)
    {
        var left = (await source.ListResourcesAsync(new() { Within = context.Id, Size = 500 }, stop)).Where(row => type is null || row.Type.Equals(type, StringComparison.OrdinalIgnoreCase)).ToList();
        if (left.Count == 0)
            return StepResult.Done;
        if (left.Find(row => row.State is ProvisioningState.Failed && context.Recall<bool>(row.Key)) is { } failed)
            throw new OperationFailedException("FleetDeletionFailed", $"'{failed.Id}' could not be deleted; its last operation says why. DELETE it with forceDeletion=true to leave its objects where they are.");
        foreach (var row in left.Where(row => row.State is not ProvisioningState.Deleting && !context.Recall<bool>(row.Key)))
        {
            await context.InTransactionAsync(async (transaction, token) =>
            {
                await transaction.Transaction.SaveAsync("child", token);
                if (await acceptor.AcceptAsync(transaction.Connection, Deletion.Of(row, context.Operation), token) is AcceptOutcome.Accepted)
                    context.Remember(row.Key, true);
                else
                    await transaction.Transaction.RollbackAsync("child", token);
            }, stop);
        }

        context.Message = $"{left.Count} left.";
        return StepResult.WaitFor(TimeSpan.FromMilliseconds(300));
    }
}

[RunsOn("put")]
internal sealed class JoinFleet(PlacementSignal signal) : Operation<FleetMember, FleetMemberStatus>
{
    public override IReadOnlyList<Step<FleetMember, FleetMemberStatus>> Steps => [Do(JoinAsync)];

    /// <summary>From here on placements see the member; those whose decision it may change decide again.</summary>
    private async Task JoinAsync(StepContext<FleetMember, FleetMemberStatus> context, CancellationToken stop)
    {
        var cluster = await context.FindAsync(context.Wanted.ClusterResourceId, stop) ?? throw new OperationFailedException("ClusterNotFound", $"The cluster '{context.Wanted.ClusterResourceId}' does not exist any more.");
        var status = cluster.ReadStatus<ConnectedClusterStatus>();
        context.Status = new() { ConnectivityStatus = status.ConnectivityStatus?.ToString() };
        var labels = new Dictionary<string, string>(context.Wanted.Labels, StringComparer.Ordinal) { [MemberLabels.Name] = context.Id.Name, [MemberLabels.ResourceGroup] = cluster.ResourceGroup ?? "" };
        if (cluster.Location is { } location)
            labels[MemberLabels.Location] = location;
        if (context.Wanted.Group is { } group)
            labels[MemberLabels.Group] = group;
        context.Also(async (transaction, token) =>
        {
            await transaction.ExecuteAsync("""
                insert into fleet_members (resource_key, fleet_key, cluster_key, name, labels, properties, taints, is_pull, is_leaving) values ($1, $2, $3, $4, $5::jsonb, $8::jsonb, $6::jsonb, $7, false)
                on conflict (resource_key) do update set labels = excluded.labels, properties = excluded.properties, taints = excluded.taints, is_pull = excluded.is_pull, is_leaving = false
                """, token, context.Resource.Key, context.Id.Parent!.Key, cluster.Key, context.Id.Name, Json.Write(labels), Json.Write(context.Wanted.Taints), cluster.Read<ConnectedCluster>().Access is ClusterAccess.Pull,
                await ClusterView.FindAsync(transaction.Connection, cluster.Key, token) is { } view ? Json.Write(MemberFacts.Of(view.Row)) : "{}");
            // What changes while it joins is brought to it afterwards.
            await transaction.ExecuteAsync("update cluster_inventories set show_at = now() where cluster_key = $1", token, cluster.Key);
            await transaction.ExecuteAsync("update placements set schedule_due = true where fleet_key = $1", token, context.Id.Parent.Key);
        });
        signal.Members();
    }
}

[RunsOn("delete")]
internal sealed class LeaveFleet(NpgsqlDataSource source, PlacementSignal signal) : Operation<FleetMember, FleetMemberStatus>
{
    public override IReadOnlyList<Step<FleetMember, FleetMemberStatus>> Steps => [Do(UnscheduleAsync), Try(WaitForRemovalAsync)];

    private async Task UnscheduleAsync(StepContext<FleetMember, FleetMemberStatus> context, CancellationToken stop)
    {
        await context.InTransactionAsync(async (transaction, token) =>
        {
            await transaction.ExecuteAsync("update fleet_members set is_leaving = true where resource_key = $1", token, context.Resource.Key);
            await transaction.ExecuteAsync("update placements set schedule_due = true where id in (select b.placement_id from placement_bindings b join fleet_members m on m.id = b.member_id where m.resource_key = $1)", token, context.Resource.Key);
        }, stop);
        signal.Members();
    }

    /// <summary>What placements brought goes first, and nodes that were cordoned for a policy are uncordoned, unless the member is to be forgotten as it is.</summary>
    private async Task<StepResult> WaitForRemovalAsync(StepContext<FleetMember, FleetMemberStatus> context, CancellationToken stop)
    {
        if (context.Parameters<DeleteParameters>().ForceDeletion)
            return StepResult.Done;
        await using var command = Persistence.Sql.Command(source, """
            select count(b.member_id)::int, min(b.error), coalesce(bool_or(m.cordoned_at is not null), false)
            from fleet_members m left join placement_bindings b on b.member_id = m.id where m.resource_key = $1
            """, context.Resource.Key);
        await using var row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        if (row.GetInt32(0) == 0 && !row.GetBoolean(2))
            return StepResult.Done;
        context.Message = row.GetInt32(0) == 0 ? "Its nodes are being uncordoned." : $"{row.GetInt32(0)} placements are being removed from the member.{(row.IsDBNull(1) ? "" : $" {row.GetString(1)}")}";
        return StepResult.WaitFor(TimeSpan.FromMilliseconds(300));
    }
}
