using System.Text.Json;

namespace ControlPlane.Kubernetes;

/// <summary>Whether an object does what it is for.</summary>
internal enum Availability { Available, Progressing, Failed }

/// <summary>What an object says of itself, and why.</summary>
internal sealed record ObjectHealth(Availability Availability, string Message)
{
    public static ObjectHealth Available { get; } = new(Availability.Available, "");

    /// <summary>Nobody can say, for it has no conditions (KubeFleet, NotTrackable): it counts as available once it has stood for a while.</summary>
    public static ObjectHealth Untracked { get; } = new(Availability.Available, "") { IsUntracked = true };

    public bool IsUntracked { get; private init; }

    public static ObjectHealth Progressing(string message) => new(Availability.Progressing, message);

    public static ObjectHealth Failed(string message) => new(Availability.Failed, message);
}

/// <summary>
/// When an object counts as available: KubeFleet's availability tracker, made stricter where kstatus (sigs.k8s.io/cli-utils) is: a status that is older than the spec says nothing, and a
/// Deployment that has given up has failed. Pure.
/// </summary>
internal static class AvailabilityRules
{
    public static ObjectHealth Of(JsonElement thing)
    {
        var kind = Text(thing, "kind");
        var status = Child(thing, "status");
        var generation = Number(Child(thing, "metadata"), "generation") ?? 0;
        if (Number(status, "observedGeneration") is { } observed && observed < generation)
            return ObjectHealth.Progressing("Its controller has not seen it yet.");
        var isStale = generation > 0 && Number(status, "observedGeneration") is null;
        return kind switch
        {
            "Deployment" => isStale ? Unseen : Deployment(Child(thing, "spec"), status),
            "StatefulSet" => isStale ? Unseen : StatefulSet(Child(thing, "spec"), status),
            "DaemonSet" => isStale ? Unseen : DaemonSet(Child(thing, "spec"), status),
            "Job" => Condition(status, "Failed") is { } failed && IsTrue(failed) ? ObjectHealth.Failed(Text(failed, "message") ?? "The job failed.")
                : IsTrue(Condition(status, "Complete")) ? ObjectHealth.Available : ObjectHealth.Progressing("The job is not complete."),
            "Pod" => Pod(status),
            "Namespace" => Text(status, "phase") is "Terminating" ? ObjectHealth.Progressing("The namespace is being deleted.") : ObjectHealth.Available,
            "CustomResourceDefinition" => Condition(status, "NamesAccepted") is { } names && Text(names, "status") is "False" ? ObjectHealth.Failed(Text(names, "message") ?? "Its names are taken.")
                : IsTrue(Condition(status, "Established")) ? ObjectHealth.Available : ObjectHealth.Progressing("It is not established."),
            "Service" => Service(Child(thing, "spec"), status),
            "PersistentVolumeClaim" => Text(status, "phase") is "Lost" ? ObjectHealth.Failed("Its volume is lost.") : ObjectHealth.Available,
            "ResourceQuota" => status.ValueKind is JsonValueKind.Object && JsonElement.DeepEquals(Child(Child(thing, "spec"), "hard"), Child(status, "hard")) ? ObjectHealth.Available : ObjectHealth.Progressing("The quota is not in force yet."),
            "APIService" => IsTrue(Condition(status, "Available")) ? ObjectHealth.Available : ObjectHealth.Progressing("The API service is not available."),
            _ => Generic(status, Text(thing, "apiVersion") ?? ""),
        };
    }

    private static ObjectHealth Unseen => ObjectHealth.Progressing("Its controller has not seen it yet.");

    private static ObjectHealth Deployment(JsonElement spec, JsonElement status)
    {
        if (Condition(status, "Progressing") is { } progressing && Text(progressing, "reason") is "ProgressDeadlineExceeded")
            return ObjectHealth.Failed(Text(progressing, "message") ?? "It has exceeded its progress deadline.");
        var wanted = Number(spec, "replicas") ?? 1;
        var (all, updated, available, unavailable) = (Number(status, "replicas") ?? 0, Number(status, "updatedReplicas") ?? 0, Number(status, "availableReplicas") ?? 0, Number(status, "unavailableReplicas") ?? 0);
        return updated == wanted && available == wanted && all == wanted && unavailable == 0
            ? ObjectHealth.Available
            : ObjectHealth.Progressing($"{available} of {wanted} replicas are available, {updated} updated.");
    }

    private static ObjectHealth StatefulSet(JsonElement spec, JsonElement status)
    {
        var wanted = Number(spec, "replicas") ?? 1;
        var (updated, available) = (Number(status, "updatedReplicas") ?? 0, Number(status, "availableReplicas") ?? 0);
        var strategy = Child(spec, "updateStrategy");
        var isManual = Text(strategy, "type") is "OnDelete";
        var partition = Number(Child(strategy, "rollingUpdate"), "partition") ?? 0;
        return available == wanted && (isManual || updated >= wanted - partition)
            ? ObjectHealth.Available
            : ObjectHealth.Progressing($"{available} of {wanted} replicas are available, {updated} updated.");
    }

    private static ObjectHealth DaemonSet(JsonElement spec, JsonElement status)
    {
        var wanted = Number(status, "desiredNumberScheduled") ?? 0;
        var (updated, available) = (Number(status, "updatedNumberScheduled") ?? 0, Number(status, "numberAvailable") ?? 0);
        return available >= wanted && (updated >= wanted || Text(Child(spec, "updateStrategy"), "type") is "OnDelete")
            ? ObjectHealth.Available
            : ObjectHealth.Progressing($"{available} of {wanted} pods are available, {updated} updated.");
    }

    private static ObjectHealth Pod(JsonElement status) => Text(status, "phase") switch
    {
        "Succeeded" => ObjectHealth.Available,
        "Failed" => ObjectHealth.Failed(Text(status, "message") ?? "The pod failed."),
        "Running" when IsTrue(Condition(status, "Ready")) => ObjectHealth.Available,
        _ => ObjectHealth.Progressing("The pod is not ready."),
    };

    private static ObjectHealth Service(JsonElement spec, JsonElement status) => Text(spec, "type") switch
    {
        "ExternalName" => ObjectHealth.Available,
        "LoadBalancer" => Child(Child(status, "loadBalancer"), "ingress") is { ValueKind: JsonValueKind.Array } ingress && ingress.GetArrayLength() > 0 ? ObjectHealth.Available : ObjectHealth.Progressing("It has no address yet."),
        _ => Text(spec, "clusterIP") is { Length: > 0 } ? ObjectHealth.Available : ObjectHealth.Progressing("It has no address yet."),
    };

    /// <summary>Of any other kind: what its conditions say, if it has those that all custom resources should have (kstatus). Kubernetes' own do what they are for as soon as they are there.</summary>
    private static ObjectHealth Generic(JsonElement status, string apiVersion)
    {
        if (IsTrue(Condition(status, "Stalled")))
            return ObjectHealth.Failed(Text(Condition(status, "Stalled"), "message") ?? "It is stalled.");
        if (IsTrue(Condition(status, "Reconciling")))
            return ObjectHealth.Progressing(Text(Condition(status, "Reconciling"), "message") ?? "It is being reconciled.");
        if (Condition(status, "Ready") is { ValueKind: JsonValueKind.Object } ready)
            return IsTrue(ready) ? ObjectHealth.Available : ObjectHealth.Progressing(Text(ready, "message") ?? "It is not ready.");
        return IsOfKubernetes(apiVersion) ? ObjectHealth.Available : ObjectHealth.Untracked;
    }

    private static bool IsOfKubernetes(string apiVersion) =>
        apiVersion.Split('/') is not [var group, _] || group is "apps" or "batch" or "autoscaling" or "policy" || group.EndsWith(".k8s.io", StringComparison.Ordinal);

    private static JsonElement Condition(JsonElement status, string type) =>
        Child(status, "conditions") is { ValueKind: JsonValueKind.Array } conditions ? conditions.EnumerateArray().FirstOrDefault(one => Text(one, "type") == type) : default;

    private static bool IsTrue(JsonElement condition) => Text(condition, "status") is "True";

    private static JsonElement Child(JsonElement element, string name) => element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;

    private static string? Text(JsonElement element, string name) => Child(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static long? Number(JsonElement element, string name) => Child(element, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;
}
