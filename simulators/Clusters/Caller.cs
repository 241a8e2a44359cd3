using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.Simulators.Clusters;

/// <summary>Who calls the API server: the administrator, a reader, a joining machine with a bootstrap token, or a node with its certificate.</summary>
internal sealed record Caller(string Name, IReadOnlyList<string> Groups, string? NodeName)
{
    private const string NodePrefix = "system:node:";
    private const string Bearer = "Bearer ";

    public bool IsAdmin => Groups.Contains("system:masters", StringComparer.Ordinal);

    public bool IsBootstrapper => Groups.Contains("system:bootstrappers", StringComparer.Ordinal);

    private bool IsReader => Groups.Contains("fleet:readers", StringComparer.Ordinal);

    public static Caller? Identify(HttpContext http, ClusterIdentity cluster, ObjectStore store, DateTimeOffset now)
    {
        var header = http.Request.Headers.Authorization.ToString();
        if (header.StartsWith(Bearer, StringComparison.Ordinal))
        {
            var token = header[Bearer.Length..];
            if (token == cluster.AdminToken) return new Caller("kubernetes-admin", ["system:masters", "system:authenticated"], null);
            if (token == cluster.ReaderToken) return new Caller("system:serviceaccount:kube-system:reader", ["fleet:readers", "system:serviceaccounts", "system:authenticated"], null);
            return BootstrapTokens.Authenticate(store, token, now) is { } id
                ? new Caller($"system:bootstrap:{id}", ["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", "system:authenticated"], null)
                : null;
        }

        return http.Connection.ClientCertificate is { } certificate && Node(certificate) is { } node
            ? new Caller(NodePrefix + node, ["system:nodes", "system:authenticated"], node)
            : null;
    }

    /// <summary>What the default roles and the node restriction allow.</summary>
    public bool May(string method, ResourcePath path) => this switch
    {
        { IsAdmin: true } => true,
        { IsReader: true } => method is "GET" or "HEAD" && path.Resource != "secrets",
        { IsBootstrapper: true } => path.Resource == "certificatesigningrequests" && method is "GET" or "POST",
        { NodeName: not null } => path.Resource switch
        {
            "nodes" => method is "GET" || (method is "POST" && path.Name is null) || (method is "PATCH" or "PUT" && path.Name == NodeName),
            "leases" or "pods" or "events" or "certificatesigningrequests" => true,
            "configmaps" or "secrets" => method is "GET",
            _ => false,
        },
        _ => false,
    };

    /// <summary>The name in a node's certificate; TLS has verified that the cluster's own authority signed it.</summary>
    private static string? Node(X509Certificate2 certificate)
    {
        var name = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        return name.StartsWith(NodePrefix, StringComparison.Ordinal) ? name[NodePrefix.Length..] : null;
    }
}
