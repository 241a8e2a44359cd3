using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>
/// An API server, as far as joining, watching, cordoning and draining nodes need it: generic storage for a handful of resources, who
/// may do what, the signer of kubelet certificates, and eviction.
/// </summary>
internal sealed class KubernetesApi
{
    public const string Version = "v1.31.4";

    /// <summary>Realistic seconds from the last sign of life of a node to its condition Unknown (node-monitor-grace-period).</summary>
    private const double GraceSeconds = 40;

    private static readonly Dictionary<string, string> kinds = new(StringComparer.Ordinal)
    {
        ["namespaces"] = "Namespace", ["secrets"] = "Secret", ["configmaps"] = "ConfigMap", ["nodes"] = "Node", ["pods"] = "Pod",
        ["leases"] = "Lease", ["certificatesigningrequests"] = "CertificateSigningRequest", ["serviceaccounts"] = "ServiceAccount", ["events"] = "Event",
    };

    private readonly ObjectStore store;
    private readonly CertificateSigning signing;
    private readonly FaultRules faults;
    private readonly VirtualClock clock;
    private readonly Journal journal;
    private readonly string adminToken;
    private readonly string kubeconfig;

    /// <summary>A thousand joining machines read cluster-info while a thousand tokens live: each signature is made once.</summary>
    private readonly ConcurrentDictionary<(string Id, string Secret), string> signatures = new();

    public KubernetesApi(TimeProvider time, CertificateAuthority authority, string server, string adminToken, FaultRules faults, VirtualClock clock, Journal journal)
    {
        store = new ObjectStore(time);
        signing = new CertificateSigning(store, authority);
        (this.faults, this.clock, this.journal, this.adminToken) = (faults, clock, journal, adminToken);
        kubeconfig = $"""
            apiVersion: v1
            kind: Config
            clusters:
            - cluster:
                certificate-authority-data: {Convert.ToBase64String(Encoding.ASCII.GetBytes(authority.Pem))}
                server: {server}
              name: ""
            contexts: null
            current-context: ""
            preferences: {"{}"}
            users: null

            """;
        foreach (var name in new[] { "default", "kube-system", "kube-public", "kube-node-lease" })
            store.Create("namespaces", "", name, new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["status"] = new JsonObject { ["phase"] = "Active" } });
    }

    /// <summary>A node's machine lost power: after the grace period its Ready condition becomes Unknown, unless it came back.</summary>
    public void NodeLost(string name) => _ = MarkLostAsync(name);

    public async Task HandleAsync(HttpContext http)
    {
        var (request, cancel) = (http.Request, http.RequestAborted);
        var fault = faults.Strike("cluster", 0, request.Method, request.Path);
        if (fault?.Rule.Action == FaultAction.Delay) await clock.WallDelayAsync(TimeSpan.FromMilliseconds(fault.Rule.DelayMilliseconds), cancel);
        if (fault?.Rule.Action is FaultAction.Drop)
        {
            journal.Call("cluster", 0, request, 0);
            http.Abort();
            return;
        }

        var answer = fault?.Rule.Action is FaultAction.Status
            ? KubernetesAnswer.Failure(fault.Rule.Status, "ServiceUnavailable", "injected fault")
            : await AnswerAsync(http, cancel);
        journal.Call("cluster", 0, request, answer.Status, answer.Effect);
        if (fault?.Rule.Action is FaultAction.DropAfter)
        {
            http.Abort();
            return;
        }

        if (answer.Body is { } body)
        {
            await Json.WriteAsync(http.Response, answer.Status, body, cancel);
            return;
        }

        http.Response.StatusCode = answer.Status;
        http.Response.ContentType = "text/plain";
        await http.Response.WriteAsync("ok", cancel);
    }

    private async Task<KubernetesAnswer> AnswerAsync(HttpContext http, CancellationToken cancel)
    {
        var request = http.Request;
        switch (request.Path.Value)
        {
            case "/readyz" or "/livez" or "/healthz":
                return new KubernetesAnswer(200, null);
            case "/version":
                return new KubernetesAnswer(200, new JsonObject { ["major"] = "1", ["minor"] = "31", ["gitVersion"] = Version, ["platform"] = "linux/amd64" });
            case "/api/v1/namespaces/kube-public/configmaps/cluster-info" when HttpMethods.IsGet(request.Method):
                return new KubernetesAnswer(200, ClusterInfo());
        }

        if (ResourcePath.Parse(request.Path.Value ?? "") is not { } path || !kinds.ContainsKey(path.Resource))
            return KubernetesAnswer.Failure(404, "NotFound", "the server could not find the requested resource");
        var user = Caller.Identify(http, adminToken, store, clock.Now);
        if (user is null) return KubernetesAnswer.Failure(401, "Unauthorized", "Unauthorized");
        if (!user.May(request.Method, path))
            return KubernetesAnswer.Failure(403, "Forbidden", $"{path.Resource} is forbidden: User \"{user.Name}\" cannot do that");

        var body = HttpMethods.IsGet(request.Method) ? null : await Json.ReadObjectAsync(request, cancel);
        return request.Method switch
        {
            "GET" when path.Name is null => List(path, request.Query),
            "GET" => store.Get(path.Resource, path.Namespace, path.Name) is { } found ? new KubernetesAnswer(200, found) : NotFound(path),
            "POST" when path is { Resource: "pods", Sub: "eviction", Name: not null } => Evict(path),
            "POST" when path.Name is null && body is not null => Create(path, body, user),
            "PUT" when path.Name is not null && body is not null => Replace(path, body),
            "PATCH" when path.Name is not null && body is not null => Patch(path, body, request),
            "DELETE" when path.Name is not null => Delete(path),
            "POST" or "PUT" or "PATCH" => KubernetesAnswer.Failure(400, "BadRequest", "the object provided is unrecognized"),
            _ => KubernetesAnswer.Failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        };
    }

    private KubernetesAnswer List(ResourcePath path, IQueryCollection query)
    {
        var items = store.List(path.Resource, path.Namespace.Length == 0 ? null : path.Namespace)
            .Where(item => Selectors.Matches(item, query["fieldSelector"].ToString(), query["labelSelector"].ToString()));
        return new KubernetesAnswer(200, new JsonObject
        {
            ["kind"] = kinds[path.Resource] + "List", ["apiVersion"] = path.ApiVersion,
            ["metadata"] = new JsonObject { ["resourceVersion"] = $"{store.Version}" }, ["items"] = new JsonArray([.. items]),
        });
    }

    private KubernetesAnswer Create(ResourcePath path, JsonObject body, Caller user)
    {
        var name = (body["metadata"] as JsonObject).Text("name");
        if (name is null && (body["metadata"] as JsonObject).Text("generateName") is { } prefix) name = prefix + Guid.NewGuid().ToString("n")[..5];
        if (string.IsNullOrEmpty(name)) return KubernetesAnswer.Failure(422, "Invalid", "metadata.name: Required value: name or generateName is required");
        if (user.NodeName is { } own && path.Resource == "nodes" && own != name)
            return KubernetesAnswer.Failure(403, "Forbidden", $"nodes \"{name}\" is forbidden: node \"{own}\" is not allowed to modify node \"{name}\"");
        body["kind"] = kinds[path.Resource];
        body["apiVersion"] = path.ApiVersion;
        if (path.Resource == "certificatesigningrequests") CertificateSigning.Stamp(body, user);
        if (store.Create(path.Resource, path.Namespace, name, body) is not { } created)
            return KubernetesAnswer.Failure(409, "AlreadyExists", $"{path.Resource} \"{name}\" already exists");
        if (path.Resource == "certificatesigningrequests") signing.Decide(name, user);
        if (path.Resource == "nodes") AddDaemon(name);
        return new KubernetesAnswer(201, created) { Effect = $"create:{path.Resource}/{name}" };
    }

    private KubernetesAnswer Replace(ResourcePath path, JsonObject body)
    {
        var expected = (body["metadata"] as JsonObject).Text("resourceVersion");
        if (expected is not null && store.Get(path.Resource, path.Namespace, path.Name!) is { } current && (current["metadata"] as JsonObject).Text("resourceVersion") != expected)
            return KubernetesAnswer.Failure(409, "Conflict", "the object has been modified; please apply your changes to the latest version and try again");
        return store.Change(path.Resource, path.Namespace, path.Name!, _ => (JsonObject)body.DeepClone()) is { } changed
            ? new KubernetesAnswer(200, changed.Object) { Effect = changed.Changed ? $"update:{path.Resource}/{path.Name}" : null }
            : NotFound(path);
    }

    private KubernetesAnswer Patch(ResourcePath path, JsonObject body, HttpRequest request)
    {
        var apply = request.ContentType?.StartsWith("application/apply-patch", StringComparison.Ordinal) is true;
        if (apply) store.Create(path.Resource, path.Namespace, path.Name!, new JsonObject { ["kind"] = kinds[path.Resource], ["apiVersion"] = path.ApiVersion });
        var strategic = apply || request.ContentType?.StartsWith("application/strategic-merge-patch", StringComparison.Ordinal) is true;
        return store.Change(path.Resource, path.Namespace, path.Name!, current => MergePatch.Apply(current, body, strategic)) is { } changed
            ? new KubernetesAnswer(200, changed.Object) { Effect = changed.Changed ? $"patch:{path.Resource}/{path.Name}" : null }
            : NotFound(path);
    }

    private KubernetesAnswer Delete(ResourcePath path)
    {
        if (store.Delete(path.Resource, path.Namespace, path.Name!) is null) return NotFound(path);
        if (path.Resource == "nodes")
        {
            // The pod garbage collector.
            foreach (var pod in store.List("pods").Where(pod => (pod["spec"] as JsonObject).Text("nodeName") == path.Name))
                store.Delete("pods", (pod["metadata"] as JsonObject).Text("namespace") ?? "", (pod["metadata"] as JsonObject).Text("name") ?? "");
        }

        return new KubernetesAnswer(200, new JsonObject { ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Success" })
        {
            Effect = $"delete:{path.Resource}/{path.Name}",
        };
    }

    private KubernetesAnswer Evict(ResourcePath path) => store.Delete("pods", path.Namespace, path.Name!) is null
        ? NotFound(path)
        : new KubernetesAnswer(201, new JsonObject { ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Success" }) { Effect = $"evict:{path.Name}" };

    private static KubernetesAnswer NotFound(ResourcePath path) => KubernetesAnswer.Failure(404, "NotFound", $"{path.Resource} \"{path.Name}\" not found");

    private JsonObject ClusterInfo()
    {
        var data = new JsonObject { ["kubeconfig"] = kubeconfig };
        foreach (var (id, secret) in BootstrapTokens.Signing(store, clock.Now)) data[$"jws-kubeconfig-{id}"] = signatures.GetOrAdd((id, secret), token => BootstrapTokens.Sign(kubeconfig, token.Id, token.Secret));
        return new JsonObject
        {
            ["kind"] = "ConfigMap", ["apiVersion"] = "v1", ["metadata"] = new JsonObject { ["name"] = "cluster-info", ["namespace"] = "kube-public" }, ["data"] = data,
        };
    }

    /// <summary>Every node runs a pod of a DaemonSet, which a drain has to leave alone.</summary>
    private void AddDaemon(string node) => store.Create("pods", "kube-system", $"kube-proxy-{node}", new JsonObject
    {
        ["kind"] = "Pod", ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject { ["ownerReferences"] = new JsonArray(new JsonObject { ["kind"] = "DaemonSet", ["name"] = "kube-proxy", ["controller"] = true }) },
        ["spec"] = new JsonObject { ["nodeName"] = node, ["containers"] = new JsonArray(new JsonObject { ["name"] = "kube-proxy" }) },
        ["status"] = new JsonObject { ["phase"] = "Running" },
    });

    private async Task MarkLostAsync(string name)
    {
        var seen = Heartbeat(name);
        await clock.DelayAsync(TimeSpan.FromSeconds(GraceSeconds), CancellationToken.None);
        if (Heartbeat(name) != seen) return;
        store.Change("nodes", "", name, node => MergePatch.Apply(node, new JsonObject
        {
            ["status"] = new JsonObject { ["conditions"] = new JsonArray(new JsonObject { ["type"] = "Ready", ["status"] = "Unknown", ["reason"] = "NodeStatusUnknown" }) },
        }, strategic: true));
    }

    private string? Heartbeat(string name) =>
        (store.Get("nodes", "", name)?["status"]?["conditions"] as JsonArray)?.OfType<JsonObject>().FirstOrDefault(condition => condition.Text("type") == "Ready")?.ToJsonString();
}

/// <summary>An answer of the API server; without a body it is the text "ok".</summary>
internal sealed record KubernetesAnswer(int Status, JsonObject? Body)
{
    public string? Effect { get; init; }

    public static KubernetesAnswer Failure(int status, string reason, string message) => new(status, new JsonObject
    {
        ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Failure", ["message"] = message, ["reason"] = reason, ["code"] = status,
    });
}
