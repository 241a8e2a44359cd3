using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>What the agent wrote to the disk so that the installed system can join its cluster.</summary>
internal sealed record JoinCredentials(Uri ApiServer, string CaHash, string Token, string NodeName, string ProviderId)
{
    public static JoinCredentials From(JsonObject body) => new(
        new Uri(body.Text("apiServer") ?? "", UriKind.Absolute), body.Text("caHash") ?? "", body.Text("token") ?? "",
        body.Text("nodeName") ?? "", body.Text("providerId") ?? "");
}

/// <summary>An installed operating system: which image, for which attempt, and its node identity once it has one.</summary>
internal sealed class InstalledSystem
{
    public required string Sha256 { get; init; }
    public required string Attempt { get; init; }
    public JoinCredentials? Join { get; set; }

    /// <summary>Key and certificate that the API server signed; kept on the disk for later boots.</summary>
    public X509Certificate2? NodeCertificate { get; set; }

    public string? CaPem { get; set; }
}

/// <summary>
/// What <c>kubeadm join</c> and the kubelet do: discover the cluster, check it against the pinned hash, have a certificate signed with
/// the bootstrap token, register the node and report it Ready.
/// </summary>
internal sealed partial class NodeBootstrap(Machine machine, InstalledSystem system)
{
    private const double ReadySeconds = 10;
    private const string Requests = "apis/certificates.k8s.io/v1/certificatesigningrequests";

    private static readonly TimeSpan signingPause = TimeSpan.FromMilliseconds(200);

    private readonly DoorClient client = new(machine);

    public async Task RunAsync(CancellationToken cancel)
    {
        var join = system.Join ?? throw new InvalidOperationException("The disk carries no join credentials.");
        if (system.NodeCertificate is null && !await BootstrapTlsAsync(join, cancel)) return;
        using var node = MachineNetwork.AsNode(system.CaPem ?? "", system.NodeCertificate!);
        if (!await RegisterAsync(node, join, cancel)) return;
        await machine.DelayAsync(ReadySeconds, cancel);
        var ready = new JsonObject { ["status"] = new JsonObject { ["conditions"] = Ready("True", "KubeletReady") } };
        await client.SendAsync(node, HttpMethod.Patch, new Uri(join.ApiServer, $"api/v1/nodes/{join.NodeName}/status"), ready, cancel,
            contentType: "application/strategic-merge-patch+json");
    }

    private async Task<bool> BootstrapTlsAsync(JoinCredentials join, CancellationToken cancel)
    {
        var discovery = await client.SendAsync(
            machine.World.Network.Unverified, HttpMethod.Get, new Uri(join.ApiServer, "api/v1/namespaces/kube-public/configmaps/cluster-info"), null, cancel);
        if (VerifiedAuthority(discovery.Body?["data"] as JsonObject, join) is not { } pem) return Refuse("cluster-info does not prove itself");

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedName($"CN=system:node:{join.NodeName}, O=system:nodes");
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        var name = $"node-csr-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(request)).AsSpan(0, 12))}";
        var verified = machine.World.Network.For(pem);
        var created = await client.SendAsync(verified, HttpMethod.Post, new Uri(join.ApiServer, Requests), new JsonObject
        {
            ["apiVersion"] = "certificates.k8s.io/v1", ["kind"] = "CertificateSigningRequest", ["metadata"] = new JsonObject { ["name"] = name },
            ["spec"] = new JsonObject
            {
                ["request"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(request)), ["signerName"] = "kubernetes.io/kube-apiserver-client-kubelet",
                ["usages"] = Json.Array(["digital signature", "client auth"]),
            },
        }, cancel, join.Token);
        if (created.Status is not (201 or 409)) return Refuse($"signing request answered {created.Status}");

        while (true)
        {
            var signed = await client.SendAsync(verified, HttpMethod.Get, new Uri(join.ApiServer, $"{Requests}/{name}"), null, cancel, join.Token);
            if (!signed.Ok) return Refuse($"signing request answered {signed.Status}");
            if ((signed.Body?["status"] as JsonObject).Text("certificate") is { } certificate)
            {
                using var issued = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(Convert.FromBase64String(certificate)));
                system.NodeCertificate = issued.CopyWithPrivateKey(key);
                system.CaPem = pem;
                return true;
            }

            await machine.World.Clock.WallDelayAsync(signingPause, cancel);
        }
    }

    private async Task<bool> RegisterAsync(HttpClient node, JoinCredentials join, CancellationToken cancel)
    {
        var created = await client.SendAsync(node, HttpMethod.Post, new Uri(join.ApiServer, "api/v1/nodes"), new JsonObject
        {
            ["apiVersion"] = "v1", ["kind"] = "Node",
            ["metadata"] = new JsonObject { ["name"] = join.NodeName, ["labels"] = new JsonObject { ["kubernetes.io/hostname"] = join.NodeName } },
            ["spec"] = new JsonObject { ["providerID"] = join.ProviderId.Contains("://", StringComparison.Ordinal) ? join.ProviderId : "controlplane://" + join.ProviderId },
            ["status"] = new JsonObject
            {
                ["conditions"] = Ready("False", "KubeletNotReady"),
                ["nodeInfo"] = new JsonObject { ["systemUUID"] = machine.Identity.Uuid.ToString(), ["kubeletVersion"] = KubernetesApi.Version },
                ["capacity"] = new JsonObject { ["cpu"] = $"{machine.Model.Sockets * machine.Model.CoresPerSocket * 2}", ["memory"] = $"{machine.Model.MemoryGiB}Gi" },
            },
        }, cancel);
        if (created.Status is not (201 or 409)) return Refuse($"node registration answered {created.Status}");
        lock (machine.Gate)
        {
            cancel.ThrowIfCancellationRequested();
            machine.NodeName = join.NodeName;
            if (created.Status != 201) return true;
            machine.Joins++;
            machine.DestructiveSteps.Add(new DestructiveStep(machine.World.Clock.Now, "join", join.NodeName, system.Attempt));
            machine.Did($"join:{join.NodeName}");
        }

        return true;
    }

    /// <summary>The cluster's authority out of cluster-info, if its key matches the pinned hash and a signature, where given, verifies.</summary>
    private static string? VerifiedAuthority(JsonObject? data, JoinCredentials join)
    {
        if (data.Text("kubeconfig") is not { } kubeconfig || AuthorityData().Match(kubeconfig) is not { Success: true } match) return null;
        var pem = Encoding.ASCII.GetString(Convert.FromBase64String(match.Groups["pem"].Value));
        using var authority = X509Certificate2.CreateFromPem(pem);
        if (!string.Equals(CertificateAuthority.HashOf(authority), join.CaHash, StringComparison.OrdinalIgnoreCase)) return null;
        var (id, secret) = BootstrapTokens.Split(join.Token);
        return data.Text($"jws-kubeconfig-{id}") is { } signature && signature != BootstrapTokens.Sign(kubeconfig, id, secret) ? null : pem;
    }

    private bool Refuse(string why)
    {
        machine.Did($"join-failed:{why}");
        return false;
    }

    private JsonArray Ready(string status, string reason) =>
        [new JsonObject { ["type"] = "Ready", ["status"] = status, ["reason"] = reason, ["lastHeartbeatTime"] = machine.World.Clock.Now.ToString("yyyy-MM-ddTHH:mm:ssZ") }];

    [GeneratedRegex(@"certificate-authority-data:\s*(?<pem>[A-Za-z0-9+/=]+)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AuthorityData();
}
