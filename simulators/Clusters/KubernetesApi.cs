using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters.Controllers;
using ControlPlane.Simulators.Clusters.Requests;
using ControlPlane.Simulators.Clusters.Serving;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>The API server of one cluster, with the controllers behind it: the rack's cluster and each of a fleet's are made of this.</summary>
internal sealed class KubernetesApi : IDisposable
{
    public const string Version = "v1.31.4";

    /// <summary>Realistic seconds from the last sign of life of a node to its condition Unknown (node-monitor-grace-period).</summary>
    private const double GraceSeconds = 40;

    private static readonly string[] firstNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

    private readonly ClusterIdentity identity;
    private readonly VirtualClock clock;
    private readonly KindCatalog kinds = new();
    private readonly ControllerManager controllers;
    private readonly Reading reading;
    private readonly Watching watching;
    private readonly WriteRequests writes;
    private readonly ClusterInfo info;
    private readonly CancellationTokenSource stop = new();

    public KubernetesApi(ClusterIdentity identity, TimeProvider time, VirtualClock clock, ClusterConduct conduct, int historyLimit = 1000)
    {
        (this.identity, this.clock) = (identity, clock);
        Store = new ObjectStore(time, historyLimit);
        controllers = new ControllerManager(new ControllerWorld(Store, kinds, clock, conduct, stop.Token));
        (reading, watching, info) = (new Reading(Store, clock), new Watching(Store, clock), new ClusterInfo(identity, Store));
        writes = new WriteRequests(Store, kinds, controllers, identity.NodeAuthority is { } authority ? new CertificateSigning(Store, authority) : null);
        foreach (var name in firstNamespaces) Place("namespaces", "", name, new JsonObject());
    }

    public ObjectStore Store { get; }

    /// <summary>Puts an object into the cluster from inside, as its installation did.</summary>
    public void Place(string shelf, string ns, string name, JsonObject body) => writes.Place(ResourceKinds.ByShelf[shelf], ns, name, body);

    /// <summary>The cluster's conduct has changed.</summary>
    public void Reconsider() => controllers.Reconsider();

    /// <summary>A node's machine lost power: after the grace period its Ready condition becomes Unknown, unless it came back.</summary>
    public void NodeLost(string name) => _ = MarkLostAsync(name);

    public async Task<KubernetesAnswer> AnswerAsync(HttpContext http)
    {
        var request = http.Request;
        var path = request.Path.Value ?? "";
        switch (path)
        {
            case "/readyz" or "/livez" or "/healthz":
                return new KubernetesAnswer(200, null);
            case "/version" or "/version/":
                return KubernetesAnswer.Of(ShowVersion());
            case ClusterInfo.Path when HttpMethods.IsGet(request.Method):
                return KubernetesAnswer.Of(info.Show(clock.Now));
        }

        var accept = request.Headers.Accept.ToString();
        var place = ResourcePath.Parse(path);
        var user = Caller.Identify(http, identity, Store, clock.Now);
        if (user is null && (place is not null || path.StartsWith("/api", StringComparison.Ordinal) || path.StartsWith("/openapi", StringComparison.Ordinal)))
            return KubernetesAnswer.Failure(401, "Unauthorized", "Unauthorized");
        if (HttpMethods.IsGet(request.Method) && (OpenApi.Answer(path, kinds) ?? Discovery.Answer(path, accept, kinds, identity.Server)) is { } described) return described;
        if (place is null || user is null) return KubernetesAnswer.NoSuchResource;
        if (place.ApiVersion.StartsWith("auth", StringComparison.Ordinal) && HttpMethods.IsPost(request.Method))
            return await SelfReviews.AnswerAsync(place, user, request) ?? KubernetesAnswer.NoSuchResource;
        if (kinds.Find(place.ApiVersion, place.Resource) is not { } kind || kind.Namespaced && place.Name is not null && place.Namespace.Length == 0) return KubernetesAnswer.NoSuchResource;
        if (!user.May(request.Method, place))
            return KubernetesAnswer.Failure(403, "Forbidden", Forbidden(kind, place, user, request.Method), KubernetesAnswer.Details(kind, place.Name));
        if (!HttpMethods.IsGet(request.Method)) return await writes.AnswerAsync(kind, place, user, request, http.RequestAborted);
        if (place.Sub is not null) return place.Sub == "scale" && kind.HasScale ? writes.Scale(kind, place) : place.Sub == "status" ? reading.Get(kind, place.Namespace, place.Name!, accept) : KubernetesAnswer.NoSuchResource;
        if (place.Name is not null) return reading.Get(kind, place.Namespace, place.Name, accept);
        return request.Query["watch"].ToString() is "true" or "1"
            ? watching.Watch(kind, place.Namespace, request.Query, accept)
            : reading.List(kind, place.Namespace, request.Query, accept);
    }

    public void Dispose()
    {
        stop.Cancel();
        stop.Dispose();
    }

    private JsonObject ShowVersion()
    {
        var version = Store.List(ControlPlanes.Shelf).Select(plane => (plane.Read()["status"] as JsonObject).Text("version")).FirstOrDefault() ?? identity.Version;
        var parts = version.TrimStart('v').Split('.');
        return new JsonObject { ["major"] = parts[0], ["minor"] = parts[1], ["gitVersion"] = version, ["goVersion"] = "go1.23.6", ["compiler"] = "gc", ["platform"] = "linux/amd64" };
    }

    private static string Forbidden(ResourceKind kind, ResourcePath place, Caller user, string method)
    {
        var verb = method switch { "GET" => place.Name is null ? "list" : "get", "POST" => "create", "PUT" => "update", "PATCH" => "patch", _ => "delete" };
        var scope = kind.Namespaced && place.Namespace.Length > 0 ? $"in the namespace \"{place.Namespace}\"" : "at the cluster scope";
        var what = place.Name is null ? KubernetesAnswer.Qualified(kind) : $"{KubernetesAnswer.Qualified(kind)} \"{place.Name}\"";
        return $"{what} is forbidden: User \"{user.Name}\" cannot {verb} resource \"{kind.Plural}\" in API group \"{kind.Group}\" {scope}";
    }

    private async Task MarkLostAsync(string name)
    {
        var seen = Heartbeat(name);
        await clock.DelayAsync(TimeSpan.FromSeconds(GraceSeconds), CancellationToken.None);
        if (Heartbeat(name) != seen) return;
        Store.Change("nodes", "", name, node => MergePatch.Apply(node, new JsonObject
        {
            ["status"] = new JsonObject { ["conditions"] = new JsonArray(new JsonObject { ["type"] = "Ready", ["status"] = "Unknown", ["reason"] = "NodeStatusUnknown" }) },
        }, strategic: true));
    }

    private string? Heartbeat(string name) =>
        (Store.Get("nodes", "", name)?["status"]?["conditions"] as JsonArray)?.OfType<JsonObject>().FirstOrDefault(condition => condition.Text("type") == "Ready")?.ToJsonString();
}
