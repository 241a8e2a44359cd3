using System.Collections.Frozen;
using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters;

/// <summary>A kind of object that an API server stores: where it is served and what can be done to it.</summary>
internal sealed record ResourceKind
{
    /// <summary>Empty for the core group.</summary>
    public required string Group { get; init; }

    public required string Version { get; init; }
    public required string Plural { get; init; }
    public required string Kind { get; init; }
    public required bool Namespaced { get; init; }

    /// <summary>Its status is written below <c>/status</c> only.</summary>
    public bool HasStatus { get; init; }

    public bool HasScale { get; init; }

    /// <summary>Its generation counts the changes of what is wanted.</summary>
    public bool HasGeneration { get; init; }

    public IReadOnlyList<string> ShortNames { get; init; } = [];
    public bool InAll { get; init; }

    /// <summary>Of a kind that a CustomResourceDefinition made: the schema of its objects.</summary>
    public JsonObject? Schema { get; init; }

    public bool IsCustom { get; init; }
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";
    public string Singular => Kind.ToLowerInvariant();

    /// <summary>Where its objects are stored, whatever the version: <c>pods</c>, <c>deployments.apps</c>.</summary>
    public string Shelf => Group.Length == 0 ? Plural : $"{Plural}.{Group}";
}

/// <summary>The kinds that every cluster serves.</summary>
internal static class ResourceKinds
{
    /// <summary>Columns: apiVersion, plural, kind, scope; then <c>s</c>tatus, s<c>c</c>ale, <c>g</c>eneration, category <c>a</c>ll; short names.</summary>
    private const string Table = """
        v1 namespaces Namespace cluster s ns
        v1 nodes Node cluster s no
        v1 pods Pod namespace sa po
        v1 services Service namespace sa svc
        v1 secrets Secret namespace -
        v1 configmaps ConfigMap namespace - cm
        v1 serviceaccounts ServiceAccount namespace - sa
        v1 resourcequotas ResourceQuota namespace s quota
        v1 limitranges LimitRange namespace - limits
        v1 events Event namespace - ev
        v1 endpoints Endpoints namespace - ep
        v1 persistentvolumes PersistentVolume cluster s pv
        v1 persistentvolumeclaims PersistentVolumeClaim namespace s pvc
        apps/v1 deployments Deployment namespace scga deploy
        apps/v1 statefulsets StatefulSet namespace scga sts
        apps/v1 daemonsets DaemonSet namespace sga ds
        apps/v1 replicasets ReplicaSet namespace scga rs
        apps/v1 controllerrevisions ControllerRevision namespace -
        batch/v1 jobs Job namespace sga
        batch/v1 cronjobs CronJob namespace sga cj
        autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler namespace sa hpa
        policy/v1 poddisruptionbudgets PodDisruptionBudget namespace sg pdb
        networking.k8s.io/v1 networkpolicies NetworkPolicy namespace g netpol
        networking.k8s.io/v1 ingresses Ingress namespace sg ing
        networking.k8s.io/v1 ingressclasses IngressClass cluster g
        rbac.authorization.k8s.io/v1 roles Role namespace -
        rbac.authorization.k8s.io/v1 rolebindings RoleBinding namespace -
        rbac.authorization.k8s.io/v1 clusterroles ClusterRole cluster -
        rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding cluster -
        scheduling.k8s.io/v1 priorityclasses PriorityClass cluster g pc
        storage.k8s.io/v1 storageclasses StorageClass cluster - sc
        storage.k8s.io/v1 csidrivers CSIDriver cluster -
        storage.k8s.io/v1 csinodes CSINode cluster -
        coordination.k8s.io/v1 leases Lease namespace -
        certificates.k8s.io/v1 certificatesigningrequests CertificateSigningRequest cluster s csr
        apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition cluster sg crd,crds
        apiregistration.k8s.io/v1 apiservices APIService cluster s
        admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration cluster g
        admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration cluster g
        admissionregistration.k8s.io/v1 validatingadmissionpolicies ValidatingAdmissionPolicy cluster sg
        admissionregistration.k8s.io/v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cluster g
        cluster.x-k8s.io/v1beta1 machinedeployments MachineDeployment namespace scg md
        controlplane.cluster.x-k8s.io/v1beta1 kubeadmcontrolplanes KubeadmControlPlane namespace scg kcp
        """;

    public static IReadOnlyList<ResourceKind> BuiltIn { get; } = [.. Table.Split('\n').Select(Parse)];

    /// <summary>By apiVersion and plural name.</summary>
    public static FrozenDictionary<(string ApiVersion, string Plural), ResourceKind> ByPath { get; } =
        BuiltIn.ToFrozenDictionary(kind => (kind.ApiVersion, kind.Plural));

    /// <summary>A built-in kind by the name of its shelf.</summary>
    public static FrozenDictionary<string, ResourceKind> ByShelf { get; } = BuiltIn.ToFrozenDictionary(kind => kind.Shelf, StringComparer.Ordinal);

    private static ResourceKind Parse(string line)
    {
        var columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var slash = columns[0].IndexOf('/', StringComparison.Ordinal);
        var flags = columns[4];
        return new ResourceKind
        {
            Group = slash < 0 ? "" : columns[0][..slash], Version = columns[0][(slash + 1)..], Plural = columns[1], Kind = columns[2],
            Namespaced = columns[3] == "namespace", HasStatus = flags.Contains('s'), HasScale = flags.Contains('c'),
            HasGeneration = flags.Contains('g'), InAll = flags.Contains('a'), ShortNames = columns.Length > 5 ? columns[5].Split(',') : [],
        };
    }
}
