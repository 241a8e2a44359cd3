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

/// <summary>Creates what is missing, tries again what failed, changes what differs, and follows every machine to its end. Machines that are as wanted are never touched.</summary>
[RunsOn("put"), RunsOn("retry")]
internal sealed class ProvisionRack(RackMachines machines) : Operation<Rack, RackStatus>
{
    public override IReadOnlyList<RackStep> Steps => [Do(machines.StartAsync), Try(AwaitMachinesAsync)];

    private async Task<StepResult> AwaitMachinesAsync(RackContext context, CancellationToken stop)
    {
        var allStarted = await machines.StartAsync(context, stop);
        var slots = await machines.LookAsync(context, stop);
        var refused = context.Recall<Dictionary<string, ErrorBody>>(RackMachines.Refused) ?? [];
        var shown = RackView.Of(context.Wanted, context.Id, slots, refused, gone: allStarted ? new("MachineDeleted", "Somebody deleted the machine. PUT the rack again to create it anew.") : null);
        context.Status = shown;
        var summary = shown.Summary!;
        context.Percent = shown.Machines!.Average(machine => machine.PercentComplete);
        context.Message = $"{summary.Provisioned} of {summary.Machines} machines are ready, {summary.Failed} failed.";
        if (!allStarted || summary.InProgress > 0)
            return StepResult.WaitFor(TimeSpan.FromSeconds(1));
        if (summary.Failed == 0)
            return StepResult.Done;
        throw new OperationFailedException("RackPartiallyFailed",
            $"{summary.Provisioned} of {summary.Machines} machines are ready; {summary.Failed} failed, each with its reason in details. The others are in service. POST retry on the rack, or on a machine, tries again.",
            [.. shown.Machines!.Where(machine => machine.Error is not null).Select(machine => machine.Error! with { Target = machine.Id })]);
    }
}

/// <summary>Gives back every machine of the rack, then the rack; with forceDeletion the machines are forgotten as they are.</summary>
[RunsOn("delete")]
internal sealed class ReleaseRack(RackMachines machines) : Operation<Rack, RackStatus>
{
    public override IReadOnlyList<RackStep> Steps => [Try(ReleaseMachinesAsync)];

    private async Task<StepResult> ReleaseMachinesAsync(RackContext context, CancellationToken stop)
    {
        var started = await machines.StartReleaseAsync(context, stop);
        var slots = await machines.LookAsync(context, stop);
        if (slots.Count == 0)
            return StepResult.Done;
        context.Status = RackView.Of(context.Wanted, context.Id, slots, new Dictionary<string, ErrorBody>(StringComparer.Ordinal), gone: null);
        context.Message = $"{slots.Count} machines left.";
        var failed = slots.Where(slot => slot.State is ProvisioningState.Failed or ProvisioningState.Canceled && started.Contains(slot.Name)).ToList();
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
    /// <param name="gone">What is wrong with a slot that has no machine; null when that is as it should be.</param>
    public static RackStatus Of(Rack rack, ResourceId id, IReadOnlyList<RackSlot> slots, IReadOnlyDictionary<string, ErrorBody> refused, ErrorBody? gone)
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
                Error = refused.GetValueOrDefault(name) ?? (slot is null ? gone : failed ? slot!.Error ?? new("MachineFailed", "The machine's last operation did not succeed.") : null),
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

    /// <summary>Machines that this operation has nothing more to do to, by name.</summary>
    private const string Settled = "settled";

    private const string PasswordPath = "bmc.credentials.password";
    private const int BatchSize = 50;

    /// <summary>Starts what differs from what is wanted; machines that somebody works on are looked at again later. True when every machine is started, right, or refused.</summary>
    public async Task<bool> StartAsync(RackContext context, CancellationToken stop)
    {
        var settled = context.Recall<HashSet<string>>(Settled) ?? [];
        var refused = context.Recall<Dictionary<string, ErrorBody>>(Refused) ?? [];
        var open = Enumerable.Range(context.Wanted.Slots.First, context.Wanted.Slots.Count)
            .Select(slot => context.Wanted.MachineIn(slot, context.Id.Name)).Where(machine => !settled.Contains(machine.Name)).ToList();
        if (open.Count == 0)
            return true;
        var password = await context.SecretAsync($"machine.{PasswordPath}", stop);
        foreach (var batch in open.Chunk(BatchSize))
        {
            var existing = (await source.FindResourcesAsync([.. batch.Select(w => Id(context, w.Name).Key)], stop)).ToDictionary(row => row.Key, StringComparer.Ordinal);
            var wanted = new List<(string Name, BareMetalMachine Machine, ResourceRow? Current)>();
            foreach (var (name, machine) in batch)
            {
                var current = existing.GetValueOrDefault(Id(context, name).Key);
                if (current is null || !await IsRightAsync(context, current, machine, password, stop))
                    wanted.Add((name, machine, current));
                else
                    settled.Add(name);
            }

            await context.InTransactionAsync(async (transaction, token) =>
            {
                foreach (var (name, machine, current) in wanted)
                {
                    if (current is not null && current.ManagedBy != context.Resource.Key)
                    {
                        refused[name] = new("MachineNameTaken", $"'{current.Id}' exists and does not belong to this rack.");
                        settled.Add(name);
                    }
                    else if (current is null || current.State.IsTerminal())
                    {
                        await WriteAsync(context, transaction, name, machine, current, password, refused, settled, token);
                    }
                }
            }, stop);
        }

        context.Remember(Refused, refused);
        context.Remember(Settled, settled);
        return settled.Count >= context.Wanted.Slots.Count;
    }

    /// <summary>Starts the deletion of every machine that is not on its way yet, over whatever else is being done to it; the answer is all that were ever started.</summary>
    public async Task<IReadOnlySet<string>> StartReleaseAsync(RackContext context, CancellationToken stop)
    {
        var started = context.Recall<HashSet<string>>(Settled) ?? [];
        await using var command = Sql.Command(source, "select key from resources where managed_by = $1 and state <> 'Deleting'", context.Resource.Key);
        var keys = new List<string>();
        await using (var reader = await command.ExecuteReaderAsync(stop))
        {
            while (await reader.ReadAsync(stop))
                keys.Add(reader.GetString(0));
        }

        foreach (var batch in keys.Chunk(BatchSize))
        {
            await context.InTransactionAsync(async (transaction, token) =>
            {
                foreach (var row in (await source.FindResourcesAsync(batch, token)).Where(row => !started.Contains(row.Name)))
                {
                    await transaction.Transaction.SaveAsync("machine", token);
                    var write = Deletion.Of(row, context.Operation);
                    var outcome = await acceptor.AcceptAsync(transaction.Connection, write with { Operation = write.Operation! with { Parameters = context.Operation.Parameters } }, token);
                    if (outcome is AcceptOutcome.Accepted)
                        started.Add(row.Name);
                    else
                        await transaction.Transaction.RollbackAsync("machine", token);
                }
            }, stop);
        }

        context.Remember(Settled, started);
        return started;
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

    private async Task WriteAsync(RackContext context, FencedTransaction transaction, string name, BareMetalMachine machine, ResourceRow? current, string? password,
        Dictionary<string, ErrorBody> refused, HashSet<string> settled, CancellationToken stop)
    {
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        if (password is not null)
            secrets[PasswordPath] = password;
        await transaction.Transaction.SaveAsync("machine", stop);
        var outcome = await acceptor.AcceptAsync(transaction.Connection, Write(context, Id(context, name), current, machine, JsonSerializer.Serialize(machine, Json.WithoutSecrets), secrets), stop);
        if (outcome is AcceptOutcome.Accepted)
        {
            settled.Add(name);
            return;
        }

        await transaction.Transaction.RollbackAsync("machine", stop);
        if (Refusal(outcome, machine) is not { } refusal)
            return;
        refused[name] = refusal;
        settled.Add(name);
    }

    /// <summary>It succeeded, with the properties and the password of the template.</summary>
    private static async Task<bool> IsRightAsync(RackContext context, ResourceRow current, BareMetalMachine machine, string? password, CancellationToken stop) =>
        current.State is ProvisioningState.Succeeded && current.ManagedBy == context.Resource.Key
        && SameJson(current.Properties, JsonSerializer.Serialize(machine, Json.WithoutSecrets))
        && (password is null || password == await context.SecretAsync(PasswordPath, stop, current.Key));

    /// <summary>The rack's own reservation covers its machines.</summary>
    private static AcceptedWrite Write(RackContext context, ResourceId id, ResourceRow? current, BareMetalMachine machine, string properties, IReadOnlyDictionary<string, string> secrets) => new()
    {
        Id = id,
        ExpectedVersion = current?.Version,
        Location = context.Resource.Location,
        Tags = current?.Tags ?? context.Resource.Tags,
        Properties = properties,
        State = current is null ? ProvisioningState.Accepted : ProvisioningState.Updating,
        UniqueKey = BareMetalMachine.UniqueKey(id, machine),
        References = [.. BareMetalMachine.References(machine).Select(reference => reference.Key)],
        ManagedBy = context.Resource.Key,
        Secrets = secrets,
        Operation = new(Guid.CreateVersion7(), "put", context.Resource.Location!, BareMetalMachine.TimeLimit("put"), TraceParent: context.Operation.TraceParent),
        Action = $"{BareMetalMachine.Type}/write",
        Caller = new(context.Operation.Principal, "Application", context.Operation.CorrelationId),
    };

    private static ErrorBody? Refusal(AcceptOutcome outcome, BareMetalMachine machine) => outcome switch
    {
        AcceptOutcome.Taken taken => new("BmcAlreadyInUse", $"The BMC at {machine.Bmc.Endpoint} already belongs to '{taken.ResourceId}'."),
        AcceptOutcome.ReferenceGone => new("LinkedResourceNotFound", "The image or the cluster that the machine names is being deleted."),
        AcceptOutcome.ParentGone => new("ResourceGroupNotFound", "The resource group is being deleted."),
        // Busy or Changed: somebody works on that machine right now; it is looked at again.
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
