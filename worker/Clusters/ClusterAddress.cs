using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Worker.Clusters;

/// <summary>How a cluster's API server is reached, in clear, whichever way it was given.</summary>
internal sealed record ClusterAddress
{
    public const string TokenPath = "credentials.token";
    public const string KubeconfigPath = "credentials.kubeconfig";

    public required Uri ApiServer { get; init; }

    /// <summary>PEM of its authorities; the system's when null.</summary>
    public string? CaCertificate { get; init; }

    /// <summary>Null for a user with a certificate.</summary>
    public string? Token { get; init; }

    public string? ClientCertificate { get; init; }
    public string? ClientKey { get; init; }

    /// <summary>Null when the credentials are missing, or nobody reaches it but its own agent.</summary>
    public static ClusterAddress? Of(ConnectedCluster cluster, string? token, string? kubeconfig)
    {
        if (cluster.Access is ClusterAccess.Pull)
            return null;
        if (cluster.ApiServer is { } server)
            return token is null ? null : new() { ApiServer = server, CaCertificate = cluster.CaCertificate, Token = token };
        return kubeconfig is not null && Kubeconfig.Parse(kubeconfig, out _) is { } given
            ? new() { ApiServer = given.Server, CaCertificate = given.CaCertificate, Token = given.Token, ClientCertificate = given.ClientCertificate, ClientKey = given.ClientKey }
            : null;
    }

    /// <summary>Connections with the same key may share a handler.</summary>
    public (string?, string?) Identity => (CaCertificate, ClientCertificate);

    public AuthenticationHeaderValue? Authorization => Token is null ? null : new("Bearer", Token);

    /// <summary>Whom to trust, and as whom to speak.</summary>
    public void Secure(SslClientAuthenticationOptions ssl)
    {
        if (CaCertificate is not null)
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPem(CaCertificate);
            ssl.CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            ssl.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }

        if (ClientCertificate is not null)
            ssl.ClientCertificates = [X509Certificate2.CreateFromPem(ClientCertificate, ClientKey)];
    }

    public override string ToString() => ApiServer.ToString();
}
