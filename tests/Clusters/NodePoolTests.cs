using System.Text.Json.Nodes;
using ControlPlane.Tests.BareMetal;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Fleets;
using Xunit;

namespace ControlPlane.Tests.Clusters;

/// <summary>Pools of virtual nodes: a MachineDeployment in the cluster is told what is wanted.</summary>
[Collection(ClusterSuite.Name)]
public sealed class NodePoolTests(ClusterWorld world)
{
    private const string Deployments = "/apis/cluster.x-k8s.io/v1beta1/namespaces/kube-system/machinedeployments";

    [Fact]
    public async Task A_pool_that_is_there_is_scaled_upgraded_dressed_and_left_alone()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 1, Nodes = 1 }, joined: 0);
        var pool = $"{site.Cluster("store-0001")}/nodePools/nodepool1";
        await site.DoneAsync((await site.Arm.PutAsync(pool, Virtual(3, change: properties =>
        {
            properties["machineDeployment"]!["kubernetesVersion"] = "v1.33.2";
            properties["nodeLabels"] = new JsonObject { ["tier"] = "gold" };
            properties["nodeTaints"] = new JsonArray("gpu=true:NoSchedule");
        }))).Is(201));
        var seen = (await site.Arm.GetAsync(pool)).Is(200).Json.GetProperty("properties");
        Assert.Equal((3, "Running"), (seen.GetProperty("readyCount").GetInt32(), seen.Text("phase")));
        Assert.All(seen.GetProperty("nodes").EnumerateArray(), node => Assert.True(node.GetProperty("ready").GetBoolean()));
        var first = seen.GetProperty("nodes")[0].Text("name")!;
        var node = site.Find("store-0001", $"/api/v1/nodes/{first}")!;
        Assert.Equal(("gold", "gpu", "v1.33.2"), (node["metadata"]!["labels"]!["tier"]!.ToString(), node["spec"]!["taints"]![0]!["key"]!.ToString(), node["status"]!["nodeInfo"]!["kubeletVersion"]!.ToString()));

        // The cluster itself has become bigger.
        await site.PropertiesAsync(site.Cluster("store-0001"), cluster => cluster.Text("totalNodeCount") == "3", "the inventory follows");

        await site.DoneAsync((await site.Arm.PostAsync($"{pool}/scale", new JsonObject { ["count"] = 2 })).Is(202));
        Assert.Equal("2", (await site.Arm.GetAsync(pool)).Is(200).Json.GetProperty("properties").Text("count"));
        Assert.Equal("CountOutOfRange", (await site.Arm.PostAsync($"{pool}/scale", new JsonObject { ["count"] = 9 })).Is(409).ErrorCode);

        await site.DoneAsync((await site.Arm.PostAsync($"{pool}/cordon")).Is(202));
        Assert.All((await site.Arm.GetAsync(pool)).Is(200).Json.GetProperty("properties").GetProperty("nodes").EnumerateArray(), one => Assert.True(one.GetProperty("cordoned").GetBoolean()));
        await site.DoneAsync((await site.Arm.PostAsync($"{pool}/drain")).Is(202));
        await site.DoneAsync((await site.Arm.PostAsync($"{pool}/uncordon")).Is(202));
        Assert.NotEqual("true", site.Find("store-0001", $"/api/v1/nodes/{first}")!["spec"]!["unschedulable"]?.ToJsonString());

        await site.DoneAsync((await site.Arm.DeleteAsync(pool)).Is(202));
        Assert.NotNull(site.Find("store-0001", $"{Deployments}/nodepool1"));
    }

    [Fact]
    public async Task A_pool_that_is_not_there_is_created_and_goes_with_its_cluster()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 1, Nodes = 1 }, joined: 0);
        var pool = $"{site.Cluster("store-0001")}/nodePools/extra";
        var missing = await site.Arm.FinishAsync((await site.Arm.PutAsync(pool, Virtual(2))).Is(201));
        Assert.Equal("MachineDeploymentNotFound", missing.Json.GetProperty("error").Text("code"));

        await site.DoneAsync((await site.Arm.PutAsync(pool, Virtual(2, change: properties => properties["machineDeployment"]!["spec"] = JsonNode.Parse("""
            {"clusterName": "store-0001", "template": {"spec": {"clusterName": "store-0001", "version": "v1.32.6"}}}
            """)))).Is(200));
        Assert.Equal(2, (await site.Arm.GetAsync(pool)).Is(200).Json.GetProperty("properties").GetProperty("nodes").GetArrayLength());

        await site.DoneAsync((await site.Arm.DeleteAsync(site.Cluster("store-0001"))).Is(202));
        Assert.Null(site.Find("store-0001", $"{Deployments}/extra"));
        Assert.Equal(404, (await site.Arm.GetAsync(pool)).Status);
    }

    [Fact]
    public async Task What_does_not_go_together_is_named()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 1 }, joined: 0);
        var pool = $"{site.Cluster("store-0001")}/nodePools/wrong";
        var answer = (await site.Arm.PutAsync(pool, Virtual(7, change: properties =>
        {
            properties["nodeTaints"] = new JsonArray("gpu=true:Sometimes");
            properties["nodeLabels"] = new JsonObject { ["kubernetes.controlplane.io/node-pool"] = "x" };
            properties["machines"] = new JsonObject { ["osImageId"] = $"{site.Group}/providers/ControlPlane.BareMetal/osImages/none" };
        }))).Is(400);
        foreach (var target in (string[])["properties.count", "properties.nodeTaints[0]", "properties.nodeLabels.kubernetes.controlplane.io/node-pool", "properties.machines"])
            Assert.Contains($"'{target}'", answer.Text, StringComparison.Ordinal);
        Assert.Equal(400, (await site.Arm.PutAsync($"{site.Cluster("store-0001")}/nodePools/Upper", Virtual(1))).Status);
    }

    private static JsonObject Virtual(int count, Action<JsonObject>? change = null)
    {
        var properties = new JsonObject { ["kind"] = "Virtual", ["count"] = count, ["maxCount"] = 5, ["machineDeployment"] = new JsonObject { ["namespace"] = "kube-system" } };
        change?.Invoke(properties);
        return new() { ["properties"] = properties };
    }
}

/// <summary>Pools of machines: free ones are taken, provisioned, and given back.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class PhysicalNodePoolTests(BareMetalWorld world)
{
    [Fact]
    public async Task Machines_are_taken_and_given_back()
    {
        var places = await world.TakeAsync(3);
        for (var at = 0; at < places.Count; at++)
        {
            var free = places[at].Body(properties =>
            {
                properties.Remove("osImageId");
                properties.Remove("clusterId");
            });
            free["tags"] = new JsonObject { ["pool"] = "spare" };
            Assert.Equal("Succeeded", (await world.PutMachineAsync($"spare-{at}", free)).OperationStatus);
        }

        var pool = $"{places[0].ClusterId}/nodePools/metal";
        await DoneAsync(await world.Arm.PutAsync(pool, Physical(places[0], 2)));
        var seen = await world.PropertiesAsync(pool);
        Assert.Equal(["spare-0", "spare-1"], seen.GetProperty("nodes").EnumerateArray().Select(node => node.GetProperty("machineId").GetString()!.Split('/')[^1]));
        Assert.Equal("Provisioned", (await world.PropertiesAsync(BareMetalWorld.MachinePath("spare-1"))).GetProperty("detailedStatus").GetString());

        var tooMany = await world.FinishAsync(await world.Arm.PostAsync($"{pool}/scale", new JsonObject { ["count"] = 4 }));
        Assert.Equal("NotEnoughMachines", tooMany.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("Available", (await world.PropertiesAsync(BareMetalWorld.MachinePath("spare-2"))).GetProperty("detailedStatus").GetString());

        await DoneAsync(await world.Arm.PostAsync($"{pool}/scale", new JsonObject { ["count"] = 1 }));
        var released = await world.PropertiesAsync(BareMetalWorld.MachinePath("spare-1"));
        Assert.Equal("Available", released.GetProperty("detailedStatus").GetString());
        Assert.False(released.TryGetProperty("clusterId", out _));
        Assert.Equal(2, places[1].WipesOf(places[1].RootSerial));

        await DoneAsync(await world.Arm.DeleteAsync(pool));
        Assert.Equal("Available", (await world.PropertiesAsync(BareMetalWorld.MachinePath("spare-0"))).GetProperty("detailedStatus").GetString());
    }

    private static JsonObject Physical(Place place, int count) => new()
    {
        ["properties"] = new JsonObject
        {
            ["kind"] = "Physical", ["count"] = count, ["maxCount"] = 5, ["nodeLabels"] = new JsonObject { ["tier"] = "metal" },
            ["machines"] = new JsonObject { ["tags"] = new JsonObject { ["pool"] = "spare" }, ["osImageId"] = place.ImageId },
        },
    };

    private async Task DoneAsync(ArmAnswer accepted)
    {
        var ended = await world.FinishAsync(accepted);
        Assert.True(ended.OperationStatus == "Succeeded", ended.ToString());
    }
}
