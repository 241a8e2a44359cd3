namespace ControlPlane.Contracts.Fleets;

/// <summary>What a run waits for before it goes on (<c>fleets/gates</c>). Runs make gates and take them away again; people complete them.</summary>
public sealed record Gate
{
    /// <summary>The resource's type. It is no <c>IResource</c>, for a gate is neither PUT nor deleted by anybody.</summary>
    public const string Type = "Microsoft.ContainerService/fleets/gates";

    /// <summary>Always Succeeded: nothing has to be carried out for a gate.</summary>
    public GateProvisioningState ProvisioningState { get; init; }

    public string? DisplayName { get; init; }
    public required GateType GateType { get; init; }
    public required GateTarget Target { get; init; }
    public required GateState State { get; init; }

    /// <summary>The principal who completed it.</summary>
    public string? CompletedBy { get; init; }
}

/// <summary>Somebody must say that the run may go on.</summary>
public enum GateType { Approval }

public enum GateProvisioningState { Succeeded }

/// <summary>Skipped: what it stood before was skipped, or its run ended.</summary>
public enum GateState { Pending, Skipped, Completed }

/// <summary>Before or after what it is about.</summary>
public enum GateTiming { Before, After }

/// <summary>What a gate holds up.</summary>
public sealed record GateTarget
{
    /// <summary>The id of the update run, or of the placement.</summary>
    public required string Id { get; init; }

    public GateRun? UpdateRunProperties { get; init; }

    /// <summary>Of a placement: its rollout run.</summary>
    public GateRun? RolloutRunProperties { get; init; }
}

/// <summary>A place in a run.</summary>
public sealed record GateRun
{
    /// <summary>The name of the run.</summary>
    public required string Name { get; init; }

    public required string Stage { get; init; }

    /// <summary>Absent for a gate of the stage itself.</summary>
    public string? Group { get; init; }

    public required GateTiming Timing { get; init; }
}

/// <summary>What somebody wants of a gate.</summary>
public sealed record GatePatch
{
    public GatePatchProperties? Properties { get; init; }
}

public sealed record GatePatchProperties
{
    /// <summary>Completed lets the run go on; nothing else can be asked for.</summary>
    /// <example>Completed</example>
    public GateState? State { get; init; }
}
