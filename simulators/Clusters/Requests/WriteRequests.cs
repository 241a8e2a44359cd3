using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters.Controllers;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>POST, PUT, PATCH and DELETE as they come over the wire.</summary>
internal sealed class WriteRequests(ObjectStore store, KindCatalog kinds, ControllerManager controllers, CertificateSigning? signing)
{
    private readonly ObjectDeleter deleter = new(store, kinds, controllers);
    private readonly ObjectWriter writer = new(store, controllers);

    public async Task<KubernetesAnswer> AnswerAsync(ResourceKind kind, ResourcePath path, Caller user, HttpRequest request, CancellationToken cancel)
    {
        if (request.ContentType?.Contains("protobuf", StringComparison.Ordinal) is true) return Unsupported(request.ContentType);
        var body = await RequestBody.ReadAsync(request, cancel);
        var query = request.Query;
        if (query["dryRun"].ToString() is { Length: > 0 } dryRun and not "All") return BadOptions($"dryRun: Unsupported value: \"{dryRun}\": supported values: \"All\"");
        var by = new WriteRequest(user, Manager(request), query.ContainsKey("dryRun"), path.Sub ?? "");
        if (path.Sub is not (null or "status" or "scale" or "eviction" or "finalize")) return KubernetesAnswer.NoSuchResource;
        lock (store.Gate)
        {
            return request.Method switch
            {
                "POST" when path is { Resource: "pods", Sub: "eviction", Name: not null } => Evict(kind, path, by.DryRun),
                "POST" when path.Name is null && body is JsonObject item => Create(kind, path, item, by),
                "PUT" when path.Name is not null && body is JsonObject item => Update(kind, path, item, by),
                "PATCH" when path.Name is not null && body is not null => Released(kind, path, store.Find(kind.Shelf, path.Namespace, path.Name), Patch(kind, path, body, by, request)),
                "DELETE" when path.Name is not null => store.Find(kind.Shelf, path.Namespace, path.Name) is { } old
                    ? deleter.Delete(kind, old, body as JsonObject, query, by.DryRun)
                    : KubernetesAnswer.NotFound(kind, path.Name),
                "DELETE" => DeleteAll(kind, path, body as JsonObject, query, by),
                "POST" or "PUT" or "PATCH" => KubernetesAnswer.BadRequest("the object provided is unrecognized (must be of type " + kind.Kind + ")"),
                _ => KubernetesAnswer.Failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
            };
        }
    }

    /// <summary>A patch that took the last finalizer may have ended an object for which its owner waits.</summary>
    private KubernetesAnswer Released(ResourceKind kind, ResourcePath path, StoredObject? before, KubernetesAnswer answer)
    {
        if (before is not null && store.Find(kind.Shelf, path.Namespace, path.Name!) is null) deleter.Gone(before);
        return answer;
    }

    /// <summary>Puts an object into the cluster from inside.</summary>
    public void Place(ResourceKind kind, string ns, string name, JsonObject body)
    {
        lock (store.Gate) writer.Create(kind, ns, name, body, new WriteRequest(installer, "cluster-installer", DryRun: false, ""));
    }

    /// <summary>GET of the scale of a workload.</summary>
    public KubernetesAnswer Scale(ResourceKind kind, ResourcePath path) =>
        store.Find(kind.Shelf, path.Namespace, path.Name!) is { } found ? KubernetesAnswer.Of(ScaleOf(found)) : KubernetesAnswer.NotFound(kind, path.Name);

    private static readonly Caller installer = new("system:installer", ["system:masters"], null);

    /// <summary>Who wants it: as the client says, or the name of its program.</summary>
    private static string Manager(HttpRequest request)
    {
        if (request.Query["fieldManager"].ToString() is { Length: > 0 } named) return named;
        var agent = request.Headers.UserAgent.ToString();
        return agent.Length == 0 ? "unknown" : agent.Split('/', ' ')[0];
    }

    private KubernetesAnswer Create(ResourceKind kind, ResourcePath path, JsonObject body, WriteRequest by)
    {
        if (body["metadata"] is not JsonObject metadata) body["metadata"] = metadata = [];
        var name = metadata.Text("name");
        if (string.IsNullOrEmpty(name) && metadata.Text("generateName") is { } prefix) name = prefix + Guid.NewGuid().ToString("n")[..5];
        if (string.IsNullOrEmpty(name))
            return KubernetesAnswer.Invalid(kind, "", [("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")]);
        if (Mismatch(kind, path with { Name = name }, body) is { } mismatch) return mismatch;
        if (by.User.NodeName is { } own && path.Resource == "nodes" && own != name)
            return KubernetesAnswer.Failure(403, "Forbidden", $"nodes \"{name}\" is forbidden: node \"{own}\" is not allowed to modify node \"{name}\"");
        if (path.Resource == "certificatesigningrequests") CertificateSigning.Stamp(body, by.User);
        var answer = writer.Create(kind, path.Namespace, name, body, by);
        if (answer.Status == 201 && !by.DryRun && path.Resource == "certificatesigningrequests") signing?.Decide(name, by.User);
        return answer;
    }

    private KubernetesAnswer Update(ResourceKind kind, ResourcePath path, JsonObject body, WriteRequest by)
    {
        if (store.Find(kind.Shelf, path.Namespace, path.Name!) is not { } old) return KubernetesAnswer.NotFound(kind, path.Name);
        if (by.Subresource == "scale") return Rescale(kind, old, body, by);
        return Mismatch(kind, path, body) ?? writer.Update(kind, old, body, by);
    }

    private KubernetesAnswer Patch(ResourceKind kind, ResourcePath path, JsonNode body, WriteRequest by, HttpRequest request)
    {
        var type = request.ContentType?.Split(';')[0];
        if (type is "application/apply-patch+yaml" or "application/apply-patch+cbor")
        {
            if (!request.Query.ContainsKey("fieldManager")) return BadOptions("fieldManager: Required value: is required for apply patch");
            if (body is not JsonObject wanted || wanted.Text("kind") is null || wanted.Text("apiVersion") is null)
                return KubernetesAnswer.BadRequest("error decoding YAML: Object 'Kind' is missing");
            return Mismatch(kind, path, wanted) ?? writer.Apply(kind, path.Namespace, path.Name!, wanted, by, request.Query["force"] == "true");
        }

        if (store.Find(kind.Shelf, path.Namespace, path.Name!) is not { } old) return KubernetesAnswer.NotFound(kind, path.Name);
        if (type == "application/strategic-merge-patch+json" && kind.IsCustom) return Unsupported(type);
        try
        {
            Func<JsonObject, JsonObject>? change = (type, body) switch
            {
                ("application/json-patch+json", JsonArray operations) => current => JsonPatch.Apply(current, operations),
                ("application/strategic-merge-patch+json", JsonObject patch) => current => MergePatch.Apply(current, patch, strategic: true),
                ("application/merge-patch+json" or "application/json", JsonObject patch) => current => MergePatch.Apply(current, patch, strategic: false),
                _ => null,
            };
            if (change is null) return Unsupported(type);
            return by.Subresource == "scale" ? Rescale(kind, old, change(ScaleOf(old)), by) : writer.Patch(kind, old, change, by);
        }
        catch (FormatException error)
        {
            return KubernetesAnswer.Failure(422, "Invalid", $"the server rejected our request due to an error in our request: {error.Message}");
        }
    }

    private KubernetesAnswer DeleteAll(ResourceKind kind, ResourcePath path, JsonObject? options, IQueryCollection query, WriteRequest by)
    {
        var selectors = Serving.Reading.Select(query);
        foreach (var item in store.List(kind.Shelf, path.Namespace.Length == 0 ? null : path.Namespace).Where(item => selectors.Matches(item.Read())))
            deleter.Delete(kind, item, options, query, by.DryRun);
        return KubernetesAnswer.Success() with { Effect = $"delete:{kind.Plural}" };
    }

    private KubernetesAnswer Evict(ResourceKind kind, ResourcePath path, bool dryRun)
    {
        if (store.Find(kind.Shelf, path.Namespace, path.Name!) is not { } pod) return KubernetesAnswer.NotFound(kind, path.Name);
        if (dryRun) return KubernetesAnswer.Success() with { Status = 201 };
        deleter.Delete(kind, pod, "Background");
        return KubernetesAnswer.Success() with { Status = 201, Effect = $"evict:{path.Name}" };
    }

    private KubernetesAnswer Rescale(ResourceKind kind, StoredObject old, JsonObject scale, WriteRequest by)
    {
        var replicas = scale["spec"]?["replicas"]?.DeepClone() ?? 0;
        var answer = writer.Patch(kind, old, body =>
        {
            body["spec"]!["replicas"] = replicas;
            return body;
        }, by);
        if (by.DryRun && answer is { Status: 200, Body: { } would }) return KubernetesAnswer.Of(ScaleOf(old with { Bytes = would.ToArray() }));
        return answer.Status == 200 && store.Find(old.Shelf, old.Namespace, old.Name) is { } now ? KubernetesAnswer.Of(ScaleOf(now)) with { Effect = answer.Effect } : answer;
    }

    private static JsonObject ScaleOf(StoredObject item)
    {
        var body = item.Read();
        return new JsonObject
        {
            ["kind"] = "Scale", ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = new JsonObject { ["name"] = item.Name, ["namespace"] = item.Namespace, ["uid"] = item.Uid, ["resourceVersion"] = $"{item.Version}" },
            ["spec"] = new JsonObject { ["replicas"] = body["spec"]?["replicas"]?.DeepClone() ?? 1 },
            ["status"] = new JsonObject { ["replicas"] = body["status"]?["replicas"]?.DeepClone() ?? 0 },
        };
    }

    private static KubernetesAnswer? Mismatch(ResourceKind kind, ResourcePath path, JsonObject body)
    {
        var (version, type, metadata) = (body.Text("apiVersion"), body.Text("kind"), body["metadata"] as JsonObject);
        if ((version is not null && version != kind.ApiVersion) || (type is not null && type != kind.Kind))
            return KubernetesAnswer.BadRequest($"the API version or kind in the data ({version}, Kind={type}) does not match the expected one ({kind.ApiVersion}, Kind={kind.Kind})");
        if (metadata.Text("name") is { } name && name != path.Name)
            return KubernetesAnswer.BadRequest($"the name of the object ({name}) does not match the name on the URL ({path.Name})");
        return metadata.Text("namespace") is { } ns && ns != path.Namespace
            ? KubernetesAnswer.BadRequest("the namespace of the provided object does not match the namespace sent on the request")
            : null;
    }

    private static KubernetesAnswer BadOptions(string why) => KubernetesAnswer.Failure(422, "Invalid", $"PatchOptions.meta.k8s.io \"\" is invalid: {why}");

    private static KubernetesAnswer Unsupported(string? type) => KubernetesAnswer.Failure(415, "UnsupportedMediaType",
        $"the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml ({type})");
}
