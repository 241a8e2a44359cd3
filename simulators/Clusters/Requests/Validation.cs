using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>The rules that manifests break most: names, selectors, containers, fields that must not change, and a custom kind's required fields.</summary>
internal static partial class Validation
{
    /// <summary>Fields that an update must leave alone, by shelf.</summary>
    private static readonly Dictionary<string, string[]> immutable = new(StringComparer.Ordinal)
    {
        ["deployments.apps"] = ["spec.selector"], ["daemonsets.apps"] = ["spec.selector"], ["replicasets.apps"] = ["spec.selector"],
        ["statefulsets.apps"] = ["spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"],
        ["jobs.batch"] = ["spec.template", "spec.completions"], ["secrets"] = ["type"],
        ["rolebindings.rbac.authorization.k8s.io"] = ["roleRef"], ["clusterrolebindings.rbac.authorization.k8s.io"] = ["roleRef"],
        ["customresourcedefinitions.apiextensions.k8s.io"] = ["spec.group", "spec.scope"],
    };

    public static List<(string Field, string Reason, string Message)> Faults(ResourceKind kind, JsonObject body, JsonObject? before)
    {
        var faults = new List<(string Field, string Reason, string Message)>();
        var name = (body["metadata"] as JsonObject).Text("name") ?? "";
        if (before is null && !ValidName(kind, name))
            faults.Add(("metadata.name", "FieldValueInvalid", $"Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"));
        if (before is not null) CheckUnchanged(kind, body, before, faults);
        if (kind.Shelf is "deployments.apps" or "statefulsets.apps" or "daemonsets.apps" or "replicasets.apps") CheckSelector(body["spec"] as JsonObject, faults);
        if (kind.Shelf == "pods" || (body["spec"]?["template"] is not null && !kind.IsCustom && kind.Group is "apps" or "batch")) CheckContainers(kind, body, faults);
        if (kind.Shelf is "configmaps" or "secrets") CheckTexts(body["data"] as JsonObject, faults);
        if (kind.Schema is { } schema) CheckRequired(schema, body, "", faults);
        return faults;
    }

    private static void CheckUnchanged(ResourceKind kind, JsonObject body, JsonObject before, List<(string Field, string Reason, string Message)> faults)
    {
        foreach (var field in immutable.GetValueOrDefault(kind.Shelf) ?? [])
        {
            if (!JsonNode.DeepEquals(At(before, field), At(body, field)))
                faults.Add((field, "FieldValueInvalid", $"Invalid value: {At(body, field)?.ToJsonString(Json.Compact) ?? "null"}: field is immutable"));
        }

        if (kind.Shelf is "configmaps" or "secrets" && before["immutable"]?.GetValue<bool>() is true && !JsonNode.DeepEquals(before["data"], body["data"]))
            faults.Add(("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set"));
    }

    private static void CheckSelector(JsonObject? spec, List<(string Field, string Reason, string Message)> faults)
    {
        if (spec?["selector"]?["matchLabels"] is not JsonObject wanted)
        {
            if (spec?["selector"]?["matchExpressions"] is null) faults.Add(("spec.selector", "FieldValueRequired", "Required value"));
            return;
        }

        var labels = spec["template"]?["metadata"]?["labels"] as JsonObject;
        if (wanted.Any(pair => labels.Text(pair.Key) != pair.Value?.ToString()))
            faults.Add(("spec.template.metadata.labels", "FieldValueInvalid", $"Invalid value: {labels?.ToJsonString(Json.Compact) ?? "null"}: `selector` does not match template `labels`"));
    }

    private static void CheckContainers(ResourceKind kind, JsonObject body, List<(string Field, string Reason, string Message)> faults)
    {
        var path = kind.Shelf == "pods" ? "spec.containers" : "spec.template.spec.containers";
        var containers = At(body, path) as JsonArray ?? [];
        // Tests place pods without any, to have something to evict.
        if (containers.Count == 0 && kind.Shelf != "pods") faults.Add((path, "FieldValueRequired", "Required value"));
        for (var at = 0; at < containers.Count; at++)
        {
            if ((containers[at] as JsonObject).Text("name") is null or "") faults.Add(($"{path}[{at}].name", "FieldValueRequired", "Required value"));
            if (kind.Shelf != "pods" && (containers[at] as JsonObject).Text("image") is null or "") faults.Add(($"{path}[{at}].image", "FieldValueRequired", "Required value"));
        }
    }

    private static void CheckTexts(JsonObject? data, List<(string Field, string Reason, string Message)> faults)
    {
        foreach (var (key, _) in data ?? [])
        {
            if (data.Text(key) is null) faults.Add(($"data[{key}]", "FieldValueInvalid", "Invalid value: must be a string"));
        }
    }

    private static void CheckRequired(JsonObject schema, JsonObject body, string path, List<(string Field, string Reason, string Message)> faults)
    {
        foreach (var required in (schema["required"] as JsonArray ?? []).Select(name => name!.GetValue<string>()).Where(name => body[name] is null))
            faults.Add(($"{path}{required}", "FieldValueRequired", "Required value"));
        foreach (var (name, below) in schema["properties"] as JsonObject ?? [])
        {
            if (below is JsonObject inner && body[name] is JsonObject value && name != "metadata") CheckRequired(inner, value, $"{path}{name}.", faults);
        }
    }

    private static bool ValidName(ResourceKind kind, string name) =>
        kind.Group == "rbac.authorization.k8s.io" || (name.Length <= (kind.Shelf == "namespaces" ? 63 : 253) && Subdomain().IsMatch(name));

    private static JsonNode? At(JsonObject body, string path) => path.Split('.').Aggregate((JsonNode?)body, (node, name) => (node as JsonObject)?[name]);

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Subdomain();
}
