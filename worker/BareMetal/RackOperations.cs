using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;
using Npgsql;
using RackContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.BareMetal.Rack, ControlPlane.Contracts.BareMetal.RackStatus>;
using RackStep = ControlPlane.Worker.Arm.Step<ControlPlane.Contracts.BareMetal.Rack, ControlPlane.Contracts.BareMetal.RackStatus>;

namespace ControlPlane.Worker.BareMetal;

/// <summary>Creates what is missing, tries again what failed, changes what differs, and follows every machine to its end. Machines that succeed are never touched.</summary>
[RunsOn("put"), RunsOn("retry")]
internal sealed class ProvisionRack(RackMachines machines) : Operation<Rack, RackStatus>
{
    public override IReadOnlyList<RackStep> Steps => [Do(machines.StartAsync), Try(AwaitMachinesAsync)];

    private async Task<StepResult> AwaitMachinesAsync(RackContext context, CancellationToken stop)
    {
        var slots = await machines.LookAsync(context, stop);
        var refused = context.Recall<Dictionary<string, ErrorBody>>(RackMachines.Refused) ?? [];
        var shown = RackView.Of(context.Wanted, context.Id, slots, refused);
        context.Status = shown;
        var summary = shown.Summary!;
        context.Percent = shown.Machines!.Average(machine => machine.PercentComplete);
        context.Message = $"{summary.Provisioned} of {summary.Machines} machines are ready, {summary.Failed} failed.";
        if (summary.InProgress > 0)
            return StepResult.WaitFor(TimeSpan.FromSeconds(1));
        if (summary.Failed == 0)
            return StepResult.Done;
        throw new OperationFailedException("RackPartiallyFailed",
            $"{summary.Provisioned} of {summary.Machines} machines are ready; {summary.Failed} failed, each with its reason in details. The others are in service. POST retry on the rack, or on a machine, tries again.",
            [.. shown.Machines!.Where(machine => machine.Error is not null).Select(machine => machine.Error! with { Target = machine.Id })]);
    }
}

/// <summary>Gives back every machine of the rack, then the rack.</summary>
[RunsOn("delete")]
internal sealed class ReleaseRack(RackMachines machines) : Operation<Rack, RackStatus>
{
    public override IReadOnlyList<RackStep> Steps => [Do(machines.StartReleaseAsync), Try(AwaitReleasedAsync)];

    private async Task<StepResult> AwaitReleasedAsync(RackContext context, CancellationToken stop)
    {
        var slots = await machines.LookAsync(context, stop);
        if (slots.Count == 0)
            return StepResult.Done;
        context.Status = RackView.Of(context.Wanted, context.Id, slots, new Dictionary<string, ErrorBody>(StringComparer.Ordinal));
        context.Message = $"{slots.Count} machines left.";
        var failed = slots.Where(slot => slot.State is ProvisioningState.Failed or ProvisioningState.Canceled).ToList();
        if (failed.Count == slots.Count)
            throw new OperationFailedException("RackReleaseFailed", $"{failed.Count} machines could not be given back; DELETE the rack again, or a machine with forceDeletion=true when its hardware is gone.",
                [.. failed.Select(slot => (slot.Error ?? new("ReleaseFailed", "The machine could not be given back.")) with { Target = slot.Id })]);
        return StepResult.WaitFor(TimeSpan.FromSeconds(1));
    }
}

/// <summary>One machine of a rack with its latest operation.</summary>
internal sealed record RackSlot(string Id, string Name, ProvisioningState State, DetailedStatus? Status, double Percent, string? Step, ErrorBody? Error);

/// <summary>What a rack shows of its machines. Pure.</summary>
internal static class RackView
{
    public static RackStatus Of(Rack rack, ResourceId id, IReadOnlyList<RackSlot> slots, IReadOnlyDictionary<string, ErrorBody> refused)
    {
        var byName = slots.ToDictionary(slot => slot.Name, StringComparer.OrdinalIgnoreCase);
        var machines = Enumerable.Range(rack.Slots.First, rack.Slots.Count).Select(number =>
        {
            var name = rack.MachineIn(number, id.Name).Name;
            var slot = byName.GetValueOrDefault(name);
            var failed = slot?.State is ProvisioningState.Failed or ProvisioningState.Canceled;
            return new RackMachine
            {
                Slot = number,
                Name = name,
                Id = slot?.Id ?? id.Sibling(BareMetalMachine.Type, name).Text,
                DetailedStatus = slot?.Status,
                Step = slot?.Step,
                PercentComplete = slot?.State is ProvisioningState.Succeeded ? 100 : slot?.Percent ?? 0,
                Error = refused.GetValueOrDefault(name) ?? (failed ? slot!.Error ?? new("MachineFailed", "The machine's last operation did not succeed.") : null),
            };
        }).ToList();
        var errors = machines.Count(machine => machine.Error is not null);
        var ready = machines.Count(machine => machine.Error is null && byName.GetValueOrDefault(machine.Name)?.State is ProvisioningState.Succeeded);
        return new() { Summary = new(machines.Count, ready, machines.Count - ready - errors, errors), Machines = machines };
    }
}

/// <summary>The machines of a rack in the database: started and watched by the rack's operation, carried out by operations of their own.</summary>
internal sealed class RackMachines(Acceptor acceptor, NpgsqlDataSource source)
{
    /// <summary>Machines that could not even be started, by name: such as one whose BMC belongs to another resource.</summary>
    public const string Refused = "refused";

    private const int BatchSize = 50;

    public async Task StartAsync(RackContext context, CancellationToken stop)
    {
        var password = await context.SecretAsync("machine.bmc.credentials.password", stop);
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        if (password is not null)
            secrets["bmc.credentials.password"] = password;
        var refused = new Dictionary<string, ErrorBody>(StringComparer.Ordinal);
        foreach (var batch in Enumerable.Range(context.Wanted.Slots.First, context.Wanted.Slots.Count).Chunk(BatchSize))
        {
            var wanted = batch.Select(slot => context.Wanted.MachineIn(slot, context.Id.Name)).ToList();
            var existing = (await source.FindResourcesAsync([.. wanted.Select(w => Id(context, w.Name).Key)], stop)).ToDictionary(row => row.Key, StringComparer.Ordinal);
            await context.InTransactionAsync(async (transaction, token) =>
            {
                foreach (var (name, machine) in wanted)
                {
                    var id = Id(context, name);
                    var current = existing.GetValueOrDefault(id.Key);
                    var properties = JsonSerializer.Serialize(machine, Json.WithoutSecrets);
                    if (current is not null && (!current.State.IsTerminal() || (current.State is ProvisioningState.Succeeded && SameJson(current.Properties, properties))))
                        continue;
                    await transaction.Transaction.SaveAsync("machine", token);
                    var outcome = await acceptor.AcceptAsync(transaction.Connection, Write(context, id, current, machine, properties, secrets), token);
                    if (outcome is AcceptOutcome.Accepted)
                        continue;
                    await transaction.Transaction.RollbackAsync("machine", token);
                    if (Refusal(outcome, machine) is { } refusal)
                        refused[name] = refusal;
                }
            }, stop);
        }

        context.Remember(Refused, refused);
    }

    public async Task StartReleaseAsync(RackContext context, CancellationToken stop)
    {
        await using var command = Sql.Command(source, "select key from resources where managed_by = $1 and state <> 'Deleting'", context.Resource.Key);
        var keys = new List<string>();
        await using (var reader = await command.ExecuteReaderAsync(stop))
        {
            while (await reader.ReadAsync(stop))
                keys.Add(reader.GetString(0));
        }

        foreach (var batch in keys.Chunk(BatchSize))
        {
            var rows = await source.FindResourcesAsync(batch, stop);
            await context.InTransactionAsync(async (transaction, token) =>
            {
                foreach (var row in rows)
                {
                    await transaction.Transaction.SaveAsync("machine", token);
                    var outcome = await acceptor.AcceptAsync(transaction.Connection, Deletion.Of(row, context.Operation), token);
                    if (outcome is not AcceptOutcome.Accepted)
                        await transaction.Transaction.RollbackAsync("machine", token);
                }
            }, stop);
        }
    }

    public async Task<IReadOnlyList<RackSlot>> LookAsync(RackContext context, CancellationToken stop)
    {
        await using var command = Sql.Command(source, """
            select r.id, r.name, r.state, r.status->>'detailedStatus', coalesce(o.percent, 0), o.steps->-1->>'stepName', o.error
            from resources r
            left join lateral (select percent, steps, error from operations where resource_key = r.key order by started_at desc limit 1) o on true
            where r.managed_by = $1 order by r.key
            """, context.Resource.Key);
        var slots = new List<RackSlot>();
        await using var row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
        {
            slots.Add(new(row.GetString(0), row.GetString(1), Enum.Parse<ProvisioningState>(row.GetString(2)),
                row.IsDBNull(3) ? null : Enum.Parse<DetailedStatus>(row.GetString(3)), row.GetDouble(4), row.IsDBNull(5) ? null : row.GetString(5),
                row.IsDBNull(6) ? null : Json.Read<ErrorBody>(row.GetString(6))));
        }

        return slots;
    }

    /// <summary>The rack's own reservation covers its machines.</summary>
    private static AcceptedWrite Write(RackContext context, ResourceId id, ResourceRow? current, BareMetalMachine machine, string properties, IReadOnlyDictionary<string, string> secrets) => new()
    {
        Id = id,
        ExpectedVersion = current?.Version,
        Location = context.Resource.Location,
        Tags = current?.Tags ?? context.Resource.Tags,
        Properties = properties,
        State = current is null ? ProvisioningState.Accepted : ProvisioningState.Updating,
        UniqueKey = BareMetalMachine.UniqueKey(machine),
        References = [.. BareMetalMachine.References(machine).Select(reference => reference.Id.ToLowerInvariant())],
        ManagedBy = context.Resource.Key,
        Secrets = secrets,
        Operation = new(Guid.CreateVersion7(), "put", context.Resource.Location!, BareMetalMachine.TimeLimit("put"), TraceParent: context.Operation.TraceParent),
        Action = $"{BareMetalMachine.Type}/write",
        Caller = new(context.Operation.Principal, "Application", context.Operation.CorrelationId),
    };

    private static ErrorBody? Refusal(AcceptOutcome outcome, BareMetalMachine machine) => outcome switch
    {
        AcceptOutcome.Taken taken => new("BmcAlreadyInUse", $"The BMC at {machine.Bmc.Endpoint} already belongs to '{taken.ResourceId}'."),
        AcceptOutcome.ParentGone => new("ResourceGroupNotFound", "The resource group is being deleted."),
        // Busy or Changed: somebody works on that machine right now; it is watched like the others.
        _ => null,
    };

    private static ResourceId Id(RackContext context, string name) => context.Id.Sibling(BareMetalMachine.Type, name);

    private static bool SameJson(string stored, string wanted)
    {
        using var a = JsonDocument.Parse(stored);
        using var b = JsonDocument.Parse(wanted);
        return JsonElement.DeepEquals(a.RootElement, b.RootElement);
    }
}
