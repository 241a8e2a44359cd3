using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters.Controllers;
using ControlPlane.Simulators.Clusters.Fields;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>Who writes, and how.</summary>
internal sealed record WriteRequest(Caller User, string Manager, bool DryRun, string Subresource);

/// <summary>
/// The way of a write into the store: defaults, rules, owners of fields, generation. What it answers is what is stored; the controllers
/// hear of it afterwards.
/// </summary>
internal sealed class ObjectWriter(ObjectStore store, ControllerManager controllers)
{
    public KubernetesAnswer Create(ResourceKind kind, string ns, string name, JsonObject body, WriteRequest by) =>
        Introduce(kind, ns, name, body, by, managed => managed.Update(by.Manager, by.Subresource, kind, ObjectFields.Of(body, kind), new FieldSet(), store.Now));

    /// <summary>PUT: what the client sends is what is wanted.</summary>
    public KubernetesAnswer Update(ResourceKind kind, StoredObject old, JsonObject body, WriteRequest by) => Commit(kind, old, old.Read(), body, by, isApply: false);

    /// <summary>PATCH of an object that exists.</summary>
    public KubernetesAnswer Patch(ResourceKind kind, StoredObject old, Func<JsonObject, JsonObject> change, WriteRequest by)
    {
        var before = old.Read();
        return Commit(kind, old, before, change((JsonObject)before.DeepClone()), by, isApply: false);
    }

    /// <summary>Server-side apply; creates what does not exist.</summary>
    public KubernetesAnswer Apply(ResourceKind kind, string ns, string name, JsonObject wanted, WriteRequest by, bool force)
    {
        if (by.Subresource == "status") wanted = new JsonObject { ["status"] = wanted["status"]?.DeepClone() };
        else if (kind.HasStatus) wanted.Remove("status");
        if (kind.Shelf == "secrets" && wanted["stringData"] is not null) Defaults.Fill(kind, wanted);
        var metadata = wanted["metadata"] as JsonObject;
        if (metadata?["managedFields"] is JsonArray { Count: > 0 }) return KubernetesAnswer.BadRequest("metadata.managedFields must be nil");
        if (store.Find(kind.Shelf, ns, name) is not { } old)
        {
            if (metadata.Text("uid") is not null || by.Subresource.Length > 0) return KubernetesAnswer.NotFound(kind, name);
            var fields = ObjectFields.Of(wanted, kind);
            return Introduce(kind, ns, name, wanted, by, managed => managed.Own(by.Manager, "Apply", by.Subresource, kind.ApiVersion, store.Now).Fields = fields);
        }

        var before = old.Read();
        if (metadata.Text("uid") is { } uid && uid != old.Uid)
            return KubernetesAnswer.Conflict(kind, name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.Uid}");
        if (metadata.Text("resourceVersion") is { } version && version != $"{old.Version}") return Modified(kind, name);
        var (merged, conflicts) = ServerSideApply.Apply(before, wanted, kind, by.Manager, by.Subresource, force, store.Now);
        return conflicts.Count > 0 ? Contested(conflicts) : Commit(kind, old, before, merged, by, isApply: true);
    }

    private KubernetesAnswer Introduce(ResourceKind kind, string ns, string name, JsonObject body, WriteRequest by, Action<ManagedFields> own)
    {
        if (Admission.Refuse(store, kind, ns, name) is { } refusal) return refusal;
        if (store.Find(kind.Shelf, ns, name) is not null) return KubernetesAnswer.AlreadyExists(kind, name);
        (body["apiVersion"], body["kind"]) = (kind.ApiVersion, kind.Kind);
        // A kubelet registers its node with its status; anybody else's status is the controllers' business.
        if (kind.HasStatus && kind.Shelf != "nodes") body.Remove("status");
        Clean(body);
        Defaults.Fill(kind, body);
        store.Introduce(body, ns, name);
        var metadata = (JsonObject)body["metadata"]!;
        if (kind.HasGeneration) metadata["generation"] = 1;
        Births.Complete(kind, body);
        if (Validation.Faults(kind, body, null) is { Count: > 0 } faults) return KubernetesAnswer.Invalid(kind, name, faults);
        var managed = new ManagedFields();
        own(managed);
        managed.Store(body);
        if (by.DryRun) return KubernetesAnswer.Of(body, 201);
        var stored = store.Create(kind.Shelf, ns, name, body)!;
        controllers.Written(kind, stored, null);
        return KubernetesAnswer.Of(stored, 201) with { Effect = $"create:{kind.Plural}/{name}" };
    }

    private KubernetesAnswer Commit(ResourceKind kind, StoredObject old, JsonObject before, JsonObject next, WriteRequest by, bool isApply)
    {
        if (!isApply && (next["metadata"] as JsonObject).Text("resourceVersion") is { } version && version != $"{old.Version}") return Modified(kind, old.Name);
        if (!isApply && (next["metadata"] as JsonObject).Text("uid") is { } uid && uid != old.Uid)
            return KubernetesAnswer.Conflict(kind, old.Name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.Uid}");
        next = Confine(kind, before, next, by.Subresource);
        Defaults.Fill(kind, next);
        if (Validation.Faults(kind, next, before) is { Count: > 0 } faults) return KubernetesAnswer.Invalid(kind, old.Name, faults);
        if (kind.HasGeneration && by.Subresource != "status" && WantsSomethingElse(before, next))
            next["metadata"]!["generation"] = (before["metadata"]?["generation"]?.GetValue<long>() ?? 0) + 1;
        if (!isApply)
        {
            var managed = ManagedFields.Of(before);
            var (changed, removed) = ObjectFields.Differences(before, next, kind);
            managed.Update(by.Manager, by.Subresource, kind, changed, removed, store.Now);
            managed.Store(next);
        }

        if (JsonNode.DeepEquals(before, next)) return KubernetesAnswer.Of(Served(kind, before, old));
        if (by.DryRun) return KubernetesAnswer.Of(next);
        var effect = $"{(isApply ? "apply" : "update")}:{kind.Plural}/{old.Name}";
        if (IsFinallyDeleted(kind, next))
        {
            store.Remove(old.Shelf, old.Namespace, old.Name);
            controllers.Removed(kind, old);
            return KubernetesAnswer.Of(next) with { Effect = effect };
        }

        var stored = store.Replace(old, next);
        controllers.Written(kind, stored, old);
        return KubernetesAnswer.Of(stored) with { Effect = effect };
    }

    /// <summary>The last finalizer of an object that is being deleted is gone.</summary>
    private static bool IsFinallyDeleted(ResourceKind kind, JsonObject next) =>
        kind.Shelf != "namespaces" && next["metadata"]?["deletionTimestamp"] is not null && next["metadata"]?["finalizers"] is not JsonArray { Count: > 0 };

    /// <summary>A write to the object leaves its status alone, a write to the status everything else; nobody changes what identifies it.</summary>
    private static JsonObject Confine(ResourceKind kind, JsonObject before, JsonObject next, string subresource)
    {
        if (subresource == "status")
        {
            var confined = (JsonObject)before.DeepClone();
            confined["status"] = next["status"]?.DeepClone();
            if (next["metadata"]?["managedFields"] is { } owners) confined["metadata"]!["managedFields"] = owners.DeepClone();
            return confined;
        }

        (next["apiVersion"], next["kind"]) = (before["apiVersion"]?.DeepClone(), before["kind"]?.DeepClone());
        if (kind.HasStatus)
        {
            next.Remove("status");
            if (before["status"] is { } status) next["status"] = status.DeepClone();
        }

        if (next["metadata"] is not JsonObject metadata) next["metadata"] = metadata = [];
        foreach (var field in new[] { "name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp", "deletionGracePeriodSeconds" })
        {
            metadata.Remove(field);
            if (before["metadata"]?[field] is { } kept) metadata[field] = kept.DeepClone();
        }

        foreach (var map in new[] { "labels", "annotations", "finalizers", "ownerReferences" })
        {
            if (metadata[map] is JsonObject { Count: 0 } or JsonArray { Count: 0 } || (metadata.ContainsKey(map) && metadata[map] is null)) metadata.Remove(map);
        }

        return next;
    }

    private static bool WantsSomethingElse(JsonObject before, JsonObject next) =>
        before.Select(pair => pair.Key).Union(next.Select(pair => pair.Key), StringComparer.Ordinal)
            .Any(name => name is not ("metadata" or "status") && !JsonNode.DeepEquals(before[name], next[name]));

    private static void Clean(JsonObject body)
    {
        if (body["metadata"] is not JsonObject metadata) return;
        foreach (var field in new[] { "managedFields", "resourceVersion", "generation", "deletionTimestamp", "selfLink" }) metadata.Remove(field);
    }

    /// <summary>An object of a custom kind is served in the version that is asked for.</summary>
    private static StoredObject Served(ResourceKind kind, JsonObject body, StoredObject stored) =>
        body.Text("apiVersion") == kind.ApiVersion ? stored : stored with { Bytes = Versioned(kind, body) };

    private static byte[] Versioned(ResourceKind kind, JsonObject body)
    {
        body["apiVersion"] = kind.ApiVersion;
        return Json.Bytes(body);
    }

    private static KubernetesAnswer Modified(ResourceKind kind, string name) =>
        KubernetesAnswer.Conflict(kind, name, "the object has been modified; please apply your changes to the latest version and try again");

    private static KubernetesAnswer Contested(IReadOnlyList<FieldConflict> conflicts)
    {
        var causes = conflicts.Select(conflict => (JsonNode)new JsonObject
        {
            ["reason"] = "FieldManagerConflict", ["message"] = $"conflict with {conflict.Manager}", ["field"] = conflict.Field,
        });
        var shown = conflicts.Count == 1
            ? $"Apply failed with 1 conflict: conflict with {conflicts[0].Manager}: {conflicts[0].Field}"
            : $"Apply failed with {conflicts.Count} conflicts: " + string.Join("\n", conflicts.GroupBy(conflict => conflict.Manager, StringComparer.Ordinal).Select(group => $"conflicts with {group.Key}:\n" + string.Join("\n", group.Select(one => "- " + one.Field))));
        return KubernetesAnswer.Failure(409, "Conflict", shown, new JsonObject { ["causes"] = new JsonArray([.. causes]) });
    }
}
