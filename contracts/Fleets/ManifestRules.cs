using System.Text;
using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.Fleets;

/// <summary>What a manifest must be before it is sent anywhere. Pure.</summary>
public static class ManifestRules
{
    private const int Largest = 1024 * 1024;
    private const int MostManifests = 1000;

    private static readonly string[] OfOneCluster = ["uid", "resourceVersion", "managedFields", "ownerReferences", "creationTimestamp"];
    private static readonly string[] Escalating = ["bind", "escalate", "impersonate", "*"];

    /// <summary>Kinds that have no namespace, of Kubernetes itself.</summary>
    private static readonly HashSet<string> ClusterScoped = new(StringComparer.Ordinal)
    {
        "Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass", "StorageClass", "IngressClass", "RuntimeClass", "CSIDriver", "CSINode",
        "VolumeAttachment", "APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "CertificateSigningRequest", "FlowSchema", "PriorityLevelConfiguration",
    };

    /// <summary>Kinds that have a namespace, of Kubernetes itself.</summary>
    private static readonly HashSet<string> Namespaced = new(StringComparer.Ordinal)
    {
        "ConfigMap", "Secret", "Service", "ServiceAccount", "Pod", "PersistentVolumeClaim", "ResourceQuota", "LimitRange", "Endpoints", "ReplicationController", "PodTemplate", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet",
        "ControllerRevision", "Job", "CronJob", "Role", "RoleBinding", "NetworkPolicy", "Ingress", "PodDisruptionBudget", "HorizontalPodAutoscaler", "EndpointSlice", "Lease",
    };

    /// <summary>What an object is, such as <c>apps/Deployment/shop/web</c>: the group without its version, kind, namespace and name.</summary>
    public static string Identity(JsonElement manifest)
    {
        var version = Text(manifest, "apiVersion") ?? "";
        var slash = version.IndexOf('/', StringComparison.Ordinal);
        var metadata = manifest.TryGetProperty("metadata", out var given) ? given : default;
        return $"{(slash < 0 ? "" : version[..slash])}/{Text(manifest, "kind")}/{Text(metadata, "namespace")}/{Text(metadata, "name")}";
    }

    public static IEnumerable<Violation> Violations(IReadOnlyList<JsonElement> manifests, bool allowEscalation)
    {
        if (manifests.Count is 0 or > MostManifests)
            yield return new("manifests", $"must have from 1 to {MostManifests} entries");
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (manifest, at) in manifests.Select((manifest, at) => (manifest, at)))
        {
            var faults = Violations(manifest, $"manifests[{at}]").ToList();
            foreach (var fault in faults)
                yield return fault;
            if (faults.Count > 0)
                continue;
            if (!seen.TryAdd(Identity(manifest), at))
                yield return new($"manifests[{at}]", $"is the same object as manifests[{seen[Identity(manifest)]}]");
            if (!allowEscalation && Escalation(manifest) is { } escalation)
                yield return new($"manifests[{at}]", $"{escalation}; set allowClusterEscalation if that is what you want");
        }
    }

    private static IEnumerable<Violation> Violations(JsonElement manifest, string target)
    {
        if (manifest.ValueKind is not JsonValueKind.Object)
        {
            yield return new(target, "must be a Kubernetes object with apiVersion, kind and metadata.name");
            yield break;
        }

        if (Encoding.UTF8.GetByteCount(manifest.GetRawText()) > Largest)
            yield return new(target, "is larger than 1 MiB, more than a cluster stores");
        if (Text(manifest, "apiVersion") is not { Length: > 0 } version || version.Count(c => c == '/') > 1 || version.Split('/').Any(part => !KubernetesNames.IsSubdomain(part)))
            yield return new($"{target}.apiVersion", "must be v1 or group/version, such as apps/v1");
        if (Text(manifest, "kind") is not { Length: > 0 } kind || !kind.All(char.IsAsciiLetterOrDigit))
        {
            yield return new($"{target}.kind", "must be the kind of the object, such as Deployment");
            yield break;
        }

        if (kind.EndsWith("List", StringComparison.Ordinal) && manifest.TryGetProperty("items", out _))
            yield return new($"{target}.kind", "is a list; give each of its items by itself");
        if (!manifest.TryGetProperty("metadata", out var metadata) || metadata.ValueKind is not JsonValueKind.Object)
        {
            yield return new($"{target}.metadata", "must be an object with a name");
            yield break;
        }

        if (metadata.TryGetProperty("generateName", out _))
            yield return new($"{target}.metadata.generateName", "cannot be used, for every member must get the same object; give it a name");
        // Names of roles and their bindings may have colons (Kubernetes, path segment names).
        if (Text(metadata, "name") is not { Length: > 0 } name || name.Length > 253 || (!KubernetesNames.IsSubdomain(name) && !IsRbac(kind)) || name is "." or ".." || name.AsSpan().IndexOfAny('/', '%') >= 0)
            yield return new($"{target}.metadata.name", "must be the object's name: lower-case letters, digits, '-' and '.', at most 253");
        var space = Text(metadata, "namespace");
        if (space is not null && !KubernetesNames.IsLabel(space))
            yield return new($"{target}.metadata.namespace", "is not the name of a namespace");
        if (space is null && Namespaced.Contains(kind))
            yield return new($"{target}.metadata.namespace", $"must be given: a {kind} is in a namespace");
        if (space is not null && ClusterScoped.Contains(kind))
            yield return new($"{target}.metadata.namespace", $"must be left out: a {kind} is in no namespace");
        if (kind is "Secret" && (manifest.TryGetProperty("data", out _) || manifest.TryGetProperty("stringData", out _)))
            yield return new(target, "must not carry data: whoever may read the placement could read it; let the member fetch its secrets from a vault");
        if (manifest.TryGetProperty("status", out _))
            yield return new($"{target}.status", "must be left out: the cluster writes it");
        foreach (var member in OfOneCluster.Where(member => metadata.TryGetProperty(member, out _)))
            yield return new($"{target}.metadata.{member}", "must be left out: it means something in one cluster only");
    }

    /// <summary>What gives rights over the whole cluster, or null.</summary>
    private static string? Escalation(JsonElement manifest)
    {
        if (Text(manifest, "kind") is not ("ClusterRole" or "Role" or "ClusterRoleBinding" or "RoleBinding") || Text(manifest, "apiVersion")?.StartsWith("rbac.authorization.k8s.io/", StringComparison.Ordinal) is not true)
            return null;
        if (manifest.TryGetProperty("roleRef", out var role) && Text(role, "name") is "cluster-admin")
            return "binds cluster-admin";
        if (!manifest.TryGetProperty("rules", out var rules) || rules.ValueKind is not JsonValueKind.Array)
            return null;
        foreach (var rule in rules.EnumerateArray())
        {
            var verbs = Texts(rule, "verbs");
            var resources = Texts(rule, "resources");
            if (verbs.Contains("*", StringComparer.Ordinal) && resources.Contains("*", StringComparer.Ordinal))
                return "gives every verb on every resource";
            if (verbs.FirstOrDefault(verb => verb != "*" && Escalating.Contains(verb, StringComparer.Ordinal)) is { } verb)
                return $"gives the verb '{verb}', by which its holder can take any right";
            if (Text(manifest, "kind") is "ClusterRole" && resources.Any(one => one is "secrets" or "*") && verbs.Any(one => one is "get" or "list" or "watch" or "*"))
                return "lets its holder read every secret of the cluster";
        }

        return null;
    }

    private static bool IsRbac(string kind) => kind is "ClusterRole" or "ClusterRoleBinding" or "Role" or "RoleBinding";

    private static string[] Texts(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var list) && list.ValueKind is JsonValueKind.Array
            ? [.. list.EnumerateArray().Where(item => item.ValueKind is JsonValueKind.String).Select(item => item.GetString()!)]
            : [];

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;
}
