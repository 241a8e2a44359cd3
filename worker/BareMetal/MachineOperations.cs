using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Metering;
using ControlPlane.Worker.Arm;
using Npgsql;
using MachineContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.BareMetal.BareMetalMachine, ControlPlane.Contracts.BareMetal.BareMetalMachineStatus>;
using MachineStep = ControlPlane.Worker.Arm.Step<ControlPlane.Contracts.BareMetal.BareMetalMachine, ControlPlane.Contracts.BareMetal.BareMetalMachineStatus>;

namespace ControlPlane.Worker.BareMetal;

/// <summary>What every operation of a machine shares: the history in its status, and how an end without success is shown.</summary>
internal abstract class MachineOperation : Operation<BareMetalMachine, BareMetalMachineStatus>
{
    private const int KeptActions = 10;

    /// <summary>The step at which a new attempt begins.</summary>
    public const string AttemptStart = "ForceOff";

    /// <summary>The last step of every provisioning: nothing is left to do.</summary>
    public static Task Finish(MachineContext context, CancellationToken stop) => Task.CompletedTask;

    public override BareMetalMachineStatus Describe(BareMetalMachineStatus status, OperationProgress progress)
    {
        var action = new ActionState
        {
            ActionType = progress.Request,
            OperationId = progress.OperationId,
            CorrelationId = progress.CorrelationId,
            Status = progress.State.ToString(),
            StartTime = progress.StartedAt,
            EndTime = progress.EndedAt,
            Message = progress.Error?.Message,
            StepStates = progress.Steps,
        };
        var others = (status.ActionStates ?? []).Where(known => known.OperationId != progress.OperationId).Take(KeptActions - 1);
        status = status with { ActionStates = [action, .. others] };
        if (progress.Error is not { } error)
            return progress.State is ProvisioningState.Succeeded && status.DetailedStatus is DetailedStatus.Provisioned ? status with { DetailedStatusMessage = null } : status;

        // Provisioned is never left on an error alone.
        return status.DetailedStatus is DetailedStatus.Provisioned
            ? status with { DetailedStatusMessage = $"{progress.Request}: {error.Code}: {error.Message}" }
            : status with { DetailedStatus = DetailedStatus.Error, DetailedStatusMessage = $"{error.Code}: {error.Message}" };
    }

    public override Task OnEndAsync(MachineContext context, FencedTransaction transaction, ProvisioningState end, CancellationToken stop) =>
        Attempts.EndAsync(transaction.Connection, context.Resource.Key, stop);

    protected static IReadOnlyList<MachineStep> Knowing(InspectionSteps inspection) => [Do(inspection.RegisterAsync), Do(inspection.InspectAsync), Try(inspection.AdmitAsync)];

    protected static IReadOnlyList<MachineStep> Installing(PowerSteps power, BootSteps boot, NodeSteps node) =>
    [
        Try(power.ForceOffAsync),
        Do(node.ClaimNameAsync),
        Do(boot.PrepareInstallAsync),
        Do(boot.SetNetworkBootAsync),
        Try(power.OnAsync, "PowerOn"),
        Try(boot.AwaitAgentAsync),
        Try(boot.AwaitWipedAsync),
        Try(boot.AwaitWrittenAsync),
        Do(node.CreateJoinTokenAsync),
        Try(boot.AwaitDoneAsync),
        Try(power.ForceOffAsync, "StopAgent"),
        Do(boot.SetDiskBootAsync),
        Try(power.OnAsync, "StartFromDisk"),
        Try(node.AwaitNodeAsync),
        Do(node.CompleteAsync),
        Do(node.LabelAsync),
        Do(Finish),
    ];
}

/// <summary>From a BMC address to a node: know the machine, wipe it, install it, let it join. On a Provisioned machine it changes labels and nothing else.</summary>
[RunsOn("put"), RunsOn("retry")]
internal sealed class ProvisionMachine(InspectionSteps inspection, PowerSteps power, BootSteps boot, NodeSteps node) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps => [.. Knowing(inspection), .. Installing(power, boot, node)];
}

/// <summary>Takes the node away, then installs anew.</summary>
[RunsOn("reimage")]
internal sealed class ReimageMachine(PowerSteps power, BootSteps boot, NodeSteps node) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps =>
        [Do(ChooseImageAsync), Do(node.CordonAsync), Try(node.DrainAsync), Do(node.LeaveAsync), .. Installing(power, boot, node)];

    /// <summary>Before the node is taken away for it: the image must be there.</summary>
    private static async Task ChooseImageAsync(MachineContext context, CancellationToken stop)
    {
        var image = context.Parameters<ReimageParameters>().OsImageId ?? context.Wanted.OsImageId!;
        await BootSteps.ImageAsync(context, image, stop);
        if (image != context.Wanted.OsImageId)
            await Wish.ChangeAsync(context, context.Wanted with { OsImageId = image }, stop);
    }
}

/// <summary>Another server in the same place: its BMC, credentials and boot port are taken over, then it is inspected and installed like a new one.</summary>
[RunsOn("replace")]
internal sealed class ReplaceMachine(InspectionSteps inspection, PowerSteps power, BootSteps boot, NodeSteps node, SecretBox secrets) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps =>
        [Do(CheckAsync), Do(node.CordonAsync), Try(node.DrainAsync), Do(node.LeaveAsync), Do(TakeOverAsync), .. Knowing(inspection), .. Installing(power, boot, node)];

    /// <summary>A password that was given for this replacement is of no use to the next one.</summary>
    public override async Task OnEndAsync(MachineContext context, FencedTransaction transaction, ProvisioningState end, CancellationToken stop)
    {
        await base.OnEndAsync(context, transaction, end, stop);
        await transaction.ExecuteAsync("delete from secrets where resource_key = $1 and path = 'replace.bmcCredentials.password'", stop, context.Resource.Key);
    }

    /// <summary>Before the node is taken away for it: the new BMC must be free, and the image there.</summary>
    private static async Task CheckAsync(MachineContext context, CancellationToken stop)
    {
        await Wish.CheckAsync(context, context.Wanted.With(context.Parameters<ReplaceParameters>()), stop);
        await BootSteps.ImageAsync(context, context.Wanted.OsImageId!, stop);
    }

    private async Task TakeOverAsync(MachineContext context, CancellationToken stop)
    {
        var password = await context.SecretAsync("replace.bmcCredentials.password", stop);
        await Wish.ChangeAsync(context, context.Wanted.With(context.Parameters<ReplaceParameters>()), stop);
        context.Status = new() { ActionStates = context.Status.ActionStates };
        context.Also(async (transaction, token) =>
        {
            await transaction.ExecuteAsync("delete from hardware_identities where resource_key = $1", token, context.Resource.Key);
            if (password is not null)
            {
                var box = secrets.Seal($"{context.Resource.Key}#bmc.credentials.password", password);
                await transaction.ExecuteAsync("update secrets set ciphertext = $2, wrapped_key = $3, key_version = $4 where resource_key = $1 and path = 'bmc.credentials.password'", token,
                    context.Resource.Key, box.Ciphertext, box.WrappedKey, box.KeyVersion);
            }
        });
    }
}

/// <summary>Drains the node, wipes the disks by the machine's own agent, and forgets the machine. A machine that was never installed is only switched off, if it was being worked on, and forgotten.</summary>
[RunsOn("delete")]
internal sealed class ReleaseMachine(PowerSteps power, BootSteps boot, NodeSteps node) : MachineOperation
{
    private const string SwitchOff = "SwitchOff";

    public override IReadOnlyList<MachineStep> Steps =>
    [
        Try(ChooseAsync),
        Do(node.CordonAsync),
        Try(node.DrainAsync),
        Do(node.LeaveAsync),
        Try(power.ForceOffAsync),
        Do(boot.PrepareWipeAsync),
        Do(boot.SetNetworkBootAsync),
        Try(power.OnAsync, "PowerOn"),
        Try(boot.AwaitAgentAsync),
        Try(boot.AwaitWipedAsync),
        Try(boot.AwaitDoneAsync),
        Try(power.ForceOffAsync, "StopAgent"),
        Do(boot.SetDiskBootAsync),
        Try(power.ForceOffAsync, SwitchOff),
        Do(Finish),
    ];

    public override async Task OnEndAsync(MachineContext context, FencedTransaction transaction, ProvisioningState end, CancellationToken stop)
    {
        await base.OnEndAsync(context, transaction, end, stop);
        if (end is ProvisioningState.Succeeded)
            await Meters.StopAsync(transaction.Connection, context.Resource.Key, stop);
    }

    /// <summary>An attempt that this deletion broke off may have left the machine on, with an agent that nobody answers any more.</summary>
    private static Task<StepResult> ChooseAsync(MachineContext context, CancellationToken stop)
    {
        var installed = context.Status.InstalledOsImageId is not null || context.Status.DetailedStatus is DetailedStatus.Provisioned;
        return Task.FromResult(context.Parameters<DeleteParameters>().ForceDeletion ? StepResult.GoTo(nameof(Finish))
            : installed ? StepResult.Done
            : StepResult.GoTo(context.Status.DetailedStatus is DetailedStatus.Provisioning ? SwitchOff : nameof(Finish)));
    }
}

/// <summary>Drains the node and wipes the disks as a deletion does, and keeps the machine: the next one who wants it finds it Available.</summary>
[RunsOn("release")]
internal sealed class KeepMachine(PowerSteps power, BootSteps boot, NodeSteps node) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps =>
    [
        Do(node.CordonAsync),
        Try(node.DrainAsync),
        Do(node.LeaveAsync),
        Try(power.ForceOffAsync),
        Do(boot.PrepareWipeAsync),
        Do(boot.SetNetworkBootAsync),
        Try(power.OnAsync, "PowerOn"),
        Try(boot.AwaitAgentAsync),
        Try(boot.AwaitWipedAsync),
        Try(boot.AwaitDoneAsync),
        Try(power.ForceOffAsync, "StopAgent"),
        Do(boot.SetDiskBootAsync),
        Do(SettleAsync),
    ];

    private static async Task SettleAsync(MachineContext context, CancellationToken stop)
    {
        var labels = context.Wanted.NodeLabels.Where(label => label.Key != PoolLabels.Pool).ToDictionary(StringComparer.Ordinal);
        await Wish.ChangeAsync(context, context.Wanted with { OsImageId = null, ClusterId = null, NodeLabels = labels }, stop);
        context.Status = context.Status with
        {
            DetailedStatus = DetailedStatus.Available, DetailedStatusMessage = "Released.", InstalledOsImageId = null, KubernetesNodeName = null, ProviderId = null, CordonStatus = null, ReadyState = null, Drift = null,
        };
    }
}

[RunsOn("inspect")]
internal sealed class InspectMachine(InspectionSteps inspection) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps => [Do(inspection.RegisterAsync), Do(inspection.InspectAsync), Do(SettleAsync)];

    private static Task SettleAsync(MachineContext context, CancellationToken stop)
    {
        if (context.Status.DetailedStatus is not DetailedStatus.Provisioned)
            context.Status = context.Status with { DetailedStatus = DetailedStatus.Available, DetailedStatusMessage = "Inspected." };
        return Task.CompletedTask;
    }
}

[RunsOn("start")]
internal sealed class StartMachine(PowerSteps power, NodeSteps node) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps => [Try(power.OnAsync, "PowerOn"), Try(node.AwaitReadyAsync)];
}

[RunsOn("powerOff")]
internal sealed class PowerOffMachine(PowerSteps power) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps => [Try(power.ShutDownAsync), Do(NodeSteps.NoteDownAsync)];
}

[RunsOn("restart")]
internal sealed class RestartMachine(PowerSteps power, NodeSteps node) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps => [Try(power.ShutDownAsync), Do(NodeSteps.NoteDownAsync), Try(power.OnAsync, "PowerOn"), Try(node.AwaitReadyAsync)];
}

[RunsOn("cordon")]
internal sealed class CordonMachine(NodeSteps node) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps => [Do(node.CordonAsync), Try(node.DrainAsync)];
}

[RunsOn("uncordon")]
internal sealed class UncordonMachine(NodeSteps node) : MachineOperation
{
    public override IReadOnlyList<MachineStep> Steps => [Do(node.UncordonAsync)];
}

/// <summary>An action that changes what is wanted: properties, unique key and references change together.</summary>
internal static class Wish
{
    /// <summary>Whether another resource claims what the changed machine would claim.</summary>
    public static Task CheckAsync(MachineContext context, BareMetalMachine wanted, CancellationToken stop) => context.InTransactionAsync(async (transaction, token) =>
    {
        if (await transaction.ScalarAsync<string>("select id from resources where unique_key = $1 and key <> $2", token, BareMetalMachine.UniqueKey(context.Resource.ResourceId, wanted), context.Resource.Key) is { } other)
            throw Taken(wanted, other);
    }, stop);

    /// <summary>Stored at once: repeating it changes nothing, and a BMC that somebody took in the meantime ends the operation instead of its save.</summary>
    public static async Task ChangeAsync(MachineContext context, BareMetalMachine wanted, CancellationToken stop)
    {
        var properties = System.Text.Json.JsonSerializer.Serialize(wanted, Json.WithoutSecrets);
        try
        {
            await context.InTransactionAsync((transaction, token) => transaction.ExecuteAsync("update resources set properties = $2::jsonb, unique_key = $3, refs = $4, version = version + 1 where key = $1", token,
                context.Resource.Key, properties, BareMetalMachine.UniqueKey(context.Resource.ResourceId, wanted), BareMetalMachine.References(wanted).Select(reference => reference.Key).ToArray()), stop);
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw Taken(wanted, "another resource");
        }

        context.Wanted = wanted;
    }

    private static OperationFailedException Taken(BareMetalMachine wanted, string owner) => new("BmcAlreadyInUse", $"The BMC at {wanted.Bmc.Endpoint} already belongs to '{owner}'.");
}
