using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters.Controllers;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>DELETE: preconditions, finalizers, and what becomes of the dependents.</summary>
internal sealed class ObjectDeleter(ObjectStore store, KindCatalog kinds, ControllerManager controllers)
{
    private const string Foreground = "foregroundDeletion";

    /// <param name="kind">What it is.</param>
    /// <param name="old">What is deleted.</param>
    /// <param name="options">DeleteOptions; null = none.</param>
    /// <param name="query">Where options may stand as well.</param>
    /// <param name="dryRun">Only tell.</param>
    public KubernetesAnswer Delete(ResourceKind kind, StoredObject old, JsonObject? options, IQueryCollection query, bool dryRun)
    {
        var wanted = options?["preconditions"] as JsonObject;
        if (wanted.Text("uid") is { } uid && uid != old.Uid)
            return KubernetesAnswer.Conflict(kind, old.Name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.Uid}");
        if (wanted.Text("resourceVersion") is { } version && version != $"{old.Version}")
            return KubernetesAnswer.Conflict(kind, old.Name, $"Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {old.Version}");
        if (dryRun || options?["dryRun"] is JsonArray { Count: > 0 }) return KubernetesAnswer.Of(old);
        var policy = options.Text("propagationPolicy") ?? query["propagationPolicy"].ToString();
        return Delete(kind, old, policy) is { } waiting
            ? KubernetesAnswer.Of(waiting) with { Effect = $"delete:{kind.Plural}/{old.Name}" }
            : KubernetesAnswer.Success(new JsonObject { ["name"] = old.Name, ["group"] = kind.Group, ["kind"] = kind.Plural, ["uid"] = old.Uid }) with { Effect = $"delete:{kind.Plural}/{old.Name}" };
    }

    /// <summary>Deletes an object, now or as soon as its finalizers allow it: then what is left of it.</summary>
    public StoredObject? Delete(ResourceKind kind, StoredObject old, string policy)
    {
        var body = old.Read();
        var metadata = (JsonObject)body["metadata"]!;
        var finalizers = metadata["finalizers"] as JsonArray ?? [];
        var holds = policy == "Foreground" && Dependents(old).Count > 0;
        if (policy == "Orphan") Orphan(old);
        if (holds && !finalizers.Any(one => one?.ToString() == Foreground)) finalizers.Add(Foreground);
        if (finalizers.Count == 0 && kind.Shelf is not ("namespaces" or "customresourcedefinitions.apiextensions.k8s.io"))
        {
            store.Remove(old.Shelf, old.Namespace, old.Name);
            controllers.Removed(kind, old);
            foreach (var dependent in policy == "Orphan" ? [] : Dependents(old)) DeleteDependent(dependent, "Background");
            return null;
        }

        if (metadata["deletionTimestamp"] is not null) return old;
        if (finalizers.Count > 0 && metadata["finalizers"] is null) metadata["finalizers"] = finalizers;
        metadata["deletionTimestamp"] = store.Now;
        metadata["deletionGracePeriodSeconds"] = 0;
        if (kind.HasGeneration) metadata["generation"] = (metadata["generation"]?.GetValue<long>() ?? 0) + 1;
        if (kind.Shelf == "namespaces") body["status"] = new JsonObject { ["phase"] = "Terminating" };
        var stored = store.Replace(old, body);
        controllers.Written(kind, stored, old);
        if (!holds) return stored;
        foreach (var dependent in Dependents(old)) DeleteDependent(dependent, "Foreground");
        Release(kind, old);
        return stored;
    }

    /// <summary>A dependent is gone: owners that wait for it in the foreground may go too.</summary>
    public void Gone(StoredObject dependent)
    {
        foreach (var reference in (dependent.Read()["metadata"]?["ownerReferences"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var owner = kinds.All.FirstOrDefault(kind => kind.Kind == reference.Text("kind") && kind.ApiVersion == reference.Text("apiVersion"));
            if (owner is null || store.Find(owner.Shelf, owner.Namespaced ? dependent.Namespace : "", reference.Text("name") ?? "") is not { } found) continue;
            if (found.Uid == reference.Text("uid") && (found.Read()["metadata"]?["finalizers"] as JsonArray ?? []).Any(one => one?.ToString() == Foreground)) Release(owner, found);
        }
    }

    /// <summary>The owner goes when its last dependent has gone.</summary>
    private void Release(ResourceKind kind, StoredObject owner)
    {
        if (Dependents(owner).Count > 0 || store.Find(owner.Shelf, owner.Namespace, owner.Name) is not { } now || now.Uid != owner.Uid) return;
        var body = now.Read();
        var finalizers = body["metadata"]?["finalizers"] as JsonArray ?? [];
        if (finalizers.FirstOrDefault(one => one?.ToString() == Foreground) is { } foreground) finalizers.Remove(foreground);
        if (finalizers.Count > 0)
        {
            store.Replace(now, body);
            return;
        }

        store.Remove(owner.Shelf, owner.Namespace, owner.Name);
        controllers.Removed(kind, owner);
    }

    private void DeleteDependent(StoredObject dependent, string policy)
    {
        if (kinds.OnShelf(dependent.Shelf) is { } kind) Delete(kind, dependent, policy);
    }

    private void Orphan(StoredObject owner)
    {
        foreach (var dependent in Dependents(owner))
        {
            store.Change(dependent.Shelf, dependent.Namespace, dependent.Name, body =>
            {
                var owners = (JsonArray)body["metadata"]!["ownerReferences"]!;
                foreach (var reference in owners.OfType<JsonObject>().Where(reference => reference.Text("uid") == owner.Uid).ToList()) owners.Remove(reference);
                return body;
            });
        }
    }

    private IReadOnlyList<StoredObject> Dependents(StoredObject owner)
    {
        var uid = Encoding.ASCII.GetBytes(owner.Uid);
        // Looking for the text first spares parsing what mentions it nowhere.
        return store.Everything(item => item.Uid != owner.Uid && (owner.Namespace.Length == 0 || item.Namespace == owner.Namespace) && item.Bytes.AsSpan().IndexOf(uid) >= 0
            && (item.Read()["metadata"]?["ownerReferences"] as JsonArray ?? []).OfType<JsonObject>().Any(reference => reference.Text("uid") == owner.Uid));
    }
}
