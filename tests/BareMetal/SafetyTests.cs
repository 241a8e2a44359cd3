using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>No destructive step without a live, unconsumed permit of the current attempt of a machine that is not Provisioned; and one resource per machine.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class SafetyTests(BareMetalWorld world)
{
    [Theory]
    [InlineData("UefiHttp")]
    [InlineData("VirtualMedia")]
    [InlineData("Pxe")]
    public async Task A_machine_whose_bmc_ignores_once_is_wiped_once(string method)
    {
        var place = (await world.TakeAsync()).Suffers(Scenario.IgnoresOnce);
        await world.ProvisionAsync($"stubborn-{method}", place, properties => properties["bootMethod"] = method);
        MachinePower.Reset(place.Machine, "ForceRestart");
        await Eventually.Async(() => place.NodeName is not null, "the node is back after another reset");
        Assert.Equal((1, 1), (place.WipesOf(place.RootSerial), place.WipesOf(place.DataSerial)));
        Assert.Equal(DiskContent.Image, place.ContentOf(place.RootSerial));
    }

    [Fact]
    public async Task A_bmc_that_turns_once_into_continuous_is_noted_and_its_machine_wiped_once()
    {
        var place = await world.TakeAsync();
        place.Machine.Personality = place.Machine.Personality with { OnceBecomesContinuous = true };
        var machine = await world.ProvisionAsync("continuous", place);
        Assert.True(machine.GetProperty("bootOverridePersists").GetBoolean());
        MachinePower.Reset(place.Machine, "ForceRestart");
        await Eventually.Async(() => place.NodeName is not null, "the node is back after another reset");
        Assert.Equal((1, 1), (place.WipesOf(place.RootSerial), place.WipesOf(place.DataSerial)));
    }

    [Fact]
    public async Task A_second_boot_with_a_consumed_permit_boots_the_disk()
    {
        var place = await world.TakeAsync();
        // The machine resets itself after the wipe has begun, and boots the agent again.
        place.Suffers(Scenario.IgnoresOnce | Scenario.SilentAgent);
        var accepted = await world.Arm.PutAsync(BareMetalWorld.MachinePath("reset"), place.Body());
        await Eventually.Async(() => place.DestructiveSteps.Any(step => step.Kind == "write"), "the agent writes");
        place.Suffers(Scenario.IgnoresOnce);
        MachinePower.Reset(place.Machine, "ForceRestart");
        await Eventually.Async(() => place.Journal.Count(entry => entry is { Method: "GET", Status: 200 } && entry.Path.EndsWith("/instructions", StringComparison.Ordinal)) == 2, "the agent asks again");
        Assert.Equal((1, 1), (place.WipesOf(place.RootSerial), place.WipesOf(place.DataSerial)));
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("reset"))).OperationStatus);
        Assert.Equal("Canceled", (await world.FinishAsync(accepted)).OperationStatus);
    }

    [Fact]
    public async Task The_boot_target_is_set_and_read_back_before_every_power_on()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("careful", place);
        var entries = place.Journal;
        var powerOns = entries.Index().Where(entry => entry.Item.Effect == "power:on").Select(entry => entry.Index).ToList();
        Assert.Equal(2, powerOns.Count);
        Assert.All(powerOns, on =>
        {
            var set = entries.Index().Where(entry => entry.Index < on && entry.Item is { Source: "bmc", Method: "PATCH" } && entry.Item.Effect?.StartsWith("bootOverride", StringComparison.Ordinal) is true).Select(entry => entry.Index).LastOrDefault(-1);
            Assert.True(set > powerOns.Where(other => other < on).LastOrDefault(-1), "the boot target is set anew");
            Assert.Contains(entries.Skip(set + 1).Take(on - set), entry => entry is { Source: "bmc", Method: "GET", Status: 200 } && entry.Path.TrimEnd('/') == place.Machine.SystemPath.TrimEnd('/'));
        });
    }

    [Fact]
    public async Task Nothing_is_done_to_a_machine_after_it_is_provisioned()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("resting", place);
        var before = place.Rack.Journal.Read().Max(entry => entry.Sequence);
        Assert.Equal("Succeeded", (await world.PutMachineAsync("resting", place.Body())).OperationStatus);
        Assert.Equal("Succeeded", (await world.ActAsync(BareMetalWorld.MachinePath("resting"), "inspect")).OperationStatus);
        var after = place.Rack.Journal.Read(before, place.Slot);
        Assert.NotEmpty(after);
        Assert.DoesNotContain(after, entry => entry.Effect is not null || (entry.Source == "bmc" && entry.Method != "GET" && !entry.Path.Contains("Sessions", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task One_bmc_belongs_to_one_resource()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("owner", place);
        var refused = await world.Arm.PutAsync(BareMetalWorld.MachinePath("rival"), place.Body());
        Assert.Equal(409, refused.Status);
        Assert.Contains("owner", refused.Text, StringComparison.Ordinal);
        Assert.Equal(409, (await world.Arm.PutAsync(BareMetalWorld.MachinePath("rival"), place.Body(properties => properties["bmc"]!["endpoint"] = $"redfish+{place.Endpoint.ToUpperInvariant().Replace("HTTPS", "https", StringComparison.Ordinal)}/"))).Status);
    }

    [Fact]
    public async Task Another_server_at_the_address_of_a_provisioned_machine_is_not_taken_for_it()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("swapped", place);
        // As if the store remembered another server than the one that answers.
        await world.Plane.Database.ExecuteAsync("update hardware_identities set identity = identity || '-before' where resource_key like '%/swapped'");
        var ended = await world.PutMachineAsync("swapped", place.Body());
        Assert.Equal("MachineIdentityChanged", ended.ErrorCode);
        Assert.Equal("Provisioned", (await world.PropertiesAsync(BareMetalWorld.MachinePath("swapped"))).GetProperty("detailedStatus").GetString());
    }

    [Fact]
    public async Task One_machine_behind_two_addresses_belongs_to_one_resource()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("first-door", place);
        var ended = await world.PutMachineAsync("second-door", place.Body(properties => properties["bmc"]!["endpoint"] = $"{place.Endpoint}{place.Machine.SystemPath}"));
        Assert.Equal("MachineAlreadyRegistered", ended.ErrorCode);
        Assert.Contains("first-door", ended.Text, StringComparison.Ordinal);
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("second-door"))).OperationStatus);
        Assert.NotNull(await place.NodeAsync("first-door"));
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("first-door"))).OperationStatus);
        await world.ProvisionAsync("second-door", place);
    }
}
