using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Clusters.Controllers;

namespace ControlPlane.Simulators.Fleet;

/// <summary>What a cluster of a fleet contains when it is new: a pool of nodes and add-ons, all of them running.</summary>
internal static class Installation
{
    private const string Pool = "nodepool1";
    private const string System = "kube-system";

    public static void Install(ObjectStore store, ClusterSeat seat)
    {
        var labels = new JsonObject
        {
            ["topology.kubernetes.io/region"] = seat.Region, ["topology.kubernetes.io/zone"] = $"{seat.Region}-{1 + (seat.Index % 3)}",
            ["node.kubernetes.io/instance-type"] = seat.InstanceType, [NodeTemplate.ImageLabel] = seat.NodeImage, [NodeTemplate.PoolLabel] = Pool,
        };
        var template = new NodeTemplate(seat.Nodes, seat.KubernetesVersion, seat.NodeImage, labels);
        for (var number = 0; number < seat.Nodes; number++)
        {
            var name = $"{Pool}-{number:000000}";
            store.Create("nodes", "", name, template.Node(name, store.Now));
            NodePods.Add(store, name);
        }

        store.Create("machinedeployments.cluster.x-k8s.io", System, Pool, NodePool(seat, labels));
        store.Create(ControlPlanes.Shelf, System, seat.Name, ControlPlane(seat));
        foreach (var (name, version) in seat.AddOns) store.Create("deployments.apps", System, name, AddOn(name, version, store.Now));
    }

    private static JsonObject NodePool(ClusterSeat seat, JsonObject labels) => new()
    {
        ["apiVersion"] = "cluster.x-k8s.io/v1beta1", ["kind"] = "MachineDeployment", ["metadata"] = new JsonObject { ["generation"] = 1 },
        ["spec"] = new JsonObject
        {
            ["clusterName"] = seat.Name, ["replicas"] = seat.Nodes,
            ["template"] = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = labels.DeepClone() }, ["spec"] = new JsonObject { ["version"] = seat.KubernetesVersion } },
        },
        ["status"] = new JsonObject
        {
            ["observedGeneration"] = 1, ["replicas"] = seat.Nodes, ["readyReplicas"] = seat.Nodes, ["availableReplicas"] = seat.Nodes, ["updatedReplicas"] = seat.Nodes, ["phase"] = "Running",
        },
    };

    private static JsonObject ControlPlane(ClusterSeat seat) => new()
    {
        ["apiVersion"] = "controlplane.cluster.x-k8s.io/v1beta1", ["kind"] = "KubeadmControlPlane", ["metadata"] = new JsonObject { ["generation"] = 1 },
        ["spec"] = new JsonObject { ["replicas"] = 1, ["version"] = seat.KubernetesVersion },
        ["status"] = new JsonObject
        {
            ["observedGeneration"] = 1, ["replicas"] = 1, ["readyReplicas"] = 1, ["updatedReplicas"] = 1, ["initialized"] = true, ["ready"] = true, ["version"] = seat.KubernetesVersion,
        },
    };

    private static JsonObject AddOn(string name, string version, string now)
    {
        var labels = new JsonObject { ["app.kubernetes.io/name"] = name, ["app.kubernetes.io/version"] = version };
        var body = new JsonObject
        {
            ["apiVersion"] = "apps/v1", ["kind"] = "Deployment", ["metadata"] = new JsonObject { ["generation"] = 1, ["labels"] = labels },
            ["spec"] = new JsonObject
            {
                ["replicas"] = 1, ["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["app.kubernetes.io/name"] = name } },
                ["template"] = new JsonObject
                {
                    ["metadata"] = new JsonObject { ["labels"] = labels.DeepClone() },
                    ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = name, ["image"] = $"mcr.microsoft.com/oss/{name}:v{version}" }) },
                },
            },
        };
        var status = new JsonObject { ["observedGeneration"] = 1 };
        Workloads.Become("deployments.apps", body, status, 1, now);
        body["status"] = status;
        return body;
    }
}
