using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace ControlPlane.Kubernetes;

/// <summary>Where the objects of a kind are: <c>/apis/apps/v1/namespaces/{ns}/deployments</c>.</summary>
internal sealed record KubernetesKind(string ApiVersion, string Plural, bool IsNamespaced)
{
    public string Collection(string? space) =>
        $"{(ApiVersion.Contains('/', StringComparison.Ordinal) ? "/apis/" : "/api/")}{ApiVersion}/{(IsNamespaced && space is not null ? $"namespaces/{space}/" : "")}{Plural}";

    public string Path(string? space, string name) => $"{Collection(space)}/{Uri.EscapeDataString(name)}";
}

/// <summary>An object by what it is, and when it comes among others.</summary>
internal sealed record ObjectReference(string ApiVersion, string Kind, string? Namespace, string Name)
{
    public int Wave { get; } = Waves.Of(ApiVersion, Kind);

    /// <summary>Without its version: the same object in another version of its group is the same object.</summary>
    public string Identity { get; } = $"{(ApiVersion.Contains('/', StringComparison.Ordinal) ? ApiVersion[..ApiVersion.IndexOf('/', StringComparison.Ordinal)] : "")}/{Kind}/{Namespace}/{Name}";

    public static ObjectReference Of(JsonObject manifest) =>
        new(manifest["apiVersion"]!.GetValue<string>(), manifest["kind"]!.GetValue<string>(), manifest["metadata"]!["namespace"]?.GetValue<string>(), manifest["metadata"]!["name"]!.GetValue<string>());

    public override string ToString() => Namespace is null ? $"{Kind} {Name}" : $"{Kind} {Namespace}/{Name}";
}

/// <summary>The order in which objects are applied (KubeFleet, waves); they are deleted in the opposite one.</summary>
internal static class Waves
{
    /// <summary>Webhooks and API services: what they call must be available before.</summary>
    public const int Extensions = 5;

    private const int Rest = 999;

    private static readonly Dictionary<string, int> Known = new(StringComparer.Ordinal)
    {
        ["Namespace"] = 0, ["PriorityClass"] = 0,
        ["NetworkPolicy"] = 1, ["ResourceQuota"] = 1, ["LimitRange"] = 1, ["PodDisruptionBudget"] = 1, ["ServiceAccount"] = 1, ["Secret"] = 1, ["ConfigMap"] = 1, ["StorageClass"] = 1, ["PersistentVolume"] = 1,
        ["PersistentVolumeClaim"] = 1, ["CustomResourceDefinition"] = 1, ["IngressClass"] = 1,
        ["ClusterRole"] = 2, ["Role"] = 2,
        ["ClusterRoleBinding"] = 3, ["RoleBinding"] = 3,
        ["Service"] = 4, ["Deployment"] = 4, ["StatefulSet"] = 4, ["DaemonSet"] = 4, ["ReplicaSet"] = 4, ["Pod"] = 4, ["HorizontalPodAutoscaler"] = 4, ["Job"] = 4, ["CronJob"] = 4, ["Ingress"] = 4,
        ["APIService"] = Extensions, ["MutatingWebhookConfiguration"] = Extensions, ["ValidatingWebhookConfiguration"] = Extensions,
    };

    public static int Of(string apiVersion, string kind) => KubernetesKinds.IsBuiltIn(apiVersion) ? Known.GetValueOrDefault(kind, Rest) : Rest;

    /// <summary>Nothing after it can be applied before it is available.</summary>
    public static bool IsBarrier(ObjectReference thing) => thing.Kind is "Namespace" or "CustomResourceDefinition";
}

/// <summary>Where the objects of each kind are: Kubernetes' own from a table, the rest as the first member says that has them (Kubernetes, API discovery).</summary>
internal sealed class KubernetesKinds
{
    private static readonly HashSet<string> ClusterScoped = new(StringComparer.Ordinal)
    {
        "Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass", "StorageClass", "IngressClass", "RuntimeClass", "CSIDriver", "CSINode", "APIService",
        "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    };

    private readonly ConcurrentDictionary<(string ApiVersion, string Kind), KubernetesKind> found = new();

    /// <summary>Of Kubernetes itself: the core group, those without a domain, and those below k8s.io.</summary>
    public static bool IsBuiltIn(string apiVersion)
    {
        var slash = apiVersion.IndexOf('/', StringComparison.Ordinal);
        var group = slash < 0 ? "" : apiVersion[..slash];
        return !group.Contains('.', StringComparison.Ordinal)
            || group is "rbac.authorization.k8s.io" or "networking.k8s.io" or "storage.k8s.io" or "scheduling.k8s.io" or "apiextensions.k8s.io" or "admissionregistration.k8s.io" or "apiregistration.k8s.io" or "coordination.k8s.io" or "node.k8s.io" or "discovery.k8s.io";
    }

    /// <summary>Null when the member does not know the kind (yet).</summary>
    public async Task<KubernetesKind?> FindAsync(MemberApi member, string apiVersion, string kind, CancellationToken stop)
    {
        if (IsBuiltIn(apiVersion))
            return new(apiVersion, Plural(kind), !ClusterScoped.Contains(kind));
        if (found.TryGetValue((apiVersion, kind), out var known))
            return known;
        if (await member.DiscoverAsync(apiVersion, kind, stop) is not { } discovered)
            return null;
        return found[(apiVersion, kind)] = discovered;
    }

    private static string Plural(string kind)
    {
        var name = kind.ToLowerInvariant();
        return name switch
        {
            "endpoints" => name,
            _ when name.EndsWith("ss", StringComparison.Ordinal) => name + "es",
            _ when name.EndsWith('y') => name[..^1] + "ies",
            _ => name + "s",
        };
    }
}
