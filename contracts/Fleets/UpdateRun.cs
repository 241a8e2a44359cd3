using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.Fleets;

/// <summary>
/// A new node image, Kubernetes version or add-on version on its way through the members of a fleet (<c>fleets/updateRuns</c>). Writing one starts nothing: <c>start</c> does. Its strategy is kept
/// as it was when the run was written; its members are those of the fleet when it starts.
/// </summary>
public sealed record UpdateRun : IResource<UpdateRun, UpdateRunProgress>
{
    private const int LongestDeadline = 7 * 86_400;

    public static ResourceType Type { get; } = new("Microsoft.ContainerService", "fleets/updateRuns");

    public static IReadOnlyList<string> ApiVersions { get; } = FleetApi.Versions;

    public static bool IsTracked => false;

    /// <summary>The id of a <c>fleets/updateStrategies</c> of the same fleet. Without it and without <see cref="Strategy"/> all members are updated one by one.</summary>
    public string? UpdateStrategyId { get; init; }

    public UpdateRunStrategy? Strategy { get; init; }

    public required ManagedClusterUpdate ManagedClusterUpdate { get; init; }

    /// <summary>Only these members, by name, such as those that have to be remedied; none: all that the strategy names.</summary>
    public IReadOnlyList<string> Members { get; init; } = [];

    /// <summary>Of a run without a strategy, how many members are updated at once: a number, or a percentage, rounded down but at least 1. Absent: one.</summary>
    /// <example>10%</example>
    public string? MaxConcurrency { get; init; }

    /// <summary>How many members may fail: a number, or a percentage of all, rounded up. One more ends the run when those that are being updated are done.</summary>
    /// <example>0</example>
    public string MaxFailures { get; init; } = "0";

    /// <summary>A member that is not updated after so many seconds counts as failed.</summary>
    public int MemberDeadlineInSeconds { get; init; } = 7200;

    public static IReadOnlyList<ResourceAction> Actions { get; } =
    [
        new("start", "Start the run, or go on with one that was stopped or has failed: members that failed are tried again.") { ReturnsResource = true },
        new("stop", "Start no more members; the run is Stopped when those that are being updated are done.") { ReturnsResource = true },
        new("skip", "Leave out members, groups, stages or the waits after stages.", typeof(SkipParameters)) { ReturnsResource = true },
    ];

    public static string? WrongName(string name) => FleetApi.WrongName(name);

    public static IEnumerable<Violation> Violations(UpdateRun wanted, UpdateRun? current)
    {
        if (wanted.Strategy is not null && wanted.UpdateStrategyId is not null)
            yield return new("strategy", "and updateStrategyId exclude each other; give one of them, or none");
        if (wanted.MaxConcurrency is { } share && !Share.IsValid(share, least: 1))
            yield return new("maxConcurrency", "must be a number from 1, such as 3, or a percentage from 1% to 100%");
        else if (wanted.MaxConcurrency is not null && (wanted.Strategy is not null || wanted.UpdateStrategyId is not null))
            yield return new("maxConcurrency", "belongs to a run without a strategy; the stages and groups of a strategy have their own");
        if (!Share.IsValid(wanted.MaxFailures, least: 0))
            yield return new("maxFailures", "must be a number from 0, such as 3, or a percentage from 0% to 100%");
        if (wanted.MemberDeadlineInSeconds is < 1 or > LongestDeadline)
            yield return new("memberDeadlineInSeconds", $"must be from 1 to {LongestDeadline}");
        foreach (var violation in wanted.Strategy?.Violations("strategy") ?? [])
            yield return violation;
        foreach (var violation in wanted.ManagedClusterUpdate.Violations("managedClusterUpdate"))
            yield return violation;
        if (current is null)
            yield break;
        if (!string.Equals(wanted.UpdateStrategyId, current.UpdateStrategyId, StringComparison.OrdinalIgnoreCase))
            yield return Violation.Immutable("updateStrategyId", WayOut);
        foreach (var (name, one, other) in new (string, object?, object?)[] { ("strategy", wanted.Strategy, current.Strategy), ("managedClusterUpdate", wanted.ManagedClusterUpdate, current.ManagedClusterUpdate), ("members", wanted.Members, current.Members) })
        {
            if (!JsonElement.DeepEquals(Json.Element(one), Json.Element(other)))
                yield return Violation.Immutable(name, WayOut);
        }
    }

    private const string WayOut = "delete the run and create another";

    public static IEnumerable<Reference> References(UpdateRun wanted) => wanted.UpdateStrategyId is { } id ? [new("updateStrategyId", id, UpdateStrategy.Type) { Keeps = false }] : [];

    public static ErrorBody? Refuse(ResourceRequest<UpdateRun, UpdateRunProgress> request)
    {
        var state = request.Status.Status?.Status.State ?? UpdateState.NotStarted;
        return request.Name switch
        {
            "start" when state is not (UpdateState.NotStarted or UpdateState.Stopped or UpdateState.Failed) => new("UpdateRunCannotStart", $"The run is {state}; only one that is NotStarted, Stopped or Failed can be started."),
            "stop" when state is not (UpdateState.Running or UpdateState.Pending) => new("UpdateRunCannotStop", $"The run is {state}; only one that is Running or Pending can be stopped."),
            "skip" when state is UpdateState.Completed or UpdateState.Skipped => new("UpdateRunHasEnded", $"The run is {state}; nothing of it can be skipped any more."),
            "skip" => request.Status.Status is { } status ? status.Unknown(request.Parameters) : null,
            "delete" when state is UpdateState.Running or UpdateState.Pending or UpdateState.Stopping => new("UpdateRunIsRunning", $"The run is {state}; POST stop, and delete it when it is Stopped."),
            _ => null,
        };
    }

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromMinutes(15);
}

/// <summary>What a run does to each member.</summary>
public sealed record ManagedClusterUpdate
{
    public required ManagedClusterUpgrade Upgrade { get; init; }

    /// <summary>Which node images; absent: <see cref="NodeImageSelectionType.Latest"/>.</summary>
    public NodeImageSelection? NodeImageSelection { get; init; }

    public IEnumerable<Violation> Violations(string target) => [.. Upgrade.Violations($"{target}.upgrade"), .. NodeImageSelection?.Violations($"{target}.nodeImageSelection") ?? []];
}

public sealed record ManagedClusterUpgrade
{
    public required ManagedClusterUpgradeType Type { get; init; }

    /// <summary>With Full and ControlPlaneOnly, such as 1.33.1.</summary>
    public string? KubernetesVersion { get; init; }

    /// <summary>With AddonVersion.</summary>
    public AddonVersion? AddonVersion { get; init; }

    public IEnumerable<Violation> Violations(string target)
    {
        if (Type is ManagedClusterUpgradeType.Full or ManagedClusterUpgradeType.ControlPlaneOnly != KubernetesVersion is not null)
            yield return new($"{target}.kubernetesVersion", KubernetesVersion is null ? $"must be given for {Type}" : "belongs to Full and ControlPlaneOnly");
        else if (KubernetesVersion is { } version && !KubernetesVersions.IsValid(version))
            yield return new($"{target}.kubernetesVersion", "must be a version, such as 1.33.1");
        if (Type is ManagedClusterUpgradeType.AddonVersion != AddonVersion is not null)
            yield return new($"{target}.addonVersion", AddonVersion is null ? "must be given for AddonVersion" : "belongs to AddonVersion");
        if (AddonVersion is { } addon && !KubernetesNames.IsLabel(addon.Name))
            yield return new($"{target}.addonVersion.name", "must be the name of a Deployment or a DaemonSet in kube-system");
        if (AddonVersion is { } of && (of.Version.Length == 0 || !KubernetesNames.IsLabelValue(of.Version)))
            yield return new($"{target}.addonVersion.version", "must be a version, such as 1.4.8");
    }
}

/// <summary>Full: control plane, nodes and node images. NodeImageOnly: node images. ControlPlaneOnly: the control plane. AddonVersion, ours: one add-on.</summary>
public enum ManagedClusterUpgradeType { Full, NodeImageOnly, ControlPlaneOnly, AddonVersion }

/// <summary>An add-on: a Deployment or DaemonSet in kube-system.</summary>
public sealed record AddonVersion
{
    /// <example>secrets-store-csi-driver</example>
    public required string Name { get; init; }

    /// <example>1.4.8</example>
    public required string Version { get; init; }
}

public sealed record NodeImageSelection
{
    public required NodeImageSelectionType Type { get; init; }

    /// <summary>With Custom.</summary>
    public IReadOnlyList<NodeImageVersion> CustomNodeImageVersions { get; init; } = [];

    public IEnumerable<Violation> Violations(string target)
    {
        if (Type is NodeImageSelectionType.Custom != CustomNodeImageVersions.Count > 0)
            yield return new($"{target}.customNodeImageVersions", CustomNodeImageVersions.Count == 0 ? "must have at least one entry for Custom" : "belongs to Custom");
        foreach (var (image, at) in CustomNodeImageVersions.Select((image, at) => (image, at)))
        {
            if (image.Version.Length == 0 || !KubernetesNames.IsLabelValue(image.Version))
                yield return new($"{target}.customNodeImageVersions[{at}].version", "must be a node image, such as AKSUbuntu-2204gen2containerd-202601.13.0");
        }
    }
}

/// <summary>Latest: the newest that is known when a member is updated. Consistent: the newest that is known when the run starts. Custom: those that are given.</summary>
public enum NodeImageSelectionType { Latest, Consistent, Custom }

public sealed record NodeImageVersion
{
    /// <example>AKSUbuntu-2204gen2containerd-202601.13.0</example>
    public required string Version { get; init; }
}

/// <summary>What to leave out of a run.</summary>
public sealed record SkipParameters
{
    public required IReadOnlyList<SkipTarget> Targets { get; init; }
}

public sealed record SkipTarget
{
    public required SkipTargetType Type { get; init; }

    /// <summary>The name of the member or the group; of the stage, for its wait too.</summary>
    public required string Name { get; init; }
}

public enum SkipTargetType { Member, Group, Stage, AfterStageWait }
