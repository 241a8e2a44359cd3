using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>The test in the place of an in-band agent: its machine never gets through POST, and the token was taken from what the BMC was told.</summary>
internal sealed record DoorAgent(BareMetalWorld World, Place Place, ArmAnswer Accepted, string Token)
{
    public static async Task<DoorAgent> KnockAsync(BareMetalWorld world, string name)
    {
        var place = (await world.TakeAsync()).Suffers(Scenario.NeverBoots);
        var accepted = await world.Arm.PutAsync(BareMetalWorld.MachinePath(name), place.Body());
        Assert.True(accepted.Status == 201, accepted.ToString());
        await Eventually.Async(() => place.BootToken is not null && place.Machine.Power == PowerState.On, "the machine was told where to boot from");
        return new(world, place, accepted, place.BootToken!);
    }

    public static async Task<ArmAnswer> SendAsync(BareMetalWorld world, string token, HttpMethod method, string step, string? body = null)
    {
        using var anonymous = world.Arm.Anonymous();
        return await anonymous.SendRawAsync(method, $"/provision/{token}/{step}", body is null ? null : ArmHttp.Text(body));
    }

    public Task<ArmAnswer> PostAsync(string step, JsonObject body) => SendAsync(World, Token, HttpMethod.Post, step, body.ToJsonString());

    public async Task HelloAsync()
    {
        var identity = Place.Machine.Identity;
        var answer = await PostAsync("hello", new() { ["mac"] = identity.Mac, ["serial"] = identity.Serial, ["uuid"] = identity.Uuid.ToString() });
        Assert.True(answer.Status == 200, answer.ToString());
    }

    public async Task ReportAsync()
    {
        await HelloAsync();
        var disks = Place.Machine.Disks.Select(disk => (JsonNode)new JsonObject { ["name"] = disk.Name, ["serial"] = disk.Serial, ["wwn"] = disk.Wwn, ["sizeBytes"] = disk.SizeBytes, ["supports"] = new JsonArray("discard") });
        var answer = await PostAsync("inventory", new() { ["disks"] = new JsonArray([.. disks]) });
        Assert.True(answer.Status == 204, answer.ToString());
    }

    public async Task StartWipeAsync()
    {
        await ReportAsync();
        var order = (await SendAsync(World, Token, HttpMethod.Get, "instructions")).Copy();
        Assert.Equal(204, (await PostAsync("wipe-started", new() { ["permit"] = order["permit"]!.DeepClone() })).Status);
    }
}
