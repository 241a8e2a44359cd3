using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Kubernetes;
using ControlPlane.Worker.Arm;

namespace ControlPlane.Worker.Clusters;

/// <summary>The few calls of the Kubernetes API that joining, cordoning and releasing a node need. Every call states its outcome; none waits.</summary>
internal sealed class ClusterApi(HttpClient http, AuthenticationHeaderValue? authorization, TimeSpan patience, ClusterWriter? writer = null)
{
    public async Task<string> VersionAsync(CancellationToken stop)
    {
        using var version = await SendAsync(HttpMethod.Get, "/version", body: null, stop);
        return version!.RootElement.GetProperty("gitVersion").GetString()!;
    }

    /// <summary>Creates the bootstrap token of one machine; an existing one with the same id is left as it is (kubeadm, bootstrap tokens).</summary>
    public async Task CreateBootstrapTokenAsync(BootstrapToken bootstrap, CancellationToken stop)
    {
        using var created = await SendAsync(HttpMethod.Post, "/api/v1/namespaces/kube-system/secrets", new
        {
            apiVersion = "v1",
            kind = "Secret",
            metadata = new { name = $"bootstrap-token-{bootstrap.Id}", @namespace = "kube-system" },
            type = "bootstrap.kubernetes.io/token",
            data = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["token-id"] = Base64(bootstrap.Id),
                ["token-secret"] = Base64(bootstrap.Secret),
                ["expiration"] = Base64(bootstrap.Expiration.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'")),
                ["usage-bootstrap-authentication"] = Base64("true"),
                ["usage-bootstrap-signing"] = Base64("true"),
                ["auth-extra-groups"] = Base64("system:bootstrappers:controlplane:machines"),
                ["description"] = Base64(bootstrap.Description),
            },
        }, stop, HttpStatusCode.Conflict);
    }

    public async Task DeleteBootstrapTokenAsync(string id, CancellationToken stop)
    {
        using var deleted = await SendAsync(HttpMethod.Delete, $"/api/v1/namespaces/kube-system/secrets/bootstrap-token-{id}", body: null, stop, HttpStatusCode.NotFound);
    }

    /// <summary>Every node, and the names of all certificate signing requests that the cluster has signed.</summary>
    public async Task<ClusterSnapshot> SnapshotAsync(Func<string, string, string?> nodeOfRequest, CancellationToken stop)
    {
        using var nodes = await SendAsync(HttpMethod.Get, "/api/v1/nodes", body: null, stop);
        using var requests = await SendAsync(HttpMethod.Get, "/apis/certificates.k8s.io/v1/certificatesigningrequests", body: null, stop);
        var signed = requests!.RootElement.GetProperty("items").EnumerateArray()
            .Where(csr => csr.TryGetProperty("status", out var status) && status.TryGetProperty("certificate", out _))
            .Select(csr => nodeOfRequest(csr.GetProperty("metadata").GetProperty("name").GetString()!, csr.GetProperty("spec").GetProperty("request").GetString()!));
        return new(
            nodes!.RootElement.GetProperty("items").EnumerateArray().Select(Node).ToDictionary(node => node.Name, StringComparer.Ordinal),
            signed.OfType<string>().ToHashSet(StringComparer.Ordinal));
    }

    public async Task<ClusterNode?> FindNodeAsync(string name, CancellationToken stop)
    {
        using var node = await SendAsync(HttpMethod.Get, $"/api/v1/nodes/{name}", body: null, stop, HttpStatusCode.NotFound);
        return node is null ? null : Node(node.RootElement);
    }

    public async Task SetUnschedulableAsync(string name, bool unschedulable, CancellationToken stop)
    {
        using var patched = await SendAsync(HttpMethod.Patch, $"/api/v1/nodes/{name}", new { spec = new { unschedulable } }, stop, HttpStatusCode.NotFound);
    }

    public async Task SetLabelsAsync(string name, IReadOnlyDictionary<string, string> labels, CancellationToken stop)
    {
        using var patched = await SendAsync(HttpMethod.Patch, $"/api/v1/nodes/{name}", new { metadata = new { labels } }, stop);
    }

    /// <summary>Every node, whole.</summary>
    public async Task<IReadOnlyList<ObservedNode>> NodesAsync(CancellationToken stop)
    {
        using var nodes = await SendAsync(HttpMethod.Get, "/api/v1/nodes", body: null, stop);
        return [.. nodes!.RootElement.GetProperty("items").EnumerateArray().Select(ObservedNode.Of)];
    }

    public async Task SetTaintsAsync(string name, IReadOnlyList<NodeTaint> taints, CancellationToken stop)
    {
        var body = new { spec = new { taints = taints.Select(taint => new { key = taint.Key, value = taint.Value, effect = taint.Effect }) } };
        using var patched = await SendAsync(HttpMethod.Patch, $"/api/v1/nodes/{name}", body, stop, HttpStatusCode.NotFound);
    }

    /// <summary>What is at a path; null when there is nothing, or it is not to be seen.</summary>
    public async Task<JsonElement?> LookAsync(string path, CancellationToken stop)
    {
        using var found = await SendAsync(HttpMethod.Get, path, body: null, stop, HttpStatusCode.NotFound, HttpStatusCode.Forbidden);
        return found?.RootElement.Clone();
    }

    /// <summary>An object of a namespace, by the path of its collection; null when there is none.</summary>
    public async Task<JsonElement?> FindAsync(string collection, string name, CancellationToken stop)
    {
        using var found = await SendAsync(HttpMethod.Get, $"{collection}/{name}", body: null, stop, HttpStatusCode.NotFound);
        return found?.RootElement.Clone();
    }

    /// <summary>One that is there already is left as it is.</summary>
    public async Task CreateAsync(string collection, object thing, CancellationToken stop)
    {
        using var created = await SendAsync(HttpMethod.Post, collection, thing, stop, HttpStatusCode.Conflict);
    }

    /// <summary>RFC 7396.</summary>
    public async Task MergeAsync(string collection, string name, object patch, CancellationToken stop)
    {
        using var patched = await SendAsync(HttpMethod.Patch, $"{collection}/{name}", patch, stop);
    }

    public async Task DeleteAsync(string collection, string name, CancellationToken stop)
    {
        using var deleted = await SendAsync(HttpMethod.Delete, $"{collection}/{name}", body: null, stop, HttpStatusCode.NotFound);
    }

    /// <summary>Asks for the eviction of every pod on the node that is not a DaemonSet's or a mirror pod; the answer is how many were still there.</summary>
    public async Task<int> EvictPodsAsync(string node, CancellationToken stop)
    {
        using var pods = await SendAsync(HttpMethod.Get, $"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}", body: null, stop);
        var left = 0;
        foreach (var pod in pods!.RootElement.GetProperty("items").EnumerateArray().Select(pod => pod.GetProperty("metadata")).Where(IsEvictable))
        {
            left++;
            var (name, space) = (pod.GetProperty("name").GetString(), pod.GetProperty("namespace").GetString());
            // 429: a disruption budget forbids it at the moment; the next look tries again.
            using var evicted = await SendAsync(HttpMethod.Post, $"/api/v1/namespaces/{space}/pods/{name}/eviction",
                new { apiVersion = "policy/v1", kind = "Eviction", metadata = new { name, @namespace = space } }, stop, HttpStatusCode.NotFound, HttpStatusCode.TooManyRequests);
        }

        return left;
    }

    public async Task DeleteNodeAsync(string name, CancellationToken stop)
    {
        using var deleted = await SendAsync(HttpMethod.Delete, $"/api/v1/nodes/{name}", body: null, stop, HttpStatusCode.NotFound);
    }

    private static bool IsEvictable(JsonElement metadata) =>
        !(metadata.TryGetProperty("ownerReferences", out var owners) && owners.EnumerateArray().Any(owner => owner.GetProperty("kind").GetString() == "DaemonSet"))
        && !(metadata.TryGetProperty("annotations", out var annotations) && annotations.TryGetProperty("kubernetes.io/config.mirror", out _));

    private static ClusterNode Node(JsonElement node)
    {
        var spec = node.TryGetProperty("spec", out var given) ? given : default;
        var ready = node.TryGetProperty("status", out var status) && status.TryGetProperty("conditions", out var conditions)
            && conditions.EnumerateArray().Any(c => c.GetProperty("type").GetString() == "Ready" && c.GetProperty("status").GetString() == "True");
        return new(node.GetProperty("metadata").GetProperty("name").GetString()!,
            spec.ValueKind is JsonValueKind.Object && spec.TryGetProperty("providerID", out var provider) ? provider.GetString() : null, ready,
            spec.ValueKind is JsonValueKind.Object && spec.TryGetProperty("unschedulable", out var cordoned) && cordoned.ValueKind is JsonValueKind.True);
    }

    /// <summary>The node that a certificate request names: CN=system:node:NAME.</summary>
    public static string? NodeOf(string requestBase64)
    {
        const string prefix = "CN=system:node:";
        var pem = Encoding.ASCII.GetString(Convert.FromBase64String(requestBase64));
        var subject = CertificateRequest.LoadSigningRequestPem(pem, System.Security.Cryptography.HashAlgorithmName.SHA256).SubjectName;
        return subject.Format(multiLine: false).Split(", ").FirstOrDefault(part => part.StartsWith(prefix, StringComparison.Ordinal))?[prefix.Length..];
    }

    private async Task<JsonDocument?> SendAsync(HttpMethod method, string path, object? body, CancellationToken stop, params HttpStatusCode[] fine)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = authorization;
        if (method != HttpMethod.Get)
            (writer ?? throw new InvalidOperationException($"{method} {path} belongs to no step.")).Sign(request);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(method == HttpMethod.Patch ? "application/merge-patch+json" : "application/json");
        }

        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, stop);
        }
        catch (Exception failure) when (failure is HttpRequestException || (failure is OperationCanceledException && !stop.IsCancellationRequested))
        {
            throw new TransientStepException("ClusterUnreachable", $"The API server {http.BaseAddress} does not answer: {failure.Message}", failure, patience);
        }

        using (response)
        {
            if (fine.Contains(response.StatusCode))
                return null;
            if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
                throw new OperationFailedException("ClusterCredentialsRejected", $"The API server {http.BaseAddress} refused {method} {path} with {(int)response.StatusCode}; its token needs nodes, secrets in kube-system and certificate signing requests.");
            if (!response.IsSuccessStatusCode)
                throw new TransientStepException("ClusterRequestFailed", $"The API server {http.BaseAddress} answered {method} {path} with {(int)response.StatusCode}.", patience: patience);
            return await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(stop), cancellationToken: stop);
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}

/// <summary>On whose behalf a cluster is changed: a step that has lost its lease changes nothing any more.</summary>
internal sealed record ClusterWriter(Lease Lease, string IdempotencyKey)
{
    public void Sign(HttpRequestMessage request)
    {
        if (!Lease.IsHeld)
            throw new LeaseLostException(Lease.Operation);
        request.Headers.Add("Idempotency-Key", IdempotencyKey);
    }
}

/// <summary>A kubeadm bootstrap token: <c>id.secret</c>.</summary>
internal sealed record BootstrapToken(string Id, string Secret, DateTimeOffset Expiration, string Description)
{
    public override string ToString() => $"{Id}.(secret)";
}

internal sealed record ClusterNode(string Name, string? ProviderId, bool Ready, bool Unschedulable);

/// <summary>A cluster's nodes by name, and the nodes for which it has signed a certificate.</summary>
internal sealed record ClusterSnapshot(IReadOnlyDictionary<string, ClusterNode> Nodes, IReadOnlySet<string> SignedNodes);
