using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters.Serving;

/// <summary>
/// As much of OpenAPI v3 as <c>kubectl apply</c> reads before it sends anything: that each kind can be patched, and that the server itself
/// judges unknown fields (<c>fieldValidation</c>).
/// </summary>
internal static class OpenApi
{
    private static readonly string[] patchParameters = ["dryRun", "fieldManager", "fieldValidation", "force"];

    private const string Protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

    public static KubernetesAnswer? Answer(string path, KindCatalog kinds)
    {
        // Lists are looked up in the old document; what is not in it is not judged by the client. In protobuf: field 1 is "2.0".
        if (path == "/openapi/v2") return new KubernetesAnswer(200, "\n\u00032.0"u8.ToArray()) { ContentType = Protobuf };
        if (path == "/openapi/v3")
        {
            var served = kinds.All.Select(Root).Distinct(StringComparer.Ordinal).Select(root => KeyValuePair.Create(root, (JsonNode?)new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{root}" }));
            return KubernetesAnswer.Of(new JsonObject { ["paths"] = new JsonObject(served) });
        }

        if (!path.StartsWith("/openapi/v3/", StringComparison.Ordinal)) return null;
        var root = path["/openapi/v3/".Length..];
        var kindsThere = kinds.All.Where(kind => Root(kind) == root).ToList();
        return kindsThere.Count == 0 ? KubernetesAnswer.NoSuchResource : KubernetesAnswer.Of(Document(root, kindsThere));
    }

    private static JsonObject Document(string root, List<ResourceKind> kinds) => new()
    {
        ["openapi"] = "3.0.0", ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "v1" },
        ["paths"] = new JsonObject(kinds.Select(kind => KeyValuePair.Create($"/{root}/{(kind.Namespaced ? "namespaces/{namespace}/" : "")}{kind.Plural}/{{name}}", (JsonNode?)Path(kind)))),
        ["components"] = new JsonObject
        {
            ["schemas"] = new JsonObject(kinds.Select(kind => KeyValuePair.Create($"{kind.Group}.{kind.Version}.{kind.Kind}".TrimStart('.'), (JsonNode?)Schema(kind)))),
        },
    };

    private static JsonObject Path(ResourceKind kind) => new()
    {
        ["patch"] = new JsonObject
        {
            ["x-kubernetes-action"] = "patch", ["x-kubernetes-group-version-kind"] = Gvk(kind),
            ["parameters"] = new JsonArray([.. patchParameters.Select(name => (JsonNode)new JsonObject
            {
                ["name"] = name, ["in"] = "query", ["schema"] = new JsonObject { ["type"] = name == "force" ? "boolean" : "string" },
            })]),
            ["responses"] = new JsonObject { ["200"] = new JsonObject { ["description"] = "OK" } },
        },
    };

    private static JsonObject Schema(ResourceKind kind)
    {
        var schema = (JsonObject?)kind.Schema?.DeepClone() ?? new JsonObject { ["type"] = "object" };
        schema["x-kubernetes-group-version-kind"] = new JsonArray(Gvk(kind));
        return schema;
    }

    private static JsonObject Gvk(ResourceKind kind) => new() { ["group"] = kind.Group, ["version"] = kind.Version, ["kind"] = kind.Kind };

    private static string Root(ResourceKind kind) => kind.Group.Length == 0 ? $"api/{kind.Version}" : $"apis/{kind.Group}/{kind.Version}";
}
