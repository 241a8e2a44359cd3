using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>Many machines in one resource.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class RackTests(BareMetalWorld world)
{
    [Fact]
    public async Task A_rack_grows_repeats_without_touching_anything_and_does_not_shrink()
    {
        var places = await world.TakeAsync(4);
        await AssertSucceedsAsync("grown", Body(places, 2));
        await AssertSucceedsAsync("grown", Body(places, 2));
        Assert.All(places.Take(2), place => Assert.Equal(1, place.WipesOf(place.RootSerial)));
        await AssertSucceedsAsync("grown", Body(places, 4));
        Assert.All(places, place => Assert.Equal(1, place.WipesOf(place.RootSerial)));
        Assert.Equal(4, (await world.PropertiesAsync(BareMetalWorld.RackPath("grown"))).GetProperty("summary").GetProperty("provisioned").GetInt32());
        var first = await world.PropertiesAsync(BareMetalWorld.MachinePath("grown-01"));
        Assert.Single(first.GetProperty("actionStates").EnumerateArray());

        var shrunk = await world.Arm.PutAsync(BareMetalWorld.RackPath("grown"), Body(places, 3));
        Assert.Equal(400, shrunk.Status);
        Assert.Contains("slots", shrunk.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nodes_are_named_by_slot()
    {
        var places = await world.TakeAsync(2);
        await AssertSucceedsAsync("named", Body(places, 2, rack => rack["machine"]!["kubernetesNodeName"] = "Shelf-{slot:000}"));
        Assert.Equal(["shelf-001", "shelf-002"], places.Select(place => place.NodeName!));
    }

    [Fact]
    public async Task A_change_of_the_template_reaches_the_machines()
    {
        var places = await world.TakeAsync(2);
        await AssertSucceedsAsync("changing", Body(places, 2));
        await AssertSucceedsAsync("changing", Body(places, 2, rack => rack["machine"]!["nodeLabels"] = new JsonObject { ["tier"] = "gold" }));
        Assert.Equal("gold", (await places[1].NodeAsync("changing-02"))!["metadata"]!["labels"]!["tier"]!.GetValue<string>());
        Assert.All(places, place => Assert.Equal(1, place.WipesOf(place.RootSerial)));
    }

    [Fact]
    public async Task A_new_password_of_the_template_reaches_the_machines()
    {
        var places = await world.TakeAsync(1);
        await AssertSucceedsAsync("rotated", Body(places, 1));
        var ended = await world.FinishAsync(await world.Arm.PutAsync(BareMetalWorld.RackPath("rotated"), Body(places, 1, rack => rack["machine"]!["bmc"]!["credentials"]!["password"] = "rotated-away")));
        Assert.Equal("RackPartiallyFailed", ended.ErrorCode);
        Assert.Contains("BmcCredentialsRejected", ended.Text, StringComparison.Ordinal);
        await AssertSucceedsAsync("rotated", Body(places, 1));
    }

    [Fact]
    public async Task Machines_that_others_own_are_refused_one_by_one()
    {
        var places = await world.TakeAsync(3);
        await world.ProvisionAsync("squatter", places[0]);
        await world.ProvisionAsync("shared-02", places[2]);
        var ended = await world.FinishAsync(await world.Arm.PutAsync(BareMetalWorld.RackPath("shared"), Body(places, 3)));
        Assert.Equal("RackPartiallyFailed", ended.ErrorCode);
        Assert.Equal(["BmcAlreadyInUse", "MachineNameTaken", "BmcAlreadyInUse"], ended.Json.GetProperty("error").GetProperty("details").EnumerateArray().Select(detail => detail.GetProperty("code").GetString()!));
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.RackPath("shared"))).OperationStatus);
        Assert.Equal("Provisioned", (await world.PropertiesAsync(BareMetalWorld.MachinePath("shared-02"))).GetProperty("detailedStatus").GetString());
    }

    [Fact]
    public async Task A_machine_that_somebody_deletes_meanwhile_does_not_keep_the_rack_waiting()
    {
        var places = await world.TakeAsync(2);
        places[1].Suffers(Scenario.NeverBoots);
        var accepted = await world.Arm.PutAsync(BareMetalWorld.RackPath("robbed"), Body(places, 2));
        await Eventually.Async(() => places[1].BootToken is not null, "the second machine waits to boot");
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("robbed-02"))).OperationStatus);
        var ended = await world.FinishAsync(accepted);
        Assert.Equal("RackPartiallyFailed", ended.ErrorCode);
        Assert.Equal("MachineDeleted", Assert.Single(ended.Json.GetProperty("error").GetProperty("details").EnumerateArray()).GetProperty("code").GetString());
        places[1].Suffers(Scenario.None);
        await AssertSucceedsAsync("robbed", Body(places, 2));
    }

    [Fact]
    public async Task A_rack_is_deleted_in_the_middle_of_its_provisioning()
    {
        var places = await world.TakeAsync(4);
        places[3].Suffers(Scenario.NeverBoots);
        var accepted = await world.Arm.PutAsync(BareMetalWorld.RackPath("brief"), Body(places, 4));
        await Eventually.Async(() => places[0].DestructiveSteps.Count > 0, "the first machine is being installed");
        var deleted = await world.DeleteAsync(BareMetalWorld.RackPath("brief"));
        Assert.True(deleted.OperationStatus == "Succeeded", deleted.ToString());
        Assert.Equal("Canceled", (await world.FinishAsync(accepted)).OperationStatus);
        for (var slot = 1; slot <= 4; slot++)
        {
            Assert.Equal(404, (await world.Arm.GetAsync(BareMetalWorld.MachinePath($"brief-{slot:00}"))).Status);
            Assert.Null(await places[0].NodeAsync($"brief-{slot:00}"));
        }
    }

    [Fact]
    public async Task Force_deletion_of_a_rack_forgets_its_machines()
    {
        var places = await world.TakeAsync(2);
        await AssertSucceedsAsync("lost", Body(places, 2));
        foreach (var place in places)
            place.Suffers(Scenario.Dead);
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.RackPath("lost"), "?forceDeletion=true")).OperationStatus);
        Assert.Equal(404, (await world.Arm.GetAsync(BareMetalWorld.MachinePath("lost-01"))).Status);
        Assert.All(places, place => Assert.Equal(1, place.WipesOf(place.RootSerial)));
    }

    private async Task AssertSucceedsAsync(string name, JsonObject body)
    {
        var accepted = await world.Arm.PutAsync(BareMetalWorld.RackPath(name), body);
        Assert.True(accepted.Status is 200 or 201, accepted.ToString());
        var ended = await world.FinishAsync(accepted);
        Assert.True(ended.OperationStatus == "Succeeded", ended.ToString());
    }

    private static JsonObject Body(IReadOnlyList<Place> places, int count, Action<JsonObject>? change = null)
    {
        var properties = new JsonObject
        {
            ["slots"] = new JsonObject { ["first"] = 1, ["last"] = count },
            ["bmcEndpoint"] = $"https://127.0.0.1:{{slot+{places[0].Machine.Port - 1}}}",
            ["machine"] = places[0].Template(),
        };
        change?.Invoke(properties);
        return Place.Envelope(properties);
    }
}
