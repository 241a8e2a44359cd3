using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>Cluster API's KubeadmControlPlane: after the time that a machine takes it is of the version that it wants.</summary>
internal static class ControlPlanes
{
    public const string Shelf = "kubeadmcontrolplanes.controlplane.cluster.x-k8s.io";

    private static readonly TimeSpan machineDuration = TimeSpan.FromSeconds(60);

    public static void Reconcile(ControllerWorld world, StoredObject plane)
    {
        var wanted = (plane.Read()["spec"] as JsonObject).Text("version");
        world.SetStatus(plane, null, (body, status) => Report(world, body, status, (status.Text("version") ?? wanted) == wanted));
        world.Later(machineDuration, () => world.SetStatus(plane, null, (body, status) =>
        {
            if ((body["spec"] as JsonObject).Text("version") == wanted) Report(world, body, status, isDone: true);
        }));
    }

    private static void Report(ControllerWorld world, JsonObject body, JsonObject status, bool isDone)
    {
        var replicas = body["spec"]?["replicas"]?.GetValue<int>() ?? 1;
        status["observedGeneration"] = body["metadata"]?["generation"]?.DeepClone();
        (status["replicas"], status["readyReplicas"], status["updatedReplicas"], status["initialized"], status["ready"]) = (replicas, replicas, isDone ? replicas : 0, true, true);
        if (isDone) status["version"] = (body["spec"] as JsonObject).Text("version");
        Conditions.Set(status, "Ready", isDone, isDone ? "Ready" : "RollingUpdateInProgress", "", world.Store.Now);
    }
}
