using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Serving;

/// <summary>Objects as the table that <c>kubectl get</c> prints.</summary>
internal static class Tables
{
    private static readonly Dictionary<string, (string Name, Func<JsonObject, string> Cell)[]> columns = new(StringComparer.Ordinal)
    {
        ["namespaces"] = [("Status", item => Text(item, "status", "phase"))],
        ["nodes"] = [("Status", NodeStatus), ("Roles", _ => "<none>"), ("Version", item => Text(item, "status", "nodeInfo", "kubeletVersion")), ("OS-Image", item => Text(item, "status", "nodeInfo", "osImage"))],
        ["pods"] = [("Status", item => Text(item, "status", "phase")), ("Node", item => Text(item, "spec", "nodeName"))],
        ["services"] = [("Type", item => Text(item, "spec", "type")), ("Cluster-IP", item => Text(item, "spec", "clusterIP"))],
        ["deployments.apps"] = [("Ready", Ready), ("Up-to-date", item => Number(item, "status", "updatedReplicas")), ("Available", item => Number(item, "status", "availableReplicas"))],
        ["statefulsets.apps"] = [("Ready", Ready)],
        ["daemonsets.apps"] = [("Desired", item => Number(item, "status", "desiredNumberScheduled")), ("Available", item => Number(item, "status", "numberAvailable"))],
        ["jobs.batch"] = [("Completions", item => $"{Number(item, "status", "succeeded")}/{Number(item, "spec", "completions")}")],
        ["configmaps"] = [("Data", item => $"{(item["data"] as JsonObject)?.Count ?? 0}")],
        ["secrets"] = [("Type", item => item.Text("type") ?? ""), ("Data", item => $"{(item["data"] as JsonObject)?.Count ?? 0}")],
        ["machinedeployments.cluster.x-k8s.io"] = [("Replicas", item => Number(item, "spec", "replicas")), ("Ready", item => Number(item, "status", "readyReplicas")), ("Version", item => Text(item, "spec", "template", "spec", "version"))],
    };

    public static bool AreWanted(string accept) => accept.Contains("as=Table", StringComparison.Ordinal) && accept.Contains("v=v1;", StringComparison.Ordinal);

    public static JsonObject Of(ResourceKind kind, IEnumerable<JsonObject> items, JsonObject metadata, DateTimeOffset now)
    {
        var own = columns.GetValueOrDefault(kind.Shelf) ?? [];
        var definitions = new JsonArray { Column("Name", "name") };
        foreach (var (name, _) in own) definitions.Add(Column(name, ""));
        definitions.Add(Column("Age", ""));
        return new JsonObject
        {
            ["kind"] = "Table", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata, ["columnDefinitions"] = definitions,
            ["rows"] = new JsonArray([.. items.Select(item => Row(item, own, now))]),
        };
    }

    private static JsonObject Row(JsonObject item, (string Name, Func<JsonObject, string> Cell)[] own, DateTimeOffset now)
    {
        var metadata = (JsonObject)item["metadata"]!.DeepClone();
        var cells = new JsonArray { metadata.Text("name") };
        foreach (var (_, cell) in own) cells.Add(cell(item));
        cells.Add(Age(metadata.Text("creationTimestamp"), now));
        metadata.Remove("managedFields");
        return new JsonObject { ["cells"] = cells, ["object"] = new JsonObject { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata } };
    }

    private static JsonObject Column(string name, string format) =>
        new() { ["name"] = name, ["type"] = "string", ["format"] = format, ["description"] = name, ["priority"] = 0 };

    private static string Age(string? created, DateTimeOffset now)
    {
        if (!DateTimeOffset.TryParse(created, out var born)) return "<unknown>";
        var age = now - born;
        return age.TotalMinutes < 2 ? $"{(int)age.TotalSeconds}s" : age.TotalHours < 2 ? $"{(int)age.TotalMinutes}m" : age.TotalDays < 2 ? $"{(int)age.TotalHours}h" : $"{(int)age.TotalDays}d";
    }

    private static string NodeStatus(JsonObject node)
    {
        var ready = (node["status"]?["conditions"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(one => one.Text("type") == "Ready").Text("status");
        var status = ready switch { "True" => "Ready", "False" => "NotReady", _ => "Unknown" };
        return node["spec"]?["unschedulable"]?.GetValue<bool>() is true ? status + ",SchedulingDisabled" : status;
    }

    private static string Ready(JsonObject item) => $"{Number(item, "status", "readyReplicas")}/{Number(item, "spec", "replicas")}";

    private static string Text(JsonObject item, params ReadOnlySpan<string> path) => At(item, path)?.ToString() ?? "";

    private static string Number(JsonObject item, params ReadOnlySpan<string> path) => At(item, path)?.ToString() ?? "0";

    private static JsonNode? At(JsonNode? node, ReadOnlySpan<string> path)
    {
        foreach (var name in path) node = (node as JsonObject)?[name];
        return node;
    }
}
