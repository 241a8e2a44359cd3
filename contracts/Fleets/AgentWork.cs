using System.Text.Json;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.Fleets;

/// <summary>Everything that is to be done on a cluster now: what was done is in it no more, so that an agent that has forgotten everything needs nothing else.</summary>
/// <param name="Cursor">Changes with the items; asked with it, the front door answers when they are others. 0 stands for none.</param>
/// <param name="Items">The most urgent first.</param>
public sealed record AgentWork(long Cursor, IReadOnlyList<AgentWorkItem> Items)
{
    /// <summary>What update runs want of the cluster.</summary>
    public IReadOnlyList<AgentUpdate> Updates { get; init; } = [];

    /// <summary>How its nodes shall be for the sake of policies; absent when there is nothing to do.</summary>
    public AgentCordon? Cordon { get; init; }
}

/// <summary>An update of the cluster, as a run wants it.</summary>
public sealed record AgentUpdate
{
    public required long Run { get; init; }

    /// <summary>Counts what has become of the member in the run; what is reported of another claim changes nothing.</summary>
    public required int Claim { get; init; }

    public required ManagedClusterUpdate Update { get; init; }

    /// <summary>Node images that are known, of which the newest is meant.</summary>
    public required IReadOnlyList<string> NodeImages { get; init; }
}

/// <summary>Which nodes of the cluster are cordoned for the sake of policies: all of them, or none when nobody cordons them any more. Nodes that somebody else has cordoned are left alone.</summary>
/// <param name="Generation">Counts the changes; what is reported of another generation changes nothing.</param>
/// <param name="Owners">The policy assignments for which they are cordoned.</param>
public sealed record AgentCordon(long Generation, IReadOnlyList<string> Owners);

/// <summary>What a placement wants of the cluster.</summary>
public sealed record AgentWorkItem
{
    public required int Placement { get; init; }

    /// <summary>Counts the changes of what is wanted; what is reported of another generation changes nothing.</summary>
    public required long Generation { get; init; }

    public required int DesiredRevision { get; init; }

    /// <summary>Everything of the placement is to go.</summary>
    public required bool IsUnscheduled { get; init; }

    /// <summary>SHA-256 of the bundle to apply, in hexadecimal digits; absent when there is none.</summary>
    public string? Bundle { get; init; }

    /// <summary>By what the placement knows its own objects; absent when nothing is known of what it brought.</summary>
    public string? Owner { get; init; }

    /// <summary>What earlier revisions may have brought: what the bundle does not have is to go.</summary>
    public required IReadOnlyList<AgentObject> Touched { get; init; }

    /// <summary>Why the cluster cannot be given what is wanted; to be reported as a failure.</summary>
    public AgentFault? Fault { get; init; }

    public required BindingHealth Health { get; init; }
    public required long ObservedGeneration { get; init; }

    /// <summary>Of the last look.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>The control plane knows of differences: when they are gone, that is to be said.</summary>
    public bool HasDifferences { get; init; }

    /// <summary>Some of them are drift.</summary>
    public bool IsDrifted { get; init; }
}

/// <summary>An object by what it is.</summary>
public sealed record AgentObject(string ApiVersion, string Kind, string? Namespace, string Name);

public sealed record AgentFault(string Code, string Message);

/// <summary>The manifests of a revision as one cluster shall have them, in the order in which they are applied.</summary>
public sealed record AgentBundle
{
    public required string Owner { get; init; }
    public required ApplyStrategy ApplyStrategy { get; init; }
    public required IReadOnlyList<JsonElement> Manifests { get; init; }
}

/// <summary>What an agent says of its cluster. Saying it twice says no more than once.</summary>
public sealed record AgentStatus
{
    public IReadOnlyList<AgentOutcome> Items { get; init; } = [];
    public IReadOnlyList<AgentUpdateOutcome> Updates { get; init; } = [];

    /// <summary>The generation of a cordon by nobody that was carried out: no node is cordoned for a policy any more.</summary>
    public long? SettledCordon { get; init; }

    public AgentInventory? Inventory { get; init; }
    public string? AgentVersion { get; init; }
}

/// <summary>How far an update of the cluster has come.</summary>
public sealed record AgentUpdateOutcome
{
    public required long Run { get; init; }
    public required int Claim { get; init; }

    /// <summary>Updating or Deferred while it goes on, Healthy or Failed at its end.</summary>
    public required RolloutMemberState State { get; init; }

    public string? Message { get; init; }
}

/// <summary>How a placement stands on the cluster.</summary>
public sealed record AgentOutcome
{
    public required int Placement { get; init; }

    /// <summary>Of what was wanted when the agent looked.</summary>
    public required long Generation { get; init; }

    public required BindingHealth Health { get; init; }

    /// <summary>The generation that <see cref="Health"/> is about.</summary>
    public required long ObservedGeneration { get; init; }

    /// <summary>The agent goes on looking; false when there is nothing left to do.</summary>
    public bool IsOpen { get; init; }

    /// <summary>Nothing but the desired revision is on the cluster any more.</summary>
    public bool IsClean { get; init; }

    /// <summary>Nothing of the placement is left on the cluster.</summary>
    public bool IsGone { get; init; }

    /// <summary>Nobody can say of some of the objects whether they are available.</summary>
    public bool IsUntracked { get; init; }

    public string? ErrorCode { get; init; }
    public string? Error { get; init; }

    /// <summary>All that differs, at most <see cref="ObjectDifference.Most"/>; absent when nothing was compared.</summary>
    public IReadOnlyList<ObjectDifference>? Differences { get; init; }

    /// <summary>What had drifted and was brought back, in a few words, and when that was.</summary>
    public string? Repaired { get; init; }

    public DateTimeOffset? RepairedAt { get; init; }
}
