using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Fleets;

/// <summary>
/// Kubernetes objects, and the members of a fleet on which they shall be (KubeFleet, ClusterResourcePlacement). Every change of the objects, the overrides or the way they are applied is a
/// revision, kept by its content; a rollout run brings it to the members.
/// </summary>
public sealed record ClusterResourcePlacement : IResource<ClusterResourcePlacement, PlacementStatus>
{
    private const int LongestHistory = 1000;

    public static ResourceType Type { get; } = new("Microsoft.ContainerService", "fleets/clusterResourcePlacements");

    public static bool IsTracked => false;

    /// <summary>The Kubernetes objects as they shall be on every member: apiVersion, kind, metadata.name and the rest. No status, no generateName.</summary>
    public required IReadOnlyList<JsonElement> Manifests { get; init; }

    public PlacementPolicy Policy { get; init; } = new();
    public RolloutStrategy Strategy { get; init; } = new();

    /// <summary>How many members may be without it at once because of evictions and rollouts; absent: any number.</summary>
    public DisruptionBudget? DisruptionBudget { get; init; }

    /// <summary>What is different on some members; later ones win.</summary>
    public IReadOnlyList<ResourceOverride> Overrides { get; init; } = [];

    public ApplyStrategy ApplyStrategy { get; init; } = new();

    public DeleteStrategy DeleteStrategy { get; init; } = new();

    /// <summary>How many revisions are kept, besides those that a member or a run still needs.</summary>
    public int RevisionHistoryLimit { get; init; } = 10;

    /// <summary>The objects may give rights over the whole cluster: roles with wildcards, bindings to cluster-admin, the verbs bind, escalate and impersonate.</summary>
    public bool AllowClusterEscalation { get; init; }

    public static IReadOnlyList<ResourceAction> Actions { get; } =
    [
        new("rollback", "Bring every member back to an earlier revision, at once and before everything else.", typeof(RollbackParameters)),
        new("pause", "Start no more members of the run that is under way."),
        new("resume", "Go on with a run that was paused or holds."),
    ];

    public static string? WrongName(string name) => FleetApi.WrongName(name);

    public static IEnumerable<Violation> Violations(ClusterResourcePlacement wanted, ClusterResourcePlacement? current) =>
    [
        .. ManifestRules.Violations(wanted.Manifests, wanted.AllowClusterEscalation),
        .. wanted.Policy.Violations(),
        .. wanted.Strategy.Violations(),
        .. wanted.DisruptionBudget?.Violations() ?? [],
        .. wanted.ApplyStrategy.Violations(),
        .. wanted.Overrides.SelectMany((one, at) => one.Violations($"overrides[{at}]")),
        .. wanted.RevisionHistoryLimit is < 1 or > LongestHistory ? [new Violation("revisionHistoryLimit", $"must be from 1 to {LongestHistory}")] : Array.Empty<Violation>(),
    ];

    /// <summary>Within a fleet an object belongs to one placement.</summary>
    public static IEnumerable<string> Claims(ResourceId id, ClusterResourcePlacement wanted) => wanted.Manifests.Select(manifest => $"{id.Parent!.Key}#{ManifestRules.Identity(manifest)}").Distinct(StringComparer.Ordinal);

    public static ErrorBody Taken(string other) => new("ObjectOwnedByOtherPlacement", $"An object among the manifests belongs to '{other}' already; remove it from one of the two, for two placements would overwrite each other's.");

    public static ErrorBody? Refuse(ResourceRequest<ClusterResourcePlacement, PlacementStatus> request) => request.Name switch
    {
        "pause" when request.Status.Rollout?.State is not (RolloutState.Running or RolloutState.WaitingGate or RolloutState.WaitingTimer or RolloutState.HealthyHold)
            => new("NothingToPause", "No rollout run is under way."),
        "resume" when request.Status.Rollout?.State is not (RolloutState.Paused or RolloutState.HealthyHold)
            => new("NothingToResume", $"No rollout run is paused; {(request.Status.Rollout is { } run ? $"the last one is {run.State}" : "there was none yet")}."),
        "rollback" when request.Status.Revision is null or 1 && request.Parameters.ValueKind is JsonValueKind.Object && !request.Parameters.TryGetProperty("revision", out _)
            => new("NoEarlierRevision", "There is no earlier revision to go back to."),
        _ => null,
    };

    public static TimeSpan TimeLimit(string request) => request is "delete" ? TimeSpan.FromHours(3) : TimeSpan.FromMinutes(30);
}

/// <summary>Where to go back to.</summary>
public sealed record RollbackParameters
{
    /// <summary>The number of a revision that is kept; absent: the one that was rolled out before the present one.</summary>
    public int? Revision { get; init; }

    /// <summary>How many members are changed at once: a number or a percentage.</summary>
    public string? MaxConcurrency { get; init; }
}

public sealed record DeleteStrategy
{
    public DeletePropagation PropagationPolicy { get; init; }
}

/// <summary>Whether the objects go from a member with the placement, or stay as nobody's.</summary>
public enum DeletePropagation { Delete, Abandon }

/// <summary>What is different on some members (KubeFleet, ClusterResourceOverride).</summary>
public sealed record ResourceOverride
{
    /// <summary>On which members; absent: on all.</summary>
    public LabelSelector? ClusterSelector { get; init; }

    /// <summary>Which of the objects; absent: all.</summary>
    public ObjectSelector? Target { get; init; }

    public OverrideType OverrideType { get; init; }

    /// <summary>Operations of RFC 6902; values may hold <c>${MEMBER-CLUSTER-NAME}</c> and <c>${MEMBER-CLUSTER-LABEL-KEY-…}</c>.</summary>
    public IReadOnlyList<JsonPatchOverride> JsonPatchOverrides { get; init; } = [];

    public IEnumerable<Violation> Violations(string target)
    {
        if (OverrideType is OverrideType.JSONPatch != JsonPatchOverrides.Count > 0)
            yield return new($"{target}.jsonPatchOverrides", OverrideType is OverrideType.JSONPatch ? "must have at least one operation" : "belongs to the override type JSONPatch");
        foreach (var violation in ClusterSelector?.Violations($"{target}.clusterSelector") ?? [])
            yield return violation;
        foreach (var (patch, at) in JsonPatchOverrides.Select((patch, at) => (patch, at)))
        {
            if (!patch.Path.StartsWith('/'))
                yield return new($"{target}.jsonPatchOverrides[{at}].path", "must be a JSON pointer, such as /spec/replicas");
            else if (patch.Path is "/apiVersion" or "/kind" or "/metadata" or "/metadata/name" or "/metadata/namespace" || patch.Path.StartsWith("/status", StringComparison.Ordinal))
                yield return new($"{target}.jsonPatchOverrides[{at}].path", "must not change what the object is: apiVersion, kind, metadata.name, metadata.namespace and status");
            if (patch.Op is JsonPatchOperation.Remove == patch.Value is not null)
                yield return new($"{target}.jsonPatchOverrides[{at}].value", patch.Value is null ? $"must be given for {patch.Op}" : "belongs to Add and Replace");
        }
    }
}

/// <summary>Delete leaves the object out on those members.</summary>
public enum OverrideType { JSONPatch, Delete }

public sealed record ObjectSelector
{
    public string? Kind { get; init; }
    public string? Namespace { get; init; }
    public string? Name { get; init; }
}

public sealed record JsonPatchOverride
{
    public required JsonPatchOperation Op { get; init; }
    public required string Path { get; init; }
    public JsonElement? Value { get; init; }
}

public enum JsonPatchOperation { Add, Remove, Replace }
