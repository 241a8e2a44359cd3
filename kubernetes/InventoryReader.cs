using System.Text.Json;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Kubernetes;

/// <summary>What a cluster is: its version, its nodes and their images, and its add-ons, which are what runs in kube-system under a name and a version of its own.</summary>
internal static class InventoryReader
{
    private const string ImageLabel = "kubernetes.azure.com/node-image-version";
    private const string NameLabel = "app.kubernetes.io/name";
    private const string VersionLabel = "app.kubernetes.io/version";

    private static readonly string[] Distributions = ["k3s", "rke2", "eks", "gke", "k0s"];

    public static async Task<AgentInventory> ReadAsync(MemberApi member, CancellationToken stop) => Of(
        await member.VersionAsync(stop), await member.ListAsync(new("v1", "nodes", IsNamespaced: false), space: null, stop),
        await member.ListAsync(new("apps/v1", "deployments", IsNamespaced: true), "kube-system", stop), await member.ListAsync(new("apps/v1", "daemonsets", IsNamespaced: true), "kube-system", stop));

    public static AgentInventory Of(string version, JsonElement nodes, params ReadOnlySpan<JsonElement> addOns)
    {
        var all = nodes.GetProperty("items").EnumerateArray().ToList();
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var list in addOns)
        {
            foreach (var workload in list.GetProperty("items").EnumerateArray())
            {
                if (Label(workload, NameLabel) is { } name && Label(workload, VersionLabel) is { } number)
                    found[name] = number;
            }
        }

        return new()
        {
            KubernetesVersion = version,
            Distribution = all.Exists(node => Label(node, ImageLabel)?.StartsWith("AKS", StringComparison.Ordinal) is true) ? "aks" : Distributions.FirstOrDefault(name => version.Contains($"+{name}", StringComparison.Ordinal) || version.Contains($"-{name}", StringComparison.Ordinal)),
            NodeCount = all.Count,
            ReadyNodeCount = all.Count(IsReady),
            CoreCount = (int)all.Sum(node => Capacity(node, "cpu")),
            MemoryBytes = (long)all.Sum(node => Capacity(node, "memory")),
            NodeImages = all.Select(node => Label(node, ImageLabel) ?? Text(node, "status", "nodeInfo", "osImage") ?? "unknown").GroupBy(image => image, StringComparer.Ordinal).ToDictionary(image => image.Key, image => image.Count(), StringComparer.Ordinal),
            AddOns = found,
        };
    }

    private static bool IsReady(JsonElement node) => Find(node, "status", "conditions") is { ValueKind: JsonValueKind.Array } conditions
        && conditions.EnumerateArray().Any(one => one.GetProperty("type").GetString() is "Ready" && one.GetProperty("status").GetString() is "True");

    private static decimal Capacity(JsonElement node, string resource) => Text(node, "status", "capacity", resource) is { } text && Contracts.Fleets.Quantity.TryParse(text, out var number) ? number : 0;

    private static string? Label(JsonElement thing, string name) => Text(thing, "metadata", "labels", name);

    private static string? Text(JsonElement thing, params ReadOnlySpan<string> path) => Find(thing, path) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static JsonElement Find(JsonElement thing, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (thing.ValueKind is not JsonValueKind.Object || !thing.TryGetProperty(name, out thing))
                return default;
        }

        return thing;
    }
}
