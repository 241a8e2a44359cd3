using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Kubernetes;
using YamlDotNet.RepresentationModel;

namespace ControlPlane.Agent;

/// <summary>The API server of the agent's own cluster.</summary>
internal static class ClusterAccess
{
    private const string ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <param name="settings">How it is reached.</param>
    /// <param name="clients">Those that are there already, by authority: clusters with the same one share a handler, which keeps connections to each.</param>
    public static MemberApi Open(KubernetesSettings settings, Dictionary<string, HttpClient> clients)
    {
        HttpClient Client(string? ca) => clients.TryGetValue(ca ?? "", out var known) ? known : clients[ca ?? ""] = Make(ca);
        if (settings.Kubeconfig is { } kubeconfig)
            return FromKubeconfig(File.ReadAllText(kubeconfig), Client);
        if (settings.Server is { } server)
        {
            var token = settings.Token is { } given ? () => new("Bearer", given)
                : FromFile(settings.TokenFile ?? throw new InvalidOperationException("Agent:Kubernetes:TokenFile is not set, although Agent:Kubernetes:Server is."));
            return new(Client(settings.CaFile is { } ca ? File.ReadAllText(ca) : settings.Ca), server, token);
        }

        if (Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is not { Length: > 0 } host)
            throw new InvalidOperationException("There is no cluster around the agent; set Agent:Kubernetes:Kubeconfig, or Server, TokenFile and CaFile.");
        var address = new UriBuilder(Uri.UriSchemeHttps, host, int.TryParse(Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT"), out var port) ? port : 443).Uri;
        return new(Client(File.ReadAllText($"{ServiceAccount}/ca.crt")), address, FromFile($"{ServiceAccount}/token"));
    }

    /// <summary>The cluster and the token of the current context.</summary>
    private static MemberApi FromKubeconfig(string text, Func<string?, HttpClient> client)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        var root = (YamlMappingNode)yaml.Documents[0].RootNode;
        var context = Named(root, "contexts", "context", Text(root, "current-context"));
        var cluster = Named(root, "clusters", "cluster", Text(context, "cluster"));
        var user = Named(root, "users", "user", Text(context, "user"));
        var token = Text(user, "token") ?? throw new InvalidOperationException("The user of the kubeconfig has no token; that of a service account is what the agent needs.");
        var ca = Text(cluster, "certificate-authority-data") is { } data ? System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(data)) : Text(cluster, "certificate-authority") is { } file ? File.ReadAllText(file) : null;
        return new(client(ca), new(Text(cluster, "server") ?? throw new InvalidOperationException("The cluster of the kubeconfig has no server.")), () => new("Bearer", token));
    }

    private static YamlMappingNode Named(YamlMappingNode root, string list, string kind, string? name) =>
        root.Children.TryGetValue(list, out var all) && all is YamlSequenceNode sequence && sequence.OfType<YamlMappingNode>().FirstOrDefault(one => Text(one, "name") == name) is { } found && found.Children.TryGetValue(kind, out var value) && value is YamlMappingNode node
            ? node
            : throw new InvalidOperationException($"The kubeconfig has no {kind} of the name '{name}'.");

    private static string? Text(YamlMappingNode node, string name) => node.Children.TryGetValue(name, out var value) && value is YamlScalarNode { Value: { Length: > 0 } text } ? text : null;

    /// <summary>A pod's token is replaced in its file while the pod runs.</summary>
    private static Func<AuthenticationHeaderValue?> FromFile(string path) => () => new("Bearer", File.ReadAllText(path).Trim());

    private static HttpClient Make(string? ca) => new(new SocketsHttpHandler
    {
        PooledConnectionLifetime = TimeSpan.FromHours(1), ConnectTimeout = TimeSpan.FromSeconds(5), AllowAutoRedirect = false, UseCookies = false, UseProxy = false, MaxConnectionsPerServer = 4,
        SslOptions = { CertificateChainPolicy = Trust.Policy(ca) },
    })
    { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = 64 * 1024 * 1024 };
}

internal static class Trust
{
    /// <summary>These authorities and no others; the system's when none are given.</summary>
    public static X509ChainPolicy? Policy(string? pem)
    {
        if (pem is null)
            return null;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(pem);
        return policy;
    }
}
