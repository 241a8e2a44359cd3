using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>Pods that come and go with a node.</summary>
internal static class NodePods
{
    /// <summary>Every node runs a pod of a DaemonSet, which a drain has to leave alone.</summary>
    public static void Add(ObjectStore store, string node) => store.Create("pods", "kube-system", $"kube-proxy-{node}", new JsonObject
    {
        ["kind"] = "Pod", ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject { ["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "apps/v1", ["kind"] = "DaemonSet", ["name"] = "kube-proxy", ["controller"] = true }) },
        ["spec"] = new JsonObject { ["nodeName"] = node, ["containers"] = new JsonArray(new JsonObject { ["name"] = "kube-proxy" }) },
        ["status"] = new JsonObject { ["phase"] = "Running" },
    });

    /// <summary>The pod garbage collector.</summary>
    public static void Collect(ObjectStore store, string node)
    {
        var name = Encoding.UTF8.GetBytes(node);
        foreach (var pod in store.List("pods").Where(pod => pod.Bytes.AsSpan().IndexOf(name) >= 0 && (pod.Read()["spec"] as JsonObject).Text("nodeName") == node))
            store.Remove("pods", pod.Namespace, pod.Name);
    }
}
