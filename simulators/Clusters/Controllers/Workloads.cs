using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>
/// Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs and Pods: first observed, then, after the time of a rollout, available; an
/// image that never starts leaves the old replicas in place and runs into the progress deadline.
/// </summary>
internal sealed class Workloads(ControllerWorld world)
{
    /// <summary>What pods are made by.</summary>
    public static IReadOnlyList<string> Shelves { get; } = ["deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "jobs.batch", "pods"];

    private static readonly string[] containerLists = ["containers", "initContainers"];
    private static readonly TimeSpan jobDuration = TimeSpan.FromSeconds(5);

    public void Reconcile(StoredObject item)
    {
        var body = item.Read();
        if (body["metadata"]?["deletionTimestamp"] is not null) return;
        if (item.Shelf == "pods")
        {
            world.Later(TimeSpan.FromSeconds(3), () => Run(item));
            return;
        }

        var generation = body["metadata"]?["generation"]?.GetValue<long>() ?? 1;
        if (!world.Clock.IsInstant || world.Conduct.SlowRollout > TimeSpan.Zero) world.SetStatus(item, generation, (now, status) => Observe(item.Shelf, now, status, generation));
        if (item.Shelf == "jobs.batch") world.Later(jobDuration, () => world.SetStatus(item, generation, Finish));
        else world.After(world.Clock.Scale(world.Conduct.Rollout) + world.Conduct.SlowRollout, () => Settle(item, generation));
    }

    /// <summary>The controller has seen what is wanted, and nothing has happened yet.</summary>
    private void Observe(string shelf, JsonObject body, JsonObject status, long generation)
    {
        if (shelf == "jobs.batch")
        {
            if (status["startTime"] is not null) return;
            (status["startTime"], status["active"]) = (world.Store.Now, Wanted(body, "parallelism"));
            return;
        }

        if (status["observedGeneration"]?.GetValue<long>() == generation) return;
        status["observedGeneration"] = generation;
        if (shelf == "daemonsets.apps")
        {
            (status["desiredNumberScheduled"], status["updatedNumberScheduled"]) = (Nodes, 0);
            return;
        }

        var running = Count(status, "availableReplicas");
        (status["replicas"], status["updatedReplicas"], status["unavailableReplicas"]) = (running + 1, 1, 1);
        if (shelf == "statefulsets.apps") status["updateRevision"] = Revision(body);
        if (shelf != "deployments.apps") return;
        Conditions.Set(status, "Progressing", true, "ReplicaSetUpdated", $"ReplicaSet \"{Name(body)}-{Revision(body)}\" is progressing.", world.Store.Now);
        if (running == 0) Conditions.Set(status, "Available", false, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", world.Store.Now);
    }

    private void Settle(StoredObject item, long generation) => world.SetStatus(item, generation, (body, status) =>
    {
        var bad = Images(body).Any(world.Conduct.IsBad);
        if (bad && IsSettled(body, status, generation)) return;
        status["observedGeneration"] = generation;
        if (item.Shelf == "daemonsets.apps") Schedule(status, bad);
        else if (bad) GetStuck(item, body, status, generation);
        else Become(item.Shelf, body, status, Wanted(body, "replicas"), world.Store.Now);
    });

    /// <summary>What runs already keeps running, whatever would become of a new start.</summary>
    private static bool IsSettled(JsonObject body, JsonObject status, long generation) =>
        status["observedGeneration"]?.GetValue<long>() == generation && Count(status, "unavailableReplicas") == 0 && Count(status, "updatedReplicas") == Wanted(body, "replicas");

    /// <summary>Available Deployments of the users break, and broken ones are available again.</summary>
    public void Flip()
    {
        foreach (var item in world.Store.List("deployments.apps").Where(item => item.Namespace != "kube-system"))
        {
            world.SetStatus(item, null, (body, status) =>
            {
                if (Count(status, "availableReplicas") == 0)
                {
                    Become(item.Shelf, body, status, Wanted(body, "replicas"), world.Store.Now);
                    return;
                }

                status["unavailableReplicas"] = Count(status, "replicas");
                status.Remove("availableReplicas");
                status.Remove("readyReplicas");
                Conditions.Set(status, "Available", false, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", world.Store.Now);
            });
        }
    }

    /// <summary>Everything that is wanted runs.</summary>
    public static void Become(string shelf, JsonObject body, JsonObject status, int replicas, string now)
    {
        status.Remove("unavailableReplicas");
        foreach (var count in new[] { "replicas", "updatedReplicas", "readyReplicas", "availableReplicas" })
        {
            // Go leaves out what is nought.
            if (replicas > 0) status[count] = replicas;
            else status.Remove(count);
        }

        if (shelf == "statefulsets.apps")
        {
            (status["replicas"], status["availableReplicas"], status["currentReplicas"]) = (replicas, replicas, replicas);
            (status["currentRevision"], status["updateRevision"]) = ($"{Name(body)}-{Revision(body)}", $"{Name(body)}-{Revision(body)}");
        }

        if (shelf == "replicasets.apps") (status["replicas"], status["fullyLabeledReplicas"]) = (replicas, replicas);
        if (shelf != "deployments.apps") return;
        Conditions.Set(status, "Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability.", now);
        Conditions.Set(status, "Progressing", true, "NewReplicaSetAvailable", $"ReplicaSet \"{Name(body)}-{Revision(body)}\" has successfully progressed.", now);
    }

    /// <summary>The first new pod does not start; the old ones keep running.</summary>
    private void GetStuck(StoredObject item, JsonObject body, JsonObject status, long generation)
    {
        var (running, wanted) = (Count(status, "availableReplicas"), Wanted(body, "replicas"));
        var (started, surge) = running == 0 ? (wanted, 0) : (1, 1);
        (status["replicas"], status["updatedReplicas"], status["unavailableReplicas"]) = (running == 0 ? wanted : running + surge, started, started);
        if (item.Shelf == "statefulsets.apps") status["updateRevision"] = $"{Name(body)}-{Revision(body)}";
        if (item.Shelf != "deployments.apps") return;
        if (running == 0) Conditions.Set(status, "Available", false, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", world.Store.Now);
        Conditions.Set(status, "Progressing", true, "ReplicaSetUpdated", $"ReplicaSet \"{Name(body)}-{Revision(body)}\" is progressing.", world.Store.Now);
        var deadline = TimeSpan.FromSeconds(Wanted(body, "progressDeadlineSeconds", 600));
        if (world.Clock.IsInstant) GiveUp(body, status);
        else world.Later(deadline, () => world.SetStatus(item, generation, (later, now) =>
        {
            if (Count(now, "unavailableReplicas") > 0) GiveUp(later, now);
        }));
    }

    private void GiveUp(JsonObject body, JsonObject status) => Conditions.Set(status, "Progressing", false, "ProgressDeadlineExceeded",
        $"ReplicaSet \"{Name(body)}-{Revision(body)}\" has timed out progressing.", world.Store.Now);

    private void Schedule(JsonObject status, bool bad)
    {
        var (nodes, running) = (Nodes, bad ? Count(status, "numberAvailable") : Nodes);
        (status["currentNumberScheduled"], status["desiredNumberScheduled"], status["numberMisscheduled"], status["numberReady"]) = (nodes, nodes, 0, running);
        status["updatedNumberScheduled"] = bad ? Math.Min(1, nodes) : nodes;
        status["numberAvailable"] = running;
        if (nodes > running) status["numberUnavailable"] = nodes - running;
        else status.Remove("numberUnavailable");
    }

    private void Finish(JsonObject body, JsonObject status)
    {
        if (Conditions.IsTrue(status, "Complete") || Conditions.IsTrue(status, "Failed")) return;
        status["startTime"] ??= world.Store.Now;
        status.Remove("active");
        if (Images(body).Any(world.Conduct.IsBad))
        {
            status["failed"] = Wanted(body, "backoffLimit", 6) + 1;
            Conditions.Set(status, "Failed", true, "BackoffLimitExceeded", "Job has reached the specified backoff limit", world.Store.Now);
            return;
        }

        (status["succeeded"], status["ready"], status["completionTime"]) = (Wanted(body, "completions"), 0, world.Store.Now);
        Conditions.Set(status, "SuccessCriteriaMet", true, "CompletionsReached", "Reached expected number of succeeded pods", world.Store.Now);
        Conditions.Set(status, "Complete", true, "CompletionsReached", "Reached expected number of succeeded pods", world.Store.Now);
    }

    private void Run(StoredObject pod) => world.SetStatus(pod, null, (body, status) =>
    {
        var bad = (body["spec"]?["containers"] as JsonArray ?? []).Any(container => world.Conduct.IsBad((container as JsonObject).Text("image") ?? ""));
        status["phase"] = bad ? "Pending" : "Running";
        Conditions.Set(status, "Ready", !bad, bad ? "ContainersNotReady" : "ContainersReady", "", world.Store.Now);
    });

    private int Nodes => world.Store.List("nodes").Count;

    private static IEnumerable<string> Images(JsonObject body) => containerLists
        .SelectMany(list => (body["spec"]?["template"]?["spec"]?[list] as JsonArray ?? []).Select(container => (container as JsonObject).Text("image") ?? ""));

    private static int Wanted(JsonObject body, string field, int otherwise = 1) => body["spec"]?[field] is JsonValue value && value.TryGetValue(out int number) ? number : otherwise;

    private static int Count(JsonObject status, string field) => status[field] is JsonValue value && value.TryGetValue(out int number) ? number : 0;

    private static string Name(JsonObject body) => (body["metadata"] as JsonObject).Text("name") ?? "";

    private static string Revision(JsonObject body) => Convert.ToHexStringLower(SHA256.HashData(Json.Bytes(body["spec"]?["template"] ?? new JsonObject())).AsSpan(0, 5));
}
