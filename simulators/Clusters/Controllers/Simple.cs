using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters.Requests;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>Controllers of one step: quotas, claims, load balancers, budgets, API services.</summary>
internal static class Simple
{
    private static readonly TimeSpan soon = TimeSpan.FromSeconds(1);

    public static void Reconcile(ControllerWorld world, StoredObject item)
    {
        switch (item.Shelf)
        {
            case "resourcequotas":
                world.Later(soon, () => Count(world, item));
                break;
            case "persistentvolumeclaims":
                world.Later(soon, () => world.SetStatus(item, null, (_, status) => status["phase"] = "Bound"));
                break;
            case "services" when (item.Read()["spec"] as JsonObject).Text("type") == "LoadBalancer":
                world.Later(TimeSpan.FromSeconds(20), () => world.SetStatus(item, null, (body, status) =>
                    status["loadBalancer"] = new JsonObject { ["ingress"] = new JsonArray(new JsonObject { ["ip"] = "192.0.2" + (body["spec"] as JsonObject).Text("clusterIP")![(body["spec"] as JsonObject).Text("clusterIP")!.LastIndexOf('.')..] }) }));
                break;
            case "ingresses.networking.k8s.io":
                world.Later(TimeSpan.FromSeconds(20), () => world.SetStatus(item, null, (_, status) =>
                    status["loadBalancer"] = new JsonObject { ["ingress"] = new JsonArray(new JsonObject { ["ip"] = "192.0.2.80" }) }));
                break;
            case "poddisruptionbudgets.policy":
                world.Later(soon, () => world.SetStatus(item, null, (body, status) =>
                {
                    status["observedGeneration"] = body["metadata"]?["generation"]?.DeepClone();
                    (status["currentHealthy"], status["desiredHealthy"], status["disruptionsAllowed"], status["expectedPods"]) = (0, 0, 0, 0);
                }));
                break;
            case "apiservices.apiregistration.k8s.io":
                world.Later(soon, () => world.SetStatus(item, null, (_, status) => Conditions.Set(status, "Available", true, "Passed", "all checks passed", world.Store.Now)));
                break;
            case "horizontalpodautoscalers.autoscaling":
                world.Later(soon, () => world.SetStatus(item, null, (_, status) =>
                {
                    Conditions.Set(status, "AbleToScale", true, "ReadyForNewScale", "recommended size matches current size", world.Store.Now);
                    Conditions.Set(status, "ScalingActive", true, "ValidMetricFound", "the HPA was able to successfully calculate a replica count", world.Store.Now);
                }));
                break;
        }
    }

    /// <summary>Something in a namespace came or went: its quotas count again.</summary>
    public static void Recount(ControllerWorld world, ResourceKind kind, string ns)
    {
        if (kind.Shelf == "resourcequotas") return;
        foreach (var quota in world.Store.List("resourcequotas", ns)) world.Later(soon, () => Count(world, quota));
    }

    private static void Count(ControllerWorld world, StoredObject quota) => world.SetStatus(quota, null, (body, status) =>
    {
        var hard = body["spec"]?["hard"] as JsonObject ?? [];
        status["hard"] = hard.DeepClone();
        status["used"] = new JsonObject(hard.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)$"{Admission.Used(world.Store, pair.Key, quota.Namespace) ?? 0}")));
    });
}
