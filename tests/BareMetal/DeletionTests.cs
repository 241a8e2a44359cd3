using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>Giving machines back.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class DeletionTests(BareMetalWorld world)
{
    [Fact]
    public async Task A_deleted_machine_is_drained_leaves_its_cluster_and_is_wiped()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("leaving", place);
        await place.RunPodAsync("leaving", "tenant");
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("leaving"))).OperationStatus);
        Assert.Equal(404, (await world.Arm.GetAsync(BareMetalWorld.MachinePath("leaving"))).Status);
        Assert.Null(await place.NodeAsync("leaving"));
        Assert.Contains(place.Rack.Journal.Read(), entry => entry.Effect == "evict:tenant");
        Assert.Equal((2, 2), (place.WipesOf(place.RootSerial), place.WipesOf(place.DataSerial)));
        Assert.All(place.Machine.Disks, disk => Assert.Equal(DiskContent.Empty, disk.Content));
        Assert.Equal(PowerState.Off, place.Machine.Power);
        await world.ProvisionAsync("successor", place);
    }

    [Fact]
    public async Task A_machine_that_was_never_installed_is_only_forgotten()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("unused", place, properties =>
        {
            properties.Remove("osImageId");
            properties.Remove("clusterId");
        });
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("unused"))).OperationStatus);
        Assert.Empty(place.DestructiveSteps);
    }

    [Fact]
    public async Task Deletion_during_provisioning_cancels_it()
    {
        var place = (await world.TakeAsync()).Suffers(Scenario.NeverBoots);
        var accepted = await world.Arm.PutAsync(BareMetalWorld.MachinePath("aborted"), place.Body());
        await Eventually.Async(() => place.BootToken is not null && place.Machine.Power is PowerState.On, "the machine was started from where it was told to");
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("aborted"))).OperationStatus);
        Assert.Equal("Canceled", (await world.FinishAsync(accepted)).OperationStatus);
        Assert.Equal(PowerState.Off, place.Machine.Power);
        Assert.Empty(place.DestructiveSteps);
        Assert.Equal("Succeeded", (await world.PutMachineAsync("aborted-again", place.Suffers(Scenario.None).Body())).OperationStatus);
    }

    [Fact]
    public async Task A_group_is_deleted_with_its_racks_machines_images_and_clusters()
    {
        var places = await world.TakeAsync(3);
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/doomed";
        await BareMetalWorld.SucceedAsync(world.Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" }));
        var (image, cluster) = ($"{group}/providers/ControlPlane.BareMetal/osImages/image", $"{group}/providers/Microsoft.Kubernetes/connectedClusters/cluster");
        var rack = places[0].Rack.Ready;
        await world.FinishAsync(await world.Arm.PutAsync(image, Place.Envelope(new() { ["version"] = "1", ["url"] = rack.Images[0].Url, ["sha256"] = rack.Images[0].Sha256, ["sizeBytes"] = rack.Images[0].SizeBytes })));
        await world.FinishAsync(await world.Arm.PutAsync(cluster, Place.Envelope(new() { ["apiServer"] = rack.Cluster.Server, ["caCertificate"] = rack.Cluster.CaPem, ["credentials"] = new JsonObject { ["token"] = rack.Cluster.Token } })));
        var template = places[0].Template();
        (template["osImageId"], template["clusterId"]) = (image, cluster);
        var machine = places[2].Body(properties => (properties["osImageId"], properties["clusterId"]) = (image, cluster));
        var accepted = new[]
        {
            await world.Arm.PutAsync($"{group}/providers/ControlPlane.BareMetal/racks/r", Place.Envelope(new() { ["slots"] = new JsonObject { ["first"] = 1, ["last"] = 2 }, ["bmcEndpoint"] = $"https://127.0.0.1:{{slot+{places[0].Machine.Port - 1}}}", ["machineNamePattern"] = "doomed-{slot}", ["machine"] = template })),
            await world.Arm.PutAsync($"{group}/providers/ControlPlane.BareMetal/bareMetalMachines/doomed-3", machine),
        };
        foreach (var operation in accepted)
            Assert.Equal("Succeeded", (await world.FinishAsync(operation)).OperationStatus);
        Assert.Equal(409, (await world.Arm.DeleteAsync(cluster)).Status);
        Assert.Equal(409, (await world.Arm.DeleteAsync(image)).Status);

        var deleted = await world.Arm.DeleteAsync(group);
        Assert.Equal(202, deleted.Status);
        await Eventually.Async(async () => (await world.Arm.GetAsync(group)).Status == 404, "the group is gone", TimeSpan.FromSeconds(60));
        Assert.All(places, place => Assert.Equal(2, place.WipesOf(place.RootSerial)));
        Assert.All(places, place => Assert.Null(place.NodeName));
    }
}
