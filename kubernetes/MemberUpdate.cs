using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Kubernetes;

/// <summary>What is to be done with a member, as it was claimed.</summary>
internal sealed record MemberUpdateWork
{
    public required ManagedClusterUpdate Update { get; init; }

    /// <summary>Chosen when the run started; for Latest, known now.</summary>
    public required IReadOnlyList<string> NodeImages { get; init; }

    public required int Attempts { get; init; }
}

/// <summary>What a look at a member came to; with <see cref="Again"/>, when to look again.</summary>
internal sealed record UpdateOutcome(RolloutMemberState State, string? Message, TimeSpan? Again = null, int Attempts = 0);

/// <summary>
/// One look at a member of an update run: what is not as it shall be is patched, what is not done yet is waited for. A look may run any number of times, by whichever worker, or by the agent of the cluster: it asks the cluster
/// how far it is and keeps nothing. Node pools are Cluster API's MachineDeployments, a control plane its KubeadmControlPlane.
/// </summary>
internal static class MemberUpdate
{
    public const string ImageLabel = "kubernetes.azure.com/node-image-version";
    public const string VersionLabel = "app.kubernetes.io/version";

    private const int UnreachableLooks = 3;
    private const int MostSecondsBetween = 300;
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(500);

    private static readonly KubernetesKind Pools = new("cluster.x-k8s.io/v1beta1", "machinedeployments", IsNamespaced: true);
    private static readonly KubernetesKind ControlPlanes = new("controlplane.cluster.x-k8s.io/v1beta1", "kubeadmcontrolplanes", IsNamespaced: true);
    private static readonly KubernetesKind Nodes = new("v1", "nodes", IsNamespaced: false);
    private static readonly KubernetesKind[] AddonKinds = [new("apps/v1", "deployments", IsNamespaced: true), new("apps/v1", "daemonsets", IsNamespaced: true)];

    public static async Task<UpdateOutcome> LookAsync(MemberApi member, MemberUpdateWork work, CancellationToken stop)
    {
        try
        {
            var left = await StepAsync(member, work, stop);
            return left is null ? new(RolloutMemberState.Healthy, Message: null) : new(RolloutMemberState.Updating, left, Soon);
        }
        catch (UpdateImpossibleException fault)
        {
            return new(RolloutMemberState.Failed, fault.Message);
        }
        catch (MemberRefusedException refused) when (refused.IsTransient || refused.Status is HttpStatusCode.Conflict)
        {
            return new(RolloutMemberState.Updating, refused.Message, refused.RetryAfter ?? Soon);
        }
        catch (MemberRefusedException refused)
        {
            return new(RolloutMemberState.Failed, $"{refused.Reason}: {refused.Message}");
        }
        catch (MemberUnreachableException failure)
        {
            return Unreachable(work, failure.Message);
        }
    }

    /// <summary>A member that cannot be reached is nobody's failure: it follows when it is back.</summary>
    public static UpdateOutcome Unreachable(MemberUpdateWork work, string message) => work.Attempts + 1 < UnreachableLooks
        ? new(RolloutMemberState.Updating, message, Soon, work.Attempts + 1)
        : new(RolloutMemberState.Deferred, $"It cannot be reached and is updated when it is back. {message}",
            TimeSpan.FromSeconds(Math.Min(MostSecondsBetween, Math.Pow(2, Math.Min(work.Attempts - 1, 10)))), work.Attempts + 1);

    /// <summary>Null when all is as it shall be; else what is left to do.</summary>
    private static async Task<string?> StepAsync(MemberApi member, MemberUpdateWork work, CancellationToken stop)
    {
        var upgrade = work.Update.Upgrade;
        if (upgrade.AddonVersion is { } addon)
            return await AddonAsync(member, addon, stop);
        var version = upgrade.KubernetesVersion is { } wanted ? $"v{wanted.TrimStart('v')}" : null;
        if (version is not null && await ControlPlaneAsync(member, version, upgrade.Type is ManagedClusterUpgradeType.ControlPlaneOnly, stop) is { } left)
            return left;
        return upgrade.Type is ManagedClusterUpgradeType.ControlPlaneOnly ? null : await PoolsAsync(member, version, work, stop);
    }

    private static async Task<string?> ControlPlaneAsync(MemberApi member, string version, bool isRequired, CancellationToken stop)
    {
        var planes = await ListAsync(member, ControlPlanes, stop);
        if (planes.Count == 0 && isRequired)
            throw new UpdateImpossibleException("The cluster has no KubeadmControlPlane (controlplane.cluster.x-k8s.io/v1beta1): its control plane is upgraded elsewhere.");
        foreach (var plane in planes)
        {
            var present = Text(plane, "spec", "version") ?? "";
            if (NodeImages.Compare(present, version) < 0)
            {
                await PatchAsync(member, ControlPlanes, plane, new() { ["spec"] = new JsonObject { ["version"] = version } }, stop);
                return $"The control plane goes from {present} to {version}.";
            }

            if (!HasSeen(plane) || NodeImages.Compare(Text(plane, "status", "version") ?? "", version) < 0 || Number(plane, "status", "updatedReplicas") < Number(plane, "spec", "replicas"))
                return $"The control plane goes to {version}.";
        }

        return null;
    }

    private static async Task<string?> PoolsAsync(MemberApi member, string? version, MemberUpdateWork work, CancellationToken stop)
    {
        var pools = await ListAsync(member, Pools, stop);
        if (pools.Count == 0)
            throw new UpdateImpossibleException("The cluster has no MachineDeployment (cluster.x-k8s.io/v1beta1) whose nodes could be updated.");
        var (left, wanted) = ((string?)null, new List<(string? Image, string? Version)>());
        foreach (var pool in pools)
        {
            var (image, kubelet) = (Image(pool, work), version is not null && NodeImages.Compare(Text(pool, "spec", "template", "spec", "version") ?? "", version) < 0 ? version : Text(pool, "spec", "template", "spec", "version"));
            wanted.Add((image, kubelet));
            var patch = new JsonObject();
            if (image is not null && PoolImage(pool) != image)
                patch["metadata"] = new JsonObject { ["labels"] = new JsonObject { [ImageLabel] = image } };
            if (version is not null && kubelet == version && Text(pool, "spec", "template", "spec", "version") != version)
                patch["spec"] = new JsonObject { ["version"] = version };
            if (patch.Count > 0)
            {
                await PatchAsync(member, Pools, pool, new() { ["spec"] = new JsonObject { ["template"] = patch } }, stop);
                left = $"Node pool '{Text(pool, "metadata", "name")}' gets {image ?? version}.";
            }
            else if (!HasSeen(pool) || Number(pool, "status", "updatedReplicas") < Number(pool, "spec", "replicas") || Number(pool, "status", "replicas") != Number(pool, "spec", "replicas"))
            {
                left ??= $"Node pool '{Text(pool, "metadata", "name")}': {Number(pool, "status", "updatedReplicas")} of {Number(pool, "spec", "replicas")} nodes are updated.";
            }
        }

        return left ?? await NodesAsync(member, wanted, stop);
    }

    /// <summary>Every node runs what its pool shall have, and is Ready. Control plane nodes are none of a pool's.</summary>
    private static async Task<string?> NodesAsync(MemberApi member, List<(string? Image, string? Version)> wanted, CancellationToken stop)
    {
        var nodes = (await ListAsync(member, Nodes, stop)).Where(node => Text(node, "metadata", "labels", "node-role.kubernetes.io/control-plane") is null).ToList();
        var done = nodes.Count(node => IsReady(node) && wanted.Exists(one =>
            (one.Image is null || Text(node, "metadata", "labels", ImageLabel) is not { } image || image == one.Image) && (one.Version is null || Text(node, "status", "nodeInfo", "kubeletVersion") == one.Version)));
        return done == nodes.Count ? null : $"{done} of {nodes.Count} nodes are updated and Ready.";
    }

    private static async Task<string?> AddonAsync(MemberApi member, AddonVersion addon, CancellationToken stop)
    {
        foreach (var kind in AddonKinds)
        {
            var name = kind.Plural == "deployments" ? "Deployment" : "DaemonSet";
            if (await member.FindAsync(kind, new("apps/v1", name, "kube-system", addon.Name), stop) is not { } found)
                continue;
            var present = Text(found, "spec", "template", "metadata", "labels", VersionLabel) ?? Text(found, "metadata", "labels", VersionLabel);
            if (present != addon.Version)
            {
                await PatchAsync(member, kind, found, AddonPatch(found, addon, present), stop);
                return $"{name} kube-system/{addon.Name} goes from {present ?? "?"} to {addon.Version}.";
            }

            var body = JsonNode.Parse(found.GetRawText())!.AsObject();
            body["kind"] = name;
            var health = AvailabilityRules.Of(JsonSerializer.SerializeToElement(body));
            return health.Availability switch
            {
                Availability.Available => null,
                Availability.Failed => throw new UpdateImpossibleException($"{name} kube-system/{addon.Name}: {health.Message}"),
                _ => $"{name} kube-system/{addon.Name}: {health.Message}",
            };
        }

        throw new UpdateImpossibleException($"The cluster has neither a Deployment nor a DaemonSet kube-system/{addon.Name}.");
    }

    /// <summary>The labels that say the version, and the tag of each image that is of it. A list is replaced whole by a merge patch, so the object must still be the one that was read.</summary>
    public static JsonObject AddonPatch(JsonElement found, AddonVersion addon, string? present)
    {
        var containers = JsonNode.Parse(Child(found, "spec", "template", "spec", "containers")!.Value.GetRawText())!.AsArray();
        var own = containers.Select(one => one!.AsObject()).Where(one => present is not null && Tag($"{one["image"]}").TrimStart('v') == present).ToList();
        foreach (var container in own.Count > 0 ? own : [.. containers.Select(one => one!.AsObject()).Where((one, at) => $"{one["name"]}" == addon.Name || containers.Count == 1)])
        {
            var image = $"{container["image"]}";
            var tag = Tag(image);
            container["image"] = $"{image[..(image.Length - tag.Length)].TrimEnd(':')}:{(tag.StartsWith('v') ? "v" : "")}{addon.Version}";
        }

        return new()
        {
            ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [VersionLabel] = addon.Version }, ["resourceVersion"] = Text(found, "metadata", "resourceVersion") },
            ["spec"] = new JsonObject
            {
                ["template"] = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [VersionLabel] = addon.Version } }, ["spec"] = new JsonObject { ["containers"] = containers } },
            },
        };
    }

    /// <summary>What follows the last colon of the last segment; empty when there is none.</summary>
    private static string Tag(string image)
    {
        var colon = image.LastIndexOf(':');
        return colon > image.LastIndexOf('/') ? image[(colon + 1)..] : "";
    }

    /// <summary>Which image a pool shall have; null when the run is about versions only.</summary>
    private static string? Image(JsonElement pool, MemberUpdateWork work)
    {
        var (selection, present) = (work.Update.NodeImageSelection, PoolImage(pool));
        if (work.Update.Upgrade.Type is ManagedClusterUpgradeType.Full && selection is null)
            return null;
        if (selection?.Type is not NodeImageSelectionType.Custom)
            return present is null ? null : NodeImages.Newest(present, work.NodeImages);
        IReadOnlyList<string> given = [.. selection.CustomNodeImageVersions.Select(image => image.Version)];
        return (present is null ? given[0] : NodeImages.Given(present, given))
            ?? throw new UpdateImpossibleException($"Node pool '{Text(pool, "metadata", "name")}' runs {present}; none of customNodeImageVersions is of that kind.");
    }

    private static string? PoolImage(JsonElement pool) => Text(pool, "spec", "template", "metadata", "labels", ImageLabel);

    private static async Task<IReadOnlyList<JsonElement>> ListAsync(MemberApi member, KubernetesKind kind, CancellationToken stop)
    {
        try
        {
            return [.. (await member.ListAsync(kind, space: null, stop)).GetProperty("items").EnumerateArray()];
        }
        catch (MemberRefusedException refused) when (refused.Status is HttpStatusCode.NotFound)
        {
            return [];
        }
    }

    private static Task PatchAsync(MemberApi member, KubernetesKind kind, JsonElement thing, JsonObject patch, CancellationToken stop) =>
        member.PatchAsync(kind, Text(thing, "metadata", "namespace"), Text(thing, "metadata", "name")!, patch, stop);

    private static bool HasSeen(JsonElement thing) => Number(thing, "status", "observedGeneration") is { } seen ? seen >= (Number(thing, "metadata", "generation") ?? 0) : Number(thing, "metadata", "generation") is null;

    private static bool IsReady(JsonElement node) => Child(node, "status", "conditions") is { ValueKind: JsonValueKind.Array } conditions
        && conditions.EnumerateArray().Any(condition => Text(condition, "type") == "Ready" && Text(condition, "status") == "True");

    private static JsonElement? Child(JsonElement thing, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (thing.ValueKind is not JsonValueKind.Object || !thing.TryGetProperty(name, out thing))
                return null;
        }

        return thing;
    }

    private static string? Text(JsonElement thing, params ReadOnlySpan<string> path) => Child(thing, path) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static long? Number(JsonElement thing, params ReadOnlySpan<string> path) => Child(thing, path) is { ValueKind: JsonValueKind.Number } number ? number.GetInt64() : null;
}

/// <summary>The cluster is such that the update cannot be done, however often it is tried.</summary>
internal sealed class UpdateImpossibleException(string message) : Exception(message);
