using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.BareMetal;

/// <summary>What the control plane knows about a machine; only its worker writes it.</summary>
public sealed record BareMetalMachineStatus
{
    public DetailedStatus? DetailedStatus { get; init; }

    /// <summary>One sentence for people: what is going on, or what went wrong and what to do.</summary>
    public string? DetailedStatusMessage { get; init; }

    /// <summary>Redfish's word, as last read.</summary>
    public string? PowerState { get; init; }

    public CordonStatus? CordonStatus { get; init; }

    /// <summary>True while the node is Ready in its cluster.</summary>
    public bool? ReadyState { get; init; }

    public HardwareInventory? HardwareInventory { get; init; }
    public HardwareValidation? HardwareValidation { get; init; }

    /// <summary>The quirk profile by which the BMC is spoken to.</summary>
    public string? VendorProfile { get; init; }

    /// <summary>The BMC was told Once and answered Continuous: its one-time boot is not to be trusted.</summary>
    public bool? BootOverridePersists { get; init; }

    /// <summary>The provisioning attempt under way, or the last one.</summary>
    public ProvisioningAttempt? Attempt { get; init; }

    /// <summary>What the last attempt wiped, and how.</summary>
    public IReadOnlyList<WipedDisk>? WipedDisks { get; init; }

    /// <summary>The image on the root disk.</summary>
    public string? InstalledOsImageId { get; init; }

    /// <summary>Wanted properties that differ from what is installed; only reimage changes what is installed.</summary>
    public IReadOnlyList<string>? Drift { get; init; }

    public string? KubernetesNodeName { get; init; }
    public string? ProviderId { get; init; }
    public DateTimeOffset? ProvisionedAt { get; init; }

    /// <summary>The last ten pieces of work, newest first.</summary>
    public IReadOnlyList<ActionState>? ActionStates { get; init; }
}

/// <summary>Azure Operator Nexus' words, with the two steps before Preparing spelled out.</summary>
public enum DetailedStatus { Registering, Inspecting, Preparing, Available, Provisioning, Provisioned, Deprovisioning, Error }

public enum CordonStatus { Uncordoned, Cordoned }

/// <summary>What the hardware list says about the inspected model.</summary>
public sealed record HardwareValidation
{
    /// <summary>Pass, Fail, or Allowed (not certified, but the machine allows that).</summary>
    public required string Status { get; init; }

    public string? Model { get; init; }
    public IReadOnlyList<string> Violations { get; init; } = [];
}

/// <summary>One try to bring the machine up from a network boot.</summary>
public sealed record ProvisioningAttempt
{
    public required Guid Id { get; init; }
    public required int Number { get; init; }
    public required BootMethod BootMethod { get; init; }
    public string? Phase { get; init; }
    public double PercentComplete { get; init; }
    public string? Message { get; init; }
}

public sealed record WipedDisk
{
    public required string Serial { get; init; }

    /// <summary>The method really used.</summary>
    public required string Method { get; init; }
}

/// <summary>One piece of work on the machine and its steps (Azure Operator Nexus' <c>actionStates[]</c>).</summary>
public sealed record ActionState
{
    public required string ActionType { get; init; }
    public required Guid OperationId { get; init; }
    public required string CorrelationId { get; init; }
    public required string Status { get; init; }
    public required DateTimeOffset StartTime { get; init; }
    public DateTimeOffset? EndTime { get; init; }
    public string? Message { get; init; }
    public IReadOnlyList<StepState> StepStates { get; init; } = [];
}
