using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using YamlDotNet.Core;

namespace ControlPlane.Contracts.Clusters;

/// <summary>
/// What a kubeconfig's current context says about reaching a cluster (Kubernetes, client-go clientcmd). Only what can be carried out here and is safe to is taken: nothing that runs a program,
/// reads a file, or trusts whoever answers.
/// </summary>
public sealed record Kubeconfig
{
    private const int LongestToken = 16 * 1024;
    private const string Embed = "kubectl config view --raw --minify --flatten embeds it";

    public required Uri Server { get; init; }

    /// <summary>PEM of the authorities of the server's certificate; the system's when null.</summary>
    public string? CaCertificate { get; init; }

    /// <summary>A bearer token; null for a user with a certificate.</summary>
    public string? Token { get; init; }

    /// <summary>PEM of the user's certificate, with its chain.</summary>
    public string? ClientCertificate { get; init; }

    public string? ClientKey { get; init; }

    /// <summary>Null, with what is wrong, when it cannot be used.</summary>
    public static Kubeconfig? Parse(string text, out string fault)
    {
        try
        {
            fault = "";
            return Read(KubeconfigYaml.Read(text));
        }
        catch (FormatException failure)
        {
            fault = failure.Message;
        }
        catch (YamlException failure)
        {
            fault = $"is not YAML: {failure.Message} (line {failure.Start.Line}, column {failure.Start.Column})";
        }
        catch (InvalidOperationException)
        {
            // What YamlDotNet's scanner throws where a flow collection breaks off.
            fault = "is not YAML: a list or a mapping breaks off";
        }

        return null;
    }

    /// <summary>Whether a text is PEM with at least one certificate, and all of it can be read.</summary>
    public static bool IsCertificate(string pem)
    {
        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPem(pem);
            foreach (var certificate in certificates)
                certificate.Dispose();
            return certificates.Count > 0;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>Whether a text may stand in an Authorization header (RFC 6750, b64token, and what else is visible).</summary>
    public static bool IsToken(string text) => text.Length is > 0 and <= LongestToken && text.All(c => c is > ' ' and < '\x7f');

    public override string ToString() => $"kubeconfig of {Server}";

    private static Kubeconfig Read(object? document)
    {
        var root = document as KubeconfigYaml.Mapping ?? throw new FormatException("must be a kubeconfig: a YAML mapping with clusters, users, contexts and current-context");
        if (root.Text("kind") is { } kind && kind != "Config")
            throw new FormatException($"must have the kind Config, not {kind}");
        var current = root.Text("current-context") is { Length: > 0 } name ? name : throw new FormatException("has no current-context, which says which of its clusters is meant; kubectl config use-context sets it");
        var context = Named(root, "contexts", current, "context", "current-context");
        var cluster = Named(root, "clusters", context.Text("cluster") ?? "", "cluster", $"contexts '{current}'");
        var user = Named(root, "users", context.Text("user") ?? "", "user", $"contexts '{current}'");
        return User(user, Cluster(cluster));
    }

    private static Kubeconfig Cluster(KubeconfigYaml.Mapping cluster)
    {
        var address = cluster.Text("server") ?? "";
        if (!Uri.TryCreate(address, UriKind.Absolute, out var server) || server.Scheme is not ("https" or "http"))
            throw new FormatException("has no server in its cluster, such as https://10.0.0.10:6443");
        if (server.Scheme != Uri.UriSchemeHttps)
            throw new FormatException("has a server over http: only https is spoken with a cluster");
        if (server.UserInfo.Length > 0 || server.Query.Length > 0)
            throw new FormatException("has a server with a user or a query in its address");
        if (cluster.Text("insecure-skip-tls-verify") is "true")
            throw new FormatException("has insecure-skip-tls-verify: whoever answered would be believed; give certificate-authority-data instead");
        if (cluster.Text("certificate-authority") is not null && cluster.Text("certificate-authority-data") is null)
            throw new FormatException($"names a file in certificate-authority, which is not here; {Embed}");
        if (cluster.Text("proxy-url") is not null)
            throw new FormatException("has a proxy-url; the API server must be reachable without");
        if (cluster.Text("tls-server-name") is not null)
            throw new FormatException("has a tls-server-name; the server's address must be one that its certificate names");
        var authority = Data(cluster, "certificate-authority-data");
        return authority is null || IsCertificate(authority) ? new() { Server = server, CaCertificate = authority } : throw new FormatException("has no PEM certificate in certificate-authority-data");
    }

    private static Kubeconfig User(KubeconfigYaml.Mapping user, Kubeconfig config)
    {
        if (user.Has("exec"))
            throw new FormatException("has a user with exec: programs are not run here; create a service account in the cluster and give its token");
        if (user.Has("auth-provider"))
            throw new FormatException("has a user with auth-provider; create a service account in the cluster and give its token");
        if (user.Has("username") || user.Has("password"))
            throw new FormatException("has a user with username and password, which Kubernetes takes no more; give a token or a client certificate");
        if (user.Has("as") || user.Has("as-uid") || user.Has("as-groups"))
            throw new FormatException("has a user that acts as another one; give the credentials of the one that is meant");
        if (user.Text("token") is { Length: > 0 } token)
            return IsToken(token) ? config with { Token = token } : throw new FormatException("has a token with spaces or line breaks, or one too long");
        if (user.Has("tokenFile"))
            throw new FormatException($"names a file in tokenFile, which is not here; {Embed}");
        var (certificate, key) = (Data(user, "client-certificate-data"), Data(user, "client-key-data"));
        if (certificate is null && user.Has("client-certificate"))
            throw new FormatException($"names a file in client-certificate, which is not here; {Embed}");
        if (key is null && user.Has("client-key"))
            throw new FormatException($"names a file in client-key, which is not here; {Embed}");
        if (certificate is null || key is null)
            throw new FormatException("has a user without a token, and without client-certificate-data and client-key-data");
        try
        {
            using var pair = X509Certificate2.CreateFromPem(certificate, key);
            return config with { ClientCertificate = certificate, ClientKey = key };
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException)
        {
            throw new FormatException("has client-certificate-data and client-key-data that are not a PEM certificate and its private key", failure);
        }
    }

    /// <summary>The entry of a list that has a name.</summary>
    private static KubeconfigYaml.Mapping Named(KubeconfigYaml.Mapping root, string list, string name, string what, string whoSays)
    {
        var entries = (root.Find(list) as IReadOnlyList<object?> ?? []).OfType<KubeconfigYaml.Mapping>();
        return entries.FirstOrDefault(entry => entry.Text("name") == name)?.Find(what) as KubeconfigYaml.Mapping ?? throw new FormatException($"has no entry '{name}' in {list}, which {whoSays} names");
    }

    /// <summary>A member in base64.</summary>
    private static string? Data(KubeconfigYaml.Mapping mapping, string name)
    {
        if (mapping.Text(name) is not { Length: > 0 } text)
            return null;
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : throw new FormatException($"has a {name} that is not base64");
    }
}
