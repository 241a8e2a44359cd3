using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>What one can do to a machine, and what its safeguards forbid.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class ActionTests(BareMetalWorld world)
{
    [Fact]
    public async Task Power_is_switched_off_and_on_and_the_node_comes_back()
    {
        var place = await world.TakeAsync();
        var path = BareMetalWorld.MachinePath("powered");
        await world.ProvisionAsync("powered", place);
        await AssertSucceedsAsync(path, "powerOff");
        Assert.Equal(PowerState.Off, place.Machine.Power);
        Assert.Equal(("Off", false), PowerOf(await world.PropertiesAsync(path)));
        await AssertSucceedsAsync(path, "start");
        Assert.Equal(("On", true), PowerOf(await world.PropertiesAsync(path)));
        Assert.Equal("powered", place.NodeName);
        await AssertSucceedsAsync(path, "restart");
        Assert.Equal(("On", true), PowerOf(await world.PropertiesAsync(path)));
        await AssertSucceedsAsync(path, "powerOff", new() { ["skipShutdown"] = true });
        Assert.Equal(PowerState.Off, place.Machine.Power);
        Assert.Equal(2, place.DestructiveSteps.Count(step => step.Kind == "wipe"));
    }

    [Fact]
    public async Task A_system_that_does_not_listen_is_asked_once_and_then_switched_off_by_force()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("deaf", place);
        place.Suffers(Scenario.NeverBoots);
        MachinePower.Reset(place.Machine, "ForceRestart");
        var before = place.Journal.Count;
        await AssertSucceedsAsync(BareMetalWorld.MachinePath("deaf"), "powerOff");
        Assert.Equal(PowerState.Off, place.Machine.Power);
        Assert.Equal(2, place.Journal.Skip(before).Count(entry => entry.Method == "POST" && entry.Path.Contains("ComputerSystem.Reset", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_cordoned_node_takes_no_pods_and_loses_them_when_evacuated()
    {
        var place = await world.TakeAsync();
        var path = BareMetalWorld.MachinePath("cordoned");
        await world.ProvisionAsync("cordoned", place);
        await place.RunPodAsync("cordoned", "guest");
        await AssertSucceedsAsync(path, "cordon");
        Assert.True((await place.NodeAsync("cordoned"))!["spec"]!["unschedulable"]!.GetValue<bool>());
        Assert.NotNull(await place.ClusterAsync(HttpMethod.Get, "/api/v1/namespaces/default/pods/guest"));
        await AssertSucceedsAsync(path, "cordon", new() { ["evacuate"] = true });
        Assert.Null(await place.ClusterAsync(HttpMethod.Get, "/api/v1/namespaces/default/pods/guest"));
        Assert.Equal("Cordoned", (await world.PropertiesAsync(path)).GetProperty("cordonStatus").GetString());
        await AssertSucceedsAsync(path, "uncordon");
        Assert.False((await place.NodeAsync("cordoned"))!["spec"]!["unschedulable"]?.GetValue<bool>() ?? false);
    }

    [Fact]
    public async Task Reimage_wipes_once_more_under_a_new_attempt_and_installs_the_other_image()
    {
        var place = await world.TakeAsync();
        var path = BareMetalWorld.MachinePath("renewed");
        await world.ProvisionAsync("renewed", place);
        Assert.Equal("MachineNotCordoned", (await world.Arm.PostAsync($"{path}/reimage")).ErrorCode);
        await AssertSucceedsAsync(path, "cordon", new() { ["evacuate"] = true });
        await AssertSucceedsAsync(path, "reimage", new() { ["osImageId"] = place.OtherImageId });

        var machine = await world.PropertiesAsync(path);
        Assert.Equal(("Provisioned", "Uncordoned"), (machine.GetProperty("detailedStatus").GetString(), machine.GetProperty("cordonStatus").GetString()));
        Assert.Equal((place.OtherImageId, place.OtherImageId), (machine.GetProperty("osImageId").GetString(), machine.GetProperty("installedOsImageId").GetString()));
        Assert.Equal(2, place.WipesOf(place.RootSerial));
        Assert.Equal(2, place.DestructiveSteps.Select(step => step.Attempt).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(2, machine.GetProperty("attempt").GetProperty("number").GetInt32());
    }

    [Fact]
    public async Task A_reimage_to_an_image_that_is_not_there_leaves_the_node_alone()
    {
        var place = await world.TakeAsync();
        var path = BareMetalWorld.MachinePath("kept");
        await world.ProvisionAsync("kept", place);
        foreach (var image in new[] { BareMetalWorld.ImageId("generic", 99), place.ClusterId, "nonsense" })
        {
            var ended = await world.ActAsync(path, "reimage", new() { ["osImageId"] = image, ["safeguardMode"] = "None" });
            Assert.Equal("OsImageNotUsable", ended.ErrorCode);
        }

        var machine = await world.PropertiesAsync(path);
        Assert.Equal(("Provisioned", place.ImageId), (machine.GetProperty("detailedStatus").GetString(), machine.GetProperty("osImageId").GetString()));
        Assert.Equal("Uncordoned", machine.GetProperty("cordonStatus").GetString());
        Assert.NotNull(await place.NodeAsync("kept"));
        Assert.Equal("Succeeded", (await world.ActAsync(path, "retry")).OperationStatus);
        Assert.False((await world.PropertiesAsync(path)).TryGetProperty("detailedStatusMessage", out _));
    }

    [Fact]
    public async Task Replace_takes_over_another_server_in_the_same_place()
    {
        var places = await world.TakeAsync(2);
        var path = BareMetalWorld.MachinePath("replaced");
        await world.ProvisionAsync("replaced", places[0]);
        Assert.Equal("MachineNotCordoned", (await world.Arm.PostAsync($"{path}/replace", new JsonObject { ["bmcEndpoint"] = places[1].Endpoint })).ErrorCode);
        await AssertSucceedsAsync(path, "cordon");
        await AssertSucceedsAsync(path, "replace", new() { ["bmcEndpoint"] = places[1].Endpoint, ["bmcCredentials"] = new JsonObject { ["userName"] = places[1].Rack.Ready.UserName, ["password"] = places[1].Rack.Ready.Password } });

        var machine = await world.PropertiesAsync(path);
        Assert.Equal(("Provisioned", places[1].Machine.Identity.Serial), (machine.GetProperty("detailedStatus").GetString(), machine.GetProperty("hardwareInventory").GetProperty("serialNumber").GetString()));
        Assert.Equal(places[1].Endpoint, machine.GetProperty("bmc").GetProperty("endpoint").GetString());
        Assert.Equal("replaced", places[1].NodeName);
        Assert.Equal(1, places[1].WipesOf(places[1].RootSerial));
        Assert.Equal(1, places[0].WipesOf(places[0].RootSerial));

        // The old server is free for another resource.
        await world.ProvisionAsync("second-hand", places[0]);
    }

    [Fact]
    public async Task Replace_with_preserve_wipes_the_root_disk_only()
    {
        var places = await world.TakeAsync(2);
        await world.ProvisionAsync("conserved", places[0]);
        await AssertSucceedsAsync(BareMetalWorld.MachinePath("conserved"), "replace", new() { ["bmcEndpoint"] = places[1].Endpoint, ["safeguardMode"] = "None", ["storagePolicy"] = "Preserve" });
        Assert.Equal((1, 0), (places[1].WipesOf(places[1].RootSerial), places[1].WipesOf(places[1].DataSerial)));
    }

    [Fact]
    public async Task A_replacement_that_cannot_be_leaves_the_node_alone()
    {
        var places = await world.TakeAsync(2);
        var path = BareMetalWorld.MachinePath("irreplaceable");
        await world.ProvisionAsync("irreplaceable", places[0]);
        await world.ProvisionAsync("neighbour", places[1]);
        foreach (var parameters in new JsonObject[] { new() { ["bmcEndpoint"] = "10.4.1.17" }, new() { ["bootMacAddress"] = "no-mac" }, new() { ["bmcTls"] = new JsonObject { ["mode"] = "Pinned" } } })
        {
            parameters["safeguardMode"] = "None";
            var refused = await world.Arm.PostAsync($"{path}/replace", parameters);
            Assert.True(refused is { Status: 409, ErrorCode: "InvalidParameter" }, refused.ToString());
        }

        Assert.Equal("BmcAlreadyInUse", (await world.ActAsync(path, "replace", new() { ["bmcEndpoint"] = places[1].Endpoint, ["safeguardMode"] = "None" })).ErrorCode);
        Assert.Equal("Provisioned", (await world.PropertiesAsync(path)).GetProperty("detailedStatus").GetString());
        Assert.NotNull(await places[0].NodeAsync("irreplaceable"));
    }

    [Fact]
    public async Task Safeguards_say_why_not()
    {
        var place = await world.TakeAsync();
        var path = BareMetalWorld.MachinePath("guarded");
        await world.ProvisionAsync("guarded", place, properties =>
        {
            properties.Remove("osImageId");
            properties.Remove("clusterId");
        });
        Assert.Equal((409, "NothingToRetry"), Refusal(await world.Arm.PostAsync($"{path}/retry")));
        Assert.Equal((409, "NodeNotJoined"), Refusal(await world.Arm.PostAsync($"{path}/cordon")));
        Assert.Equal((409, "OsImageRequired"), Refusal(await world.Arm.PostAsync($"{path}/reimage")));
        Assert.Equal((409, "ClusterRequired"), Refusal(await world.Arm.PostAsync($"{path}/replace")));
        Assert.Equal(404, (await world.Arm.PostAsync($"{path}/explode")).Status);
    }

    [Fact]
    public async Task The_history_keeps_the_last_ten_pieces_of_work()
    {
        var place = await world.TakeAsync();
        var path = BareMetalWorld.MachinePath("historic");
        await world.ProvisionAsync("historic", place);
        for (var round = 0; round < 5; round++)
        {
            await AssertSucceedsAsync(path, "cordon");
            await AssertSucceedsAsync(path, "uncordon");
        }

        var actions = (await world.PropertiesAsync(path)).GetProperty("actionStates").EnumerateArray().Select(action => action.GetProperty("actionType").GetString()).ToList();
        Assert.Equal(10, actions.Count);
        Assert.Equal("uncordon", actions[0]);
        Assert.DoesNotContain("put", actions);
    }

    private async Task AssertSucceedsAsync(string path, string action, JsonObject? parameters = null)
    {
        var ended = await world.ActAsync(path, action, parameters);
        Assert.True(ended.OperationStatus == "Succeeded", ended.ToString());
    }

    private static (string? Power, bool Ready) PowerOf(JsonElement machine) => (machine.GetProperty("powerState").GetString(), machine.GetProperty("readyState").GetBoolean());

    private static (int, string?) Refusal(ArmAnswer answer) => (answer.Status, answer.ErrorCode);
}
