using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>What kubelets say every few minutes even when nothing happens: the node is still there.</summary>
internal static class Heartbeats
{
    /// <summary>How often a kubelet reports a status that has not changed (nodeStatusReportFrequency).</summary>
    public static TimeSpan Period { get; } = TimeSpan.FromMinutes(5);

    public static void Beat(ObjectStore store)
    {
        foreach (var node in store.List("nodes"))
        {
            store.Change("nodes", "", node.Name, body =>
            {
                foreach (var condition in (body["status"]?["conditions"] as JsonArray ?? []).OfType<JsonObject>()) condition["lastHeartbeatTime"] = store.Now;
                return body;
            });
        }
    }
}
