using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters.Fields;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>What an API server fills in when the client leaves it out, as far as somebody depends on it.</summary>
internal static class Defaults
{
    public static void Fill(ResourceKind kind, JsonObject body)
    {
        Omitted.Clean(body, kind);
        if (kind.IsCustom || body["spec"] is not JsonObject spec)
        {
            if (kind.Shelf == "namespaces") body["spec"] = new JsonObject { ["finalizers"] = new JsonArray("kubernetes") };
            if (kind.Shelf == "secrets") FillSecret(body);
            return;
        }

        switch (kind.Shelf)
        {
            case "deployments.apps":
                Put(spec, "replicas", 1);
                Put(spec, "progressDeadlineSeconds", 600);
                Put(spec, "revisionHistoryLimit", 10);
                if (spec["strategy"] is not JsonObject strategy) spec["strategy"] = strategy = new JsonObject { ["type"] = "RollingUpdate" };
                if (strategy.Text("type") == "RollingUpdate" && strategy["rollingUpdate"] is null)
                    strategy["rollingUpdate"] = new JsonObject { ["maxUnavailable"] = "25%", ["maxSurge"] = "25%" };
                break;
            case "statefulsets.apps":
                Put(spec, "replicas", 1);
                Put(spec, "podManagementPolicy", "OrderedReady");
                spec["updateStrategy"] ??= new JsonObject { ["type"] = "RollingUpdate", ["rollingUpdate"] = new JsonObject { ["partition"] = 0 } };
                break;
            case "daemonsets.apps":
                spec["updateStrategy"] ??= new JsonObject { ["type"] = "RollingUpdate", ["rollingUpdate"] = new JsonObject { ["maxUnavailable"] = 1 } };
                break;
            case "replicasets.apps" or "machinedeployments.cluster.x-k8s.io":
                Put(spec, "replicas", 1);
                break;
            case "jobs.batch":
                Put(spec, "parallelism", 1);
                Put(spec, "completions", 1);
                Put(spec, "backoffLimit", 6);
                break;
            case "services":
                FillService(spec);
                break;
            case "namespaces":
                spec["finalizers"] ??= new JsonArray("kubernetes");
                break;
        }

        if (kind.Shelf == "pods") FillPod(spec);
        else if (spec["template"]?["spec"] is JsonObject pod) FillPod(pod);
    }

    private static void FillPod(JsonObject pod)
    {
        Put(pod, "restartPolicy", "Always");
        foreach (var container in (pod["containers"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var image = container.Text("image");
            Put(container, "imagePullPolicy", image is null || image.EndsWith(":latest", StringComparison.Ordinal) || !image[(image.LastIndexOf('/') + 1)..].Contains(':') ? "Always" : "IfNotPresent");
            foreach (var port in (container["ports"] as JsonArray ?? []).OfType<JsonObject>()) Put(port, "protocol", "TCP");
        }
    }

    private static void FillService(JsonObject spec)
    {
        Put(spec, "type", "ClusterIP");
        Put(spec, "sessionAffinity", "None");
        foreach (var port in (spec["ports"] as JsonArray ?? []).OfType<JsonObject>())
        {
            Put(port, "protocol", "TCP");
            if (port["targetPort"] is null && port["port"] is { } number) port["targetPort"] = number.DeepClone();
        }
    }

    private static void FillSecret(JsonObject body)
    {
        Put(body, "type", "Opaque");
        if (body["stringData"] is not JsonObject plain) return;
        // Write-only: it ends up in data, base64-encoded.
        if (body["data"] is not JsonObject data) body["data"] = data = [];
        foreach (var (key, _) in plain) data[key] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(plain.Text(key) ?? ""));
        body.Remove("stringData");
    }

    private static void Put(JsonObject body, string name, JsonNode value)
    {
        if (body[name] is null) body[name] = value;
    }
}
