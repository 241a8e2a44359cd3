using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.Arm;
using MachineContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.BareMetal.BareMetalMachine, ControlPlane.Contracts.BareMetal.BareMetalMachineStatus>;

namespace ControlPlane.Worker.BareMetal;

/// <summary>Getting to know a machine through its BMC, and deciding whether it may be provisioned. Nothing here changes the machine.</summary>
internal sealed class InspectionSteps(MachineBmc bmc)
{
    /// <summary>The machine behind the BMC must not belong to another resource: identity is what the BMC says, never an address.</summary>
    public async Task RegisterAsync(MachineContext context, CancellationToken stop)
    {
        Show(context, DetailedStatus.Registering, "Connecting to the BMC.");
        var identity = await bmc.AskAsync(context, machine => machine.IdentifyAsync(stop), stop);
        var profile = await bmc.AskAsync(context, machine => Task.FromResult(machine.Profile.Name), stop);
        var claims = new List<string>();
        if (Guid.TryParse(identity.SystemUuid, out var uuid) && uuid != Guid.Empty)
            claims.Add($"uuid:{uuid}");
        if (!string.IsNullOrWhiteSpace(identity.SerialNumber))
            claims.Add($"serial:{identity.Manufacturer}/{identity.SerialNumber}".ToLowerInvariant());
        if (claims.Count == 0)
            throw new OperationFailedException("MachineIdentityUnknown", "The BMC reports neither a UUID nor a serial number; the machine cannot be told from others.");
        await context.InTransactionAsync(async (transaction, token) =>
        {
            var known = await transaction.ScalarAsync<string[]>("select array_agg(identity order by identity) from hardware_identities where resource_key = $1", token, context.Resource.Key) ?? [];
            if (known.Length > 0 && !known.Intersect(claims, StringComparer.Ordinal).Any())
            {
                if (context.Status.DetailedStatus is DetailedStatus.Provisioned)
                    throw new OperationFailedException("MachineIdentityChanged", $"Another server answers at {context.Wanted.Bmc.Endpoint}: it is {string.Join(", ", claims)}, this machine was {string.Join(", ", known)}. Use the replace action if it was replaced.");
                await transaction.ExecuteAsync("delete from hardware_identities where resource_key = $1", token, context.Resource.Key);
            }

            foreach (var claim in claims)
            {
                await transaction.ExecuteAsync("insert into hardware_identities (identity, resource_key) values ($1, $2) on conflict do nothing", token, claim, context.Resource.Key);
                var owner = await transaction.ScalarAsync<string>("select r.id from hardware_identities h join resources r on r.key = h.resource_key where h.identity = $1", token, claim);
                if (owner is not null && !owner.Equals(context.Resource.Id, StringComparison.OrdinalIgnoreCase))
                    throw new OperationFailedException("MachineAlreadyRegistered", $"This machine ({claim}) already belongs to '{owner}'; two resources must not drive one machine. Delete one of them.");
            }
        }, stop);
        context.Status = context.Status with { VendorProfile = profile };
    }

    public async Task InspectAsync(MachineContext context, CancellationToken stop)
    {
        Show(context, DetailedStatus.Inspecting, "Reading the hardware out of band.");
        var inventory = await bmc.AskAsync(context, machine => machine.InspectAsync(stop), stop);
        var power = await bmc.AskAsync(context, machine => machine.ReadPowerAsync(stop), stop);
        var match = HardwareCatalogue.Match(inventory);
        context.Status = context.Status with
        {
            HardwareInventory = inventory,
            PowerState = power.ToString(),
            HardwareValidation = new()
            {
                Status = match.IsCertified ? "Pass" : context.Wanted.AllowUncertifiedHardware ? "Allowed" : "Fail",
                Model = match.Model?.Name,
                Violations = match.Violations,
            },
        };
    }

    /// <summary>Only certified hardware goes on, unless the machine allows otherwise; a machine that is Provisioned stays as it is.</summary>
    public Task<StepResult> AdmitAsync(MachineContext context, CancellationToken stop)
    {
        if (context.Status.DetailedStatus is DetailedStatus.Provisioned)
        {
            context.Status = context.Status with { Drift = Drift(context.Wanted, context.Status) };
            return Task.FromResult(StepResult.GoTo(nameof(NodeSteps.Label)));
        }

        var validation = context.Status.HardwareValidation!;
        if (validation.Status == "Fail")
            throw new OperationFailedException("HardwareModelNotCertified", $"The machine is not certified: {string.Join(' ', validation.Violations)} Set allowUncertifiedHardware to go ahead all the same.",
                evidence: new { context.Status.HardwareInventory!.Manufacturer, context.Status.HardwareInventory.Model, validation.Violations });
        if (context.Wanted.OsImageId is null)
        {
            Show(context, DetailedStatus.Available, "Inspected; give osImageId and clusterId to provision it.");
            return Task.FromResult(StepResult.GoTo(nameof(MachineOperation.Finish)));
        }

        if (BootMac(context.Wanted, context.Status.HardwareInventory!) is null)
            throw new OperationFailedException("BootPortNotFound", context.Wanted.BootMacAddress is { } mac
                ? $"The BMC lists no port with bootMacAddress {mac}."
                : "The BMC lists no port with a link; give bootMacAddress.", evidence: context.Status.HardwareInventory!.Nics);
        Show(context, DetailedStatus.Preparing, "Admitted.");
        return Task.FromResult(StepResult.Done);
    }

    /// <summary>The wanted port as inspection saw it, else the first with a link. BMCs that list no ports are believed.</summary>
    public static string? BootMac(BareMetalMachine wanted, HardwareInventory inventory) => wanted.BootMacAddress is { } mac
        ? inventory.Nics.Length == 0 || inventory.Nics.Any(nic => mac.Equals(nic.MacAddress, StringComparison.OrdinalIgnoreCase)) ? mac.ToLowerInvariant() : null
        : inventory.Nics.OrderByDescending(nic => nic.LinkStatus is "LinkUp").FirstOrDefault(nic => nic.MacAddress is not null && nic.LinkStatus is not ("LinkDown" or "NoLink"))?.MacAddress;

    /// <summary>What is wanted and differs from what is installed.</summary>
    public static IReadOnlyList<string> Drift(BareMetalMachine wanted, BareMetalMachineStatus status)
    {
        var drift = new List<string>();
        if (wanted.OsImageId is { } image && !image.Equals(status.InstalledOsImageId, StringComparison.OrdinalIgnoreCase))
            drift.Add("osImageId");
        if (wanted.KubernetesNodeName is { } node && node != status.KubernetesNodeName)
            drift.Add("kubernetesNodeName");
        return drift;
    }

    /// <summary>A Provisioned machine is shown as such until something that takes it away has begun.</summary>
    private static void Show(MachineContext context, DetailedStatus status, string message)
    {
        if (context.Status.DetailedStatus is not DetailedStatus.Provisioned)
            context.Status = context.Status with { DetailedStatus = status, DetailedStatusMessage = message };
    }
}
