using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>Approves and signs the certificate requests of joining nodes (signer kubernetes.io/kube-apiserver-client-kubelet).</summary>
internal sealed class CertificateSigning(ObjectStore store, CertificateAuthority authority)
{
    private const string Signer = "kubernetes.io/kube-apiserver-client-kubelet";
    private const string NodePrefix = "CN=system:node:";

    /// <summary>The API server, not the client, says who asked.</summary>
    public static void Stamp(JsonObject body, Caller caller)
    {
        if (body["spec"] is not JsonObject spec) body["spec"] = spec = [];
        spec["username"] = caller.Name;
        spec["groups"] = Json.Array(caller.Groups);
        body.Remove("status");
    }

    /// <summary>Approves and signs a bootstrapper's or a node's request if its subject is a node's; leaves any other one pending.</summary>
    public void Decide(string name, Caller caller)
    {
        if (!caller.IsBootstrapper && caller.NodeName is null) return;
        store.Change("certificatesigningrequests.certificates.k8s.io", "", name, request =>
        {
            var spec = request["spec"] as JsonObject;
            if (spec.Text("signerName") != Signer || Sign(spec.Text("request")) is not { } certificate) return request;
            request["status"] = new JsonObject
            {
                ["conditions"] = new JsonArray(new JsonObject
                {
                    ["type"] = "Approved", ["status"] = "True", ["reason"] = "AutoApproved", ["message"] = "Auto approving kubelet client certificate after SubjectAccessReview.",
                }),
                ["certificate"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(certificate)),
            };
            return request;
        });
    }

    private string? Sign(string? encoded)
    {
        try
        {
            var pem = Encoding.ASCII.GetString(Convert.FromBase64String(encoded ?? ""));
            var request = CertificateRequest.LoadSigningRequestPem(pem, HashAlgorithmName.SHA256);
            var parts = request.SubjectName.Name.Split(", ");
            var isNode = parts.Contains("O=system:nodes", StringComparer.Ordinal) && parts.Any(part => part.StartsWith(NodePrefix, StringComparison.Ordinal) && part.Length > NodePrefix.Length);
            return isNode ? authority.IssueClientPem(request) : null;
        }
        catch (Exception error) when (error is FormatException or CryptographicException or ArgumentException)
        {
            return null;
        }
    }
}
