using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.NodePools;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;
using Npgsql;
using PoolContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.NodePools.NodePool, ControlPlane.Contracts.NodePools.NodePoolStatus>;

namespace ControlPlane.Worker.NodePools;

/// <summary>
/// Physical nodes: free machines are taken and provisioned, and given back when there are too many. What happens to a machine is an operation of its own; this starts them and follows them to their
/// end. A machine that the pool has taken carries its label, so that nothing has to be remembered elsewhere.
/// </summary>
internal sealed class PooledMachines(Acceptor acceptor, NpgsqlDataSource source)
{
    private const string Tried = "tried";
    private const int MostInGroup = 10_000;
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    public async Task<StepResult> ReachAsync(PoolContext context, int count, CancellationToken stop)
    {
        var machines = await LookAsync(context, stop);
        var own = machines.Where(machine => machine.IsOwn && !machine.IsLeaving).ToList();
        var leaving = machines.Count(machine => machine is { IsOwn: true, IsLeaving: true });
        if (own.Count != count)
        {
            await ChangeAsync(context, own, machines, count, stop);
            return StepResult.WaitFor(Look);
        }

        // What failed before this operation is tried again once.
        var tried = context.Recall<HashSet<string>>(Tried) ?? [];
        var failed = own.Where(machine => machine.Row.State is ProvisioningState.Failed or ProvisioningState.Canceled).ToList();
        var again = failed.Where(machine => !tried.Contains(machine.Row.Key)).ToList();
        if (again.Count > 0)
        {
            await WriteAsync(context, [.. again.Select(machine => Taken(context, machine))], stop);
            return StepResult.WaitFor(Look);
        }

        var ready = own.Count(machine => machine is { Row.State: ProvisioningState.Succeeded, Status.DetailedStatus: DetailedStatus.Provisioned });
        context.Message = $"{ready} of {count} machines are ready, {failed.Count} failed, {leaving} are being given back.";
        context.Percent = count == 0 ? null : 100.0 * ready / count;
        if (ready + failed.Count < count || leaving > 0)
            return StepResult.WaitFor(Look);
        return failed.Count == 0 ? StepResult.Done : throw new OperationFailedException("NodePoolPartiallyFailed", $"{ready} of {count} machines are ready; {failed.Count} failed, each with its reason in details. PUT the pool again to try them again.",
            [.. failed.Select(machine => new ErrorBody("MachineFailed", machine.Status.DetailedStatusMessage ?? "The machine's last operation did not succeed.", machine.Row.Id))]);
    }

    /// <summary>All that are missing, or nothing: a pool that cannot be had takes no machine from another.</summary>
    private async Task ChangeAsync(PoolContext context, IReadOnlyList<PoolMachine> own, IReadOnlyList<PoolMachine> machines, int count, CancellationToken stop)
    {
        if (own.Count > count)
        {
            var surplus = own.OrderByDescending(machine => machine.Row.State is ProvisioningState.Failed or ProvisioningState.Canceled)
                .ThenBy(machine => machine.Status.DetailedStatus is DetailedStatus.Provisioned).ThenByDescending(machine => machine.Row.Key, StringComparer.Ordinal).Take(own.Count - count);
            await WriteAsync(context, [.. surplus.Where(machine => machine.Row.State.IsTerminal()).Select(machine => Released(context, machine))], stop);
            return;
        }

        var free = machines.Where(machine => machine.IsFree).OrderBy(machine => machine.Row.Key, StringComparer.Ordinal).Take(count - own.Count).ToList();
        if (free.Count < count - own.Count)
            throw new OperationFailedException("NotEnoughMachines", $"The pool needs {count - own.Count} more machines, and {free.Count} of those that it may take are free: Available, without an image or a cluster, and of no rack.");
        await WriteAsync(context, [.. free.Select(machine => Taken(context, machine))], stop);
    }

    /// <summary>Machines of the cluster's group: those of the pool, and those that it may take.</summary>
    private async Task<IReadOnlyList<PoolMachine>> LookAsync(PoolContext context, CancellationToken stop)
    {
        var rows = await source.ListResourcesAsync(new() { Within = context.Id.GroupId, Types = [BareMetalMachine.Type.ToString()], Size = MostInGroup }, stop);
        var busy = new Dictionary<string, string>(StringComparer.Ordinal);
        await using (var command = Sql.Command(source, "select resource_key, request from operations where resource_key = any ($1) and ended_at is null", (object)rows.Select(row => row.Key).ToArray()))
        {
            await using var row = await command.ExecuteReaderAsync(stop);
            while (await row.ReadAsync(stop))
                busy[row.GetString(0)] = row.GetString(1);
        }

        var wanted = context.Wanted.Machines!;
        var ids = wanted.MachineIds.Select(id => id.ToLowerInvariant()).ToHashSet(StringComparer.Ordinal);
        return [.. rows.Select(row => new PoolMachine
        {
            Row = row, Machine = row.Read<BareMetalMachine>(), Status = row.ReadStatus<BareMetalMachineStatus>(), Request = busy.GetValueOrDefault(row.Key),
            Pool = context.Id.Name, Cluster = context.Id.Parent!, IsEligible = ids.Contains(row.Key) || (wanted.Tags.Count > 0 && HasTags(row, wanted.Tags)),
        })];
    }

    private static bool HasTags(ResourceRow row, IReadOnlyDictionary<string, string> wanted)
    {
        var tags = new Dictionary<string, string>(row.ReadTags(), StringComparer.OrdinalIgnoreCase);
        return wanted.All(tag => tags.GetValueOrDefault(tag.Key) == tag.Value);
    }

    private async Task WriteAsync(PoolContext context, IReadOnlyList<AcceptedWrite> writes, CancellationToken stop)
    {
        var tried = context.Recall<HashSet<string>>(Tried) ?? [];
        await context.InTransactionAsync(async (transaction, token) =>
        {
            foreach (var write in writes)
            {
                await transaction.Transaction.SaveAsync("machine", token);
                // Busy or Changed: somebody works on that machine right now; another look finds out what became of it.
                if (await acceptor.AcceptAsync(transaction.Connection, write, token) is AcceptOutcome.Accepted)
                    tried.Add(write.Id.Key);
                else
                    await transaction.Transaction.RollbackAsync("machine", token);
            }
        }, stop);
        context.Remember(Tried, tried);
    }

    private static AcceptedWrite Taken(PoolContext context, PoolMachine machine)
    {
        var labels = new Dictionary<string, string>(machine.Machine.NodeLabels, StringComparer.Ordinal) { [PoolLabels.Pool] = context.Id.Name };
        foreach (var (key, value) in context.Wanted.NodeLabels)
            labels[key] = value;
        return Write(context, machine, machine.Machine with { OsImageId = context.Wanted.Machines!.OsImageId, ClusterId = context.Id.Parent!.Text, NodeLabels = labels }, "put", $"{BareMetalMachine.Type}/write");
    }

    private static AcceptedWrite Released(PoolContext context, PoolMachine machine) => Write(context, machine, machine.Machine, "release", $"{BareMetalMachine.Type}/release/action");

    private static AcceptedWrite Write(PoolContext context, PoolMachine machine, BareMetalMachine wanted, string request, string action) => new()
    {
        Id = machine.Row.ResourceId,
        ExpectedVersion = machine.Row.Version,
        Location = machine.Row.Location,
        Tags = machine.Row.Tags,
        Properties = JsonSerializer.Serialize(wanted, Json.WithoutSecrets),
        State = ProvisioningState.Updating,
        UniqueKey = machine.Row.UniqueKey,
        References = [.. BareMetalMachine.References(wanted).Select(reference => reference.Key)],
        Operation = new(Guid.CreateVersion7(), request, machine.Row.Location!, BareMetalMachine.TimeLimit(request), TraceParent: context.Operation.TraceParent),
        Action = action,
        Caller = new(context.Operation.Principal, "Application", context.Operation.CorrelationId),
    };

    /// <summary>A machine of the group, as the pool sees it.</summary>
    private sealed record PoolMachine
    {
        public required ResourceRow Row { get; init; }
        public required BareMetalMachine Machine { get; init; }
        public required BareMetalMachineStatus Status { get; init; }

        /// <summary>What is being done to it right now.</summary>
        public required string? Request { get; init; }

        public required string Pool { get; init; }
        public required ResourceId Cluster { get; init; }

        /// <summary>The pool may take it.</summary>
        public required bool IsEligible { get; init; }

        public bool IsOwn => Machine.NodeLabels.GetValueOrDefault(PoolLabels.Pool) == Pool && Machine.ClusterId?.Equals(Cluster.Text, StringComparison.OrdinalIgnoreCase) is true;
        public bool IsLeaving => Row.State is ProvisioningState.Deleting || Request is "release" or "delete";
        public bool IsFree => IsEligible && Row is { State: ProvisioningState.Succeeded, ManagedBy: null } && Machine is { ClusterId: null, OsImageId: null } && Status.DetailedStatus is DetailedStatus.Available;
    }
}
