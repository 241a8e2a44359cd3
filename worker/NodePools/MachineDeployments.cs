using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.NodePools;
using ControlPlane.Kubernetes;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.Clusters;
using PoolContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.NodePools.NodePool, ControlPlane.Contracts.NodePools.NodePoolStatus>;

namespace ControlPlane.Worker.NodePools;

/// <summary>Virtual nodes: a MachineDeployment is told what is wanted, and Cluster API makes it so (Cluster API, v1beta1).</summary>
internal sealed class MachineDeployments(PoolNodes nodes)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    public async Task<StepResult> ReachAsync(PoolContext context, CancellationToken stop)
    {
        var (collection, name) = Place(context);
        var api = await nodes.ApiAsync(context, stop);
        if (await api.FindAsync(collection, name, stop) is not { } found)
        {
            var spec = context.Wanted.MachineDeployment?.Spec ?? throw new OperationFailedException("MachineDeploymentNotFound",
                $"There is no MachineDeployment '{name}' at {collection} in the cluster. Name one that is there in machineDeployment, or give machineDeployment.spec to create it.");
            await api.CreateAsync(collection, Created(context, name, spec), stop);
            return StepResult.WaitFor(Look);
        }

        if (Difference(found, context.Wanted) is { } patch)
        {
            await api.MergeAsync(collection, name, patch, stop);
            return StepResult.WaitFor(Look);
        }

        var seen = Deployment.Of(found);
        context.Status = context.Status with { Phase = seen.Phase, ReadyCount = seen.Ready };
        context.Message = $"{seen.Ready} of {context.Wanted.Count} nodes are ready, {seen.Updated} as they are wanted.";
        context.Percent = context.Wanted.Count == 0 ? null : 100.0 * Math.Min(seen.Ready, seen.Updated) / Math.Max(context.Wanted.Count, seen.Replicas);
        return seen.Observed >= seen.Generation && seen.Replicas == context.Wanted.Count && seen.Ready == context.Wanted.Count && seen.Updated == context.Wanted.Count ? StepResult.Done : StepResult.WaitFor(Look);
    }

    /// <summary>Over when one that the pool created is gone, with its nodes.</summary>
    public async Task<StepResult> DeleteAsync(PoolContext context, CancellationToken stop)
    {
        if (context.Wanted.MachineDeployment?.Spec is null)
            return StepResult.Done;
        var (collection, name) = Place(context);
        var api = await nodes.ApiAsync(context, stop);
        if (await api.FindAsync(collection, name, stop) is null)
            return StepResult.Done;
        await api.DeleteAsync(collection, name, stop);
        return StepResult.WaitFor(Look);
    }

    private static (string Collection, string Name) Place(PoolContext context) =>
        ($"/apis/cluster.x-k8s.io/v1beta1/namespaces/{context.Wanted.MachineDeployment?.Namespace ?? "default"}/machinedeployments", context.Wanted.MachineDeployment?.Name ?? context.Id.Name);

    private static JsonObject Created(PoolContext context, string name, JsonElement given)
    {
        var spec = JsonObject.Create(given)!;
        spec["replicas"] = context.Wanted.Count;
        var deployment = new JsonObject { ["apiVersion"] = "cluster.x-k8s.io/v1beta1", ["kind"] = "MachineDeployment", ["metadata"] = new JsonObject { ["name"] = name }, ["spec"] = spec };
        var labels = At(At(At(spec, "template"), "metadata"), "labels");
        labels[PoolLabels.ClusterApiPool] = context.Id.Name;
        return deployment;
    }

    /// <summary>The merge patch that makes a MachineDeployment as it is wanted; null when it is. Pure.</summary>
    private static JsonObject? Difference(JsonElement found, NodePool wanted)
    {
        var spec = found.GetProperty("spec");
        var patch = new JsonObject();
        if (!spec.TryGetProperty("replicas", out var replicas) || replicas.GetInt32() != wanted.Count)
            patch["replicas"] = wanted.Count;
        var template = spec.TryGetProperty("template", out var given) ? given : default;
        if (wanted.MachineDeployment?.KubernetesVersion is { } version && Text(template, "spec", "version") != version)
            At(At(patch, "template"), "spec")["version"] = version;
        if (wanted.MachineDeployment?.NodeImageVersion is { } image && Text(template, "metadata", "labels", ObservedNode.ImageLabel) != image)
            At(At(At(patch, "template"), "metadata"), "labels")[ObservedNode.ImageLabel] = image;
        return patch.Count == 0 ? null : new() { ["spec"] = patch };
    }

    private static JsonObject At(JsonObject parent, string name)
    {
        if (parent[name] is not JsonObject child)
            parent[name] = child = [];
        return child;
    }

    private static string? Text(JsonElement at, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (at.ValueKind is not JsonValueKind.Object || !at.TryGetProperty(name, out at))
                return null;
        }

        return at.GetString();
    }

    /// <summary>What a MachineDeployment says of itself.</summary>
    private sealed record Deployment(long Generation, long Observed, int Replicas, int Ready, int Updated, string? Phase)
    {
        public static Deployment Of(JsonElement found)
        {
            var status = found.TryGetProperty("status", out var given) ? given : default;
            int Number(string name) => status.ValueKind is JsonValueKind.Object && status.TryGetProperty(name, out var number) ? number.GetInt32() : 0;
            var generation = found.GetProperty("metadata").TryGetProperty("generation", out var counted) ? counted.GetInt64() : 0;
            return new(generation, Number("observedGeneration"), Number("replicas"), Number("readyReplicas"), Number("updatedReplicas"), Text(status, "phase"));
        }
    }
}
