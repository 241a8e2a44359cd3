using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Serving;

/// <summary>What a cluster serves, in both forms that clients ask for: a document per group version, and all at once (aggregated discovery v2).</summary>
internal static class Discovery
{
    private const string Aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    /// <summary>The answer to <c>/api</c>, <c>/apis</c> and what stands below them without a resource; null for any other path.</summary>
    public static KubernetesAnswer? Answer(string path, string accept, KindCatalog kinds, string server) => path.Split('/', StringSplitOptions.RemoveEmptyEntries) switch
    {
        ["api"] when WantsAll(accept) => All(kinds.All.Where(kind => kind.Group.Length == 0)),
        ["apis"] when WantsAll(accept) => All(kinds.All.Where(kind => kind.Group.Length > 0)),
        ["api"] => KubernetesAnswer.Of(new JsonObject
        {
            ["kind"] = "APIVersions", ["versions"] = new JsonArray("v1"),
            ["serverAddressByClientCIDRs"] = new JsonArray(new JsonObject { ["clientCIDR"] = "0.0.0.0/0", ["serverAddress"] = new Uri(server).Authority }),
        }),
        ["apis"] => KubernetesAnswer.Of(new JsonObject
        {
            ["kind"] = "APIGroupList", ["apiVersion"] = "v1",
            ["groups"] = new JsonArray([.. Groups(kinds).Select(Group)]),
        }),
        ["apis", var name] => Groups(kinds).FirstOrDefault(group => group.Key == name) is { } found
            ? KubernetesAnswer.Of(Group(found) is JsonObject group ? Typed(group) : [])
            : KubernetesAnswer.NoSuchResource,
        ["api", var version] => Resources(kinds, version),
        ["apis", var group, var version] => Resources(kinds, $"{group}/{version}"),
        _ => null,
    };

    private static bool WantsAll(string accept) => accept.Contains("as=APIGroupDiscoveryList", StringComparison.Ordinal) && accept.Contains("v=v2;", StringComparison.Ordinal);

    private static IEnumerable<IGrouping<string, ResourceKind>> Groups(KindCatalog kinds) => kinds.All.Where(kind => kind.Group.Length > 0).GroupBy(kind => kind.Group, StringComparer.Ordinal);

    private static JsonNode Group(IGrouping<string, ResourceKind> group)
    {
        var versions = group.Select(kind => kind.Version).Distinct(StringComparer.Ordinal).Select(version => new JsonObject { ["groupVersion"] = $"{group.Key}/{version}", ["version"] = version }).ToList();
        return new JsonObject { ["name"] = group.Key, ["versions"] = new JsonArray([.. versions]), ["preferredVersion"] = versions[0].DeepClone() };
    }

    private static JsonObject Typed(JsonObject group)
    {
        (group["kind"], group["apiVersion"]) = ("APIGroup", "v1");
        return group;
    }

    private static KubernetesAnswer Resources(KindCatalog kinds, string apiVersion)
    {
        var served = kinds.All.Where(kind => kind.ApiVersion == apiVersion).ToList();
        if (served.Count == 0) return KubernetesAnswer.NoSuchResource;
        var resources = new JsonArray();
        foreach (var kind in served)
        {
            var shown = new JsonObject { ["name"] = kind.Plural, ["singularName"] = kind.Singular, ["namespaced"] = kind.Namespaced, ["kind"] = kind.Kind, ["verbs"] = Json.Array(Verbs) };
            if (kind.ShortNames.Count > 0) shown["shortNames"] = Json.Array(kind.ShortNames);
            if (kind.InAll) shown["categories"] = new JsonArray("all");
            resources.Add(shown);
            foreach (var (name, type) in Subresources(kind))
                resources.Add(new JsonObject { ["name"] = $"{kind.Plural}/{name}", ["singularName"] = "", ["namespaced"] = kind.Namespaced, ["kind"] = type, ["verbs"] = Json.Array(["get", "patch", "update"]) });
        }

        return KubernetesAnswer.Of(new JsonObject { ["kind"] = "APIResourceList", ["apiVersion"] = "v1", ["groupVersion"] = apiVersion, ["resources"] = resources });
    }

    private static KubernetesAnswer All(IEnumerable<ResourceKind> kinds)
    {
        var groups = kinds.GroupBy(kind => kind.Group, StringComparer.Ordinal).Select(group => (JsonNode)new JsonObject
        {
            ["metadata"] = group.Key.Length > 0 ? new JsonObject { ["name"] = group.Key } : new JsonObject(),
            ["versions"] = new JsonArray([.. group.GroupBy(kind => kind.Version, StringComparer.Ordinal).Select(version => (JsonNode)new JsonObject
            {
                ["version"] = version.Key, ["freshness"] = "Current", ["resources"] = new JsonArray([.. version.Select(Resource)]),
            })]),
        });
        return KubernetesAnswer.Of(new JsonObject
        {
            ["kind"] = "APIGroupDiscoveryList", ["apiVersion"] = "apidiscovery.k8s.io/v2", ["metadata"] = new JsonObject(), ["items"] = new JsonArray([.. groups]),
        }) with { ContentType = Aggregated };
    }

    private static JsonNode Resource(ResourceKind kind)
    {
        var shown = new JsonObject
        {
            ["resource"] = kind.Plural, ["responseKind"] = ResponseKind(kind, kind.Kind), ["scope"] = kind.Namespaced ? "Namespaced" : "Cluster",
            ["singularResource"] = kind.Singular, ["verbs"] = Json.Array(Verbs),
        };
        if (kind.ShortNames.Count > 0) shown["shortNames"] = Json.Array(kind.ShortNames);
        if (kind.InAll) shown["categories"] = new JsonArray("all");
        var below = Subresources(kind).Select(sub => (JsonNode)new JsonObject
        {
            ["subresource"] = sub.Name, ["responseKind"] = sub.Kind == "Scale" ? new JsonObject { ["group"] = "autoscaling", ["version"] = "v1", ["kind"] = "Scale" } : ResponseKind(kind, sub.Kind),
            ["verbs"] = Json.Array(["get", "patch", "update"]),
        }).ToList();
        if (below.Count > 0) shown["subresources"] = new JsonArray([.. below]);
        return shown;
    }

    private static JsonObject ResponseKind(ResourceKind kind, string name) => new() { ["group"] = kind.Group, ["version"] = kind.Version, ["kind"] = name };

    private static IEnumerable<(string Name, string Kind)> Subresources(ResourceKind kind)
    {
        if (kind.HasStatus) yield return ("status", kind.Kind);
        if (kind.HasScale) yield return ("scale", "Scale");
        if (kind.Shelf == "pods") yield return ("eviction", "Eviction");
    }

    private static readonly string[] Verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
}
