using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>Which disk is written, which are wiped, and that nothing is touched when that is not certain.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class DiskTests(BareMetalWorld world)
{
    [Fact]
    public async Task A_preserved_disk_is_not_touched()
    {
        var place = await world.TakeAsync();
        var machine = await world.ProvisionAsync("preserving", place, properties => properties["diskLayout"] = new JsonObject { ["preserve"] = new JsonArray(place.DataSerial) });
        Assert.Equal(place.RootSerial, Assert.Single(machine.GetProperty("wipedDisks").EnumerateArray()).GetProperty("serial").GetString());
        Assert.Equal((1, 0), (place.WipesOf(place.RootSerial), place.WipesOf(place.DataSerial)));
        Assert.Equal(DiskContent.OldSystem, place.ContentOf(place.DataSerial));
    }

    [Theory]
    [InlineData("serial")]
    [InlineData("wwn")]
    [InlineData("size")]
    public async Task A_hint_chooses_the_disk_that_is_written(string by)
    {
        var place = await world.TakeAsync();
        var data = place.Machine.Disks[1];
        await world.ProvisionAsync($"hint-{by}", place, properties => properties["diskLayout"] = new JsonObject
        {
            ["rootDisk"] = by switch
            {
                "serial" => new JsonObject { ["serialNumber"] = data.Serial },
                "wwn" => new JsonObject { ["wwn"] = data.Wwn },
                _ => new JsonObject { ["minSizeGiB"] = 1000 },
            },
        });
        Assert.Equal(DiskContent.Image, place.ContentOf(data.Serial));
        Assert.Equal(DiskContent.Empty, place.ContentOf(place.RootSerial));
    }

    [Fact]
    public async Task A_hint_that_fits_no_disk_fails_before_anything_is_written()
    {
        var place = await world.TakeAsync();
        var ended = await world.PutMachineAsync("no-root", place.Body(properties => properties["diskLayout"] = new JsonObject { ["rootDisk"] = new JsonObject { ["serialNumber"] = "ABSENT" } }));
        Assert.Equal("RootDiskNotFound", ended.ErrorCode);
        Assert.Contains(place.DataSerial, ended.Text, StringComparison.Ordinal);
        AssertUntouched(place);
    }

    [Fact]
    public async Task A_wipe_that_a_disk_cannot_do_is_not_lowered_to_another()
    {
        var place = await world.TakeAsync();
        place.Machine.Personality = place.Machine.Personality with { DrivesSecureErase = false };
        var ended = await world.PutMachineAsync("no-erase", place.Body(properties => properties["wipePolicy"] = "SecureErase"));
        Assert.Equal("WipeNotSupported", ended.ErrorCode);
        AssertUntouched(place);
    }

    [Theory]
    [InlineData("Metadata")]
    [InlineData("SecureErase")]
    [InlineData("Overwrite")]
    public async Task Every_wipe_level_is_carried_out_and_shown(string policy)
    {
        var place = await world.TakeAsync();
        place.Machine.Personality = place.Machine.Personality with { DrivesSecureErase = true };
        var machine = await world.ProvisionAsync($"wipe-{policy}", place, properties => properties["wipePolicy"] = policy);
        Assert.All(machine.GetProperty("wipedDisks").EnumerateArray(), disk => Assert.Equal(policy, disk.GetProperty("method").GetString(), ignoreCase: true));
    }

    private static void AssertUntouched(Place place)
    {
        Assert.Empty(place.DestructiveSteps);
        Assert.All(place.Machine.Disks, disk => Assert.Equal(DiskContent.OldSystem, disk.Content));
    }
}
