using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters;

/// <summary>The public ConfigMap <c>cluster-info</c>, by which a joining machine knows the cluster: signed with every live bootstrap token.</summary>
internal sealed class ClusterInfo(ClusterIdentity identity, ObjectStore store)
{
    public const string Path = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

    private readonly string kubeconfig = $"""
        apiVersion: v1
        kind: Config
        clusters:
        - cluster:
            certificate-authority-data: {Convert.ToBase64String(Encoding.ASCII.GetBytes(identity.CaPem))}
            server: {identity.Server}
          name: ""
        contexts: null
        current-context: ""
        preferences: {"{}"}
        users: null

        """;

    /// <summary>A thousand joining machines read it while a thousand tokens live: each signature is made once.</summary>
    private readonly ConcurrentDictionary<(string Id, string Secret), string> signatures = new();

    public JsonObject Show(DateTimeOffset now)
    {
        var data = new JsonObject { ["kubeconfig"] = kubeconfig };
        foreach (var token in BootstrapTokens.Signing(store, now)) data[$"jws-kubeconfig-{token.Id}"] = signatures.GetOrAdd(token, one => BootstrapTokens.Sign(kubeconfig, one.Id, one.Secret));
        return new JsonObject
        {
            ["kind"] = "ConfigMap", ["apiVersion"] = "v1", ["metadata"] = new JsonObject { ["name"] = "cluster-info", ["namespace"] = "kube-public" }, ["data"] = data,
        };
    }
}
