using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>From one PUT to a node of the cluster.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class ProvisioningTests(BareMetalWorld world)
{
    [Theory]
    [InlineData("generic")]
    [InlineData("idrac9")]
    [InlineData("idrac10")]
    [InlineData("ilo5")]
    [InlineData("ilo6")]
    [InlineData("supermicro")]
    [InlineData("ami")]
    public async Task A_machine_of_every_make_becomes_a_ready_node_by_every_boot_method(string make)
    {
        string[] methods = ["UefiHttp", "VirtualMedia", "Pxe"];
        var places = await world.TakeAsync(methods.Length, make);
        var machines = await Task.WhenAll(methods.Zip(places, (method, place) => world.ProvisionAsync($"{make}-{method}", place, properties => properties["bootMethod"] = method)));
        Assert.All(machines.Zip(places).Zip(methods), pair => AssertProvisioned(pair.First.First, pair.First.Second, pair.Second));
    }

    [Fact]
    public async Task The_machine_shows_what_it_is_and_what_was_done_to_it()
    {
        var place = await world.TakeAsync("idrac9");
        var machine = await world.ProvisionAsync("shown", place, properties => properties["allowUncertifiedHardware"] = false);

        var inventory = machine.GetProperty("hardwareInventory");
        Assert.Equal(place.Machine.Identity.Serial, inventory.GetProperty("serialNumber").GetString());
        Assert.Equal(place.Machine.Model.Name, inventory.GetProperty("model").GetString());
        Assert.Equal(2, inventory.GetProperty("disks").GetArrayLength());
        Assert.Equal("Pass", machine.GetProperty("hardwareValidation").GetProperty("status").GetString());
        Assert.Equal("On", machine.GetProperty("powerState").GetString());
        Assert.Equal("Uncordoned", machine.GetProperty("cordonStatus").GetString());
        Assert.True(machine.GetProperty("readyState").GetBoolean());
        Assert.Equal("shown", machine.GetProperty("kubernetesNodeName").GetString());

        var action = Assert.Single(machine.GetProperty("actionStates").EnumerateArray());
        Assert.Equal(("put", "Succeeded"), (action.GetProperty("actionType").GetString(), action.GetProperty("status").GetString()));
        Assert.Equal(["Register", "Inspect", "Admit"], action.GetProperty("stepStates").EnumerateArray().Take(3).Select(step => step.GetProperty("stepName").GetString()!));
        Assert.All(action.GetProperty("stepStates").EnumerateArray(), step => Assert.Equal("Succeeded", step.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task Progress_never_falls_on_the_way()
    {
        var place = await world.TakeAsync();
        var accepted = await world.Arm.PutAsync(BareMetalWorld.MachinePath("climbing"), place.Body());
        var seen = new List<double>();
        await Eventually.Async(async () =>
        {
            var status = await world.Arm.SendRawAsync(HttpMethod.Get, accepted.Header("Azure-AsyncOperation")!);
            seen.Add(status.Json.GetProperty("percentComplete").GetDouble());
            return status;
        }, status => status.OperationStatus is "Succeeded" or "Failed", "the machine is provisioned", TimeSpan.FromSeconds(60));
        Assert.Equal(seen.Order(), seen);
        Assert.Equal(100, seen[^1]);
    }

    [Fact]
    public async Task A_machine_without_an_image_is_inspected_and_left_alone()
    {
        var place = await world.TakeAsync();
        var machine = await world.ProvisionAsync("spare", place, properties =>
        {
            properties.Remove("osImageId");
            properties.Remove("clusterId");
        });
        Assert.Equal("Available", machine.GetProperty("detailedStatus").GetString());
        Assert.Empty(place.DestructiveSteps);
        Assert.DoesNotContain(place.Journal, entry => entry.Effect is not null && entry.Effect.StartsWith("power:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_model_that_is_not_on_the_hardware_list_is_refused_before_it_is_touched()
    {
        var place = await world.TakeAsync();
        var ended = await world.PutMachineAsync("uncertified", place.Body(properties => properties["allowUncertifiedHardware"] = false));
        Assert.Equal("HardwareModelNotCertified", ended.ErrorCode);
        Assert.Contains("allowUncertifiedHardware", ended.Text, StringComparison.Ordinal);
        Assert.Empty(place.DestructiveSteps);
        var machine = await world.PropertiesAsync(BareMetalWorld.MachinePath("uncertified"));
        Assert.Equal(("Error", "Failed"), (machine.GetProperty("detailedStatus").GetString(), machine.GetProperty("provisioningState").GetString()));

        Assert.Equal("Succeeded", (await world.PutMachineAsync("uncertified", place.Body())).OperationStatus);
    }

    [Fact]
    public async Task Labels_reach_the_node_and_change_without_touching_the_machine()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("labelled", place, properties => properties["nodeLabels"] = new JsonObject { ["tier"] = "gold" });
        var before = place.DestructiveSteps.Count;
        Assert.Equal("Succeeded", (await world.PutMachineAsync("labelled", place.Body(properties => properties["nodeLabels"] = new JsonObject { ["tier"] = "silver" }))).OperationStatus);
        Assert.Equal("silver", (await place.NodeAsync("labelled"))!["metadata"]!["labels"]!["tier"]!.GetValue<string>());
        Assert.Equal(before, place.DestructiveSteps.Count);
    }

    [Fact]
    public async Task A_name_that_no_node_may_have_becomes_one_that_it_may()
    {
        var place = await world.TakeAsync();
        var machine = await world.ProvisionAsync("Row_A.(7)", place);
        Assert.Equal("row-a.7", machine.GetProperty("kubernetesNodeName").GetString());
    }

    [Fact]
    public async Task A_provisioned_machine_shows_drift_and_is_not_reinstalled_by_a_put()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("drifting", place);
        var before = place.DestructiveSteps.Count;
        var machine = await world.ProvisionAsync("drifting", place, properties => properties["osImageId"] = place.OtherImageId);
        Assert.Equal("osImageId", Assert.Single(machine.GetProperty("drift").EnumerateArray()).GetString());
        Assert.Equal(before, place.DestructiveSteps.Count);
    }

    [Fact]
    public async Task The_cluster_of_a_machine_cannot_change()
    {
        var place = await world.TakeAsync();
        await world.TakeAsync("ilo6");
        await world.ProvisionAsync("faithful", place);
        var refused = await world.Arm.PutAsync(BareMetalWorld.MachinePath("faithful"), place.Body(properties => properties["clusterId"] = BareMetalWorld.ClusterId("ilo6")));
        Assert.Equal(400, refused.Status);
        Assert.Contains("clusterId", refused.Text, StringComparison.Ordinal);
    }

    private static void AssertProvisioned(JsonElement machine, Place place, string method)
    {
        Assert.Equal("Provisioned", machine.GetProperty("detailedStatus").GetString());
        Assert.Equal(method, machine.GetProperty("attempt").GetProperty("bootMethod").GetString());
        Assert.Equal(1, machine.GetProperty("attempt").GetProperty("number").GetInt32());
        Assert.Equal(machine.GetProperty("kubernetesNodeName").GetString(), place.NodeName);
        Assert.StartsWith("controlplane:///subscriptions/", machine.GetProperty("providerId").GetString(), StringComparison.Ordinal);
        Assert.Equal([place.RootSerial, place.DataSerial], machine.GetProperty("wipedDisks").EnumerateArray().Select(disk => disk.GetProperty("serial").GetString()!).Order());
        Assert.All(machine.GetProperty("wipedDisks").EnumerateArray(), disk => Assert.Equal("discard", disk.GetProperty("method").GetString()));
        Assert.Equal((1, 1), (place.WipesOf(place.RootSerial), place.WipesOf(place.DataSerial)));
        Assert.Equal(DiskContent.Image, place.ContentOf(place.RootSerial));
        Assert.Equal(["join", "wipe", "wipe", "write"], place.DestructiveSteps.Select(step => step.Kind).Order(StringComparer.Ordinal));
        Assert.Single(place.DestructiveSteps.Select(step => step.Attempt).Distinct(StringComparer.Ordinal));
    }
}
