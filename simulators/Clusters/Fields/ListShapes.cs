using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Fields;

/// <summary>How a field is merged.</summary>
internal enum FieldShape
{
    /// <summary>Each property, or nothing below it, has its own owner.</summary>
    Granular,

    /// <summary>Changed and owned as a whole.</summary>
    Atomic,

    /// <summary>A list whose items are known by keys.</summary>
    Keyed,

    /// <summary>A list without repetition.</summary>
    Set,
}

/// <summary>
/// Which lists are merged item by item, as the Kubernetes API declares it (<c>x-kubernetes-list-type</c>, <c>x-kubernetes-list-map-keys</c>,
/// <c>x-kubernetes-map-type</c>). The same names mean the same throughout the built-in kinds; a custom kind's own schema says it for itself.
/// </summary>
internal static class ListShapes
{
    private static readonly Dictionary<string, string[]> keys = new(StringComparer.Ordinal)
    {
        ["containers"] = ["name"], ["initContainers"] = ["name"], ["ephemeralContainers"] = ["name"], ["env"] = ["name"], ["volumes"] = ["name"],
        ["volumeMounts"] = ["mountPath"], ["volumeDevices"] = ["devicePath"], ["imagePullSecrets"] = ["name"], ["hostAliases"] = ["ip"],
        ["topologySpreadConstraints"] = ["topologyKey", "whenUnsatisfiable"], ["conditions"] = ["type"], ["addresses"] = ["type"],
        ["ownerReferences"] = ["uid"], ["resourceClaims"] = ["name"], ["webhooks"] = ["name"],
    };

    private static readonly string[] containerPort = ["containerPort", "protocol"];
    private static readonly string[] servicePort = ["port", "protocol"];

    private static readonly HashSet<string> sets = new(["finalizers", "loadBalancerSourceRanges"], StringComparer.Ordinal);

    private static readonly HashSet<string> atomic = new(
        ["selector", "labelSelector", "podSelector", "namespaceSelector", "objectSelector", "nodeSelector", "roleRef", "secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef", "scopeSelector"],
        StringComparer.Ordinal);

    /// <param name="name">The field's name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="kind">What the object is.</param>
    /// <param name="schema">The field's schema, of a custom kind.</param>
    public static (FieldShape Shape, string[] Keys) Of(string name, JsonNode? value, ResourceKind kind, JsonObject? schema)
    {
        if (value is JsonObject) return (IsAtomicMap(name, kind, schema) ? FieldShape.Atomic : FieldShape.Granular, []);
        if (value is not JsonArray items) return (FieldShape.Granular, []);
        if (name is "finalizers" or "ownerReferences") return name == "finalizers" ? (FieldShape.Set, []) : (FieldShape.Keyed, keys[name]);
        if (kind.IsCustom)
        {
            return schema.Text("x-kubernetes-list-type") switch
            {
                "map" => (FieldShape.Keyed, [.. (schema!["x-kubernetes-list-map-keys"] as JsonArray ?? []).Select(key => key!.GetValue<string>())]),
                "set" => (FieldShape.Set, []),
                _ => (FieldShape.Atomic, []),
            };
        }

        if (sets.Contains(name)) return (FieldShape.Set, []);
        if (name == "ports" && items.Count > 0) return PortKeys(items);
        return keys.TryGetValue(name, out var known) && items.All(item => item is JsonObject one && one.ContainsKey(known[0])) ? (FieldShape.Keyed, known) : (FieldShape.Atomic, []);
    }

    public static JsonObject? Below(JsonObject? schema, string name) => (schema?["properties"]?[name] ?? schema?["additionalProperties"]) as JsonObject;

    public static JsonObject? Items(JsonObject? schema) => schema?["items"] as JsonObject;

    /// <summary>An item's keys as managed fields write them: <c>k:{"name":"web"}</c>. A port's protocol is TCP unless it says otherwise.</summary>
    public static string KeyOf(JsonNode? item, string[] keys)
    {
        var buffer = new StringBuilder("k:{");
        foreach (var key in keys.Order(StringComparer.Ordinal))
        {
            if (buffer.Length > 3) buffer.Append(',');
            var value = (item as JsonObject)?[key]?.ToJsonString(Json.Compact) ?? (key == "protocol" ? "\"TCP\"" : "null");
            buffer.Append(JsonSerializer.Serialize(key, Json.Compact)).Append(':').Append(value);
        }

        return buffer.Append('}').ToString();
    }

    public static string ValueOf(JsonNode? item) => "v:" + (item?.ToJsonString(Json.Compact) ?? "null");

    private static (FieldShape, string[]) PortKeys(JsonArray items) => items[0] is not JsonObject port ? (FieldShape.Atomic, [])
        : port.ContainsKey("containerPort") ? (FieldShape.Keyed, containerPort)
        : port.ContainsKey("port") && !port.ContainsKey("endPort") ? (FieldShape.Keyed, servicePort)
        : (FieldShape.Atomic, []);

    private static bool IsAtomicMap(string name, ResourceKind kind, JsonObject? schema) =>
        kind.IsCustom ? schema.Text("x-kubernetes-map-type") == "atomic" : atomic.Contains(name);
}
