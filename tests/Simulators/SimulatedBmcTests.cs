using System.Security.Authentication;
using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Wire;
using Xunit;

namespace ControlPlane.Tests.Simulators;

/// <summary>Each deviation of a real BMC, each injected fault and each count, seen through the BMC's socket.</summary>
public sealed class SimulatedBmcTests
{
    private static JsonObject Boot(string? enabled, string? target, string? mode = null, string? uri = null)
    {
        var boot = new JsonObject();
        if (enabled is not null) boot["BootSourceOverrideEnabled"] = enabled;
        if (target is not null) boot["BootSourceOverrideTarget"] = target;
        if (mode is not null) boot["BootSourceOverrideMode"] = mode;
        if (uri is not null) boot["HttpBootUri"] = uri;
        return new JsonObject { ["Boot"] = boot };
    }

    [Fact]
    public async Task Dell_and_HPE_refuse_HttpBootUri()
    {
        foreach (var make in new[] { "idrac9", "idrac10", "ilo5", "ilo6" })
        {
            await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = make });
            var answer = await rack.BmcAsync("PATCH", rack.SystemPath(), Boot("Once", "UefiHttp", uri: "https://127.0.0.1/boot.efi"));
            Assert.Equal((400, "Base.1.18.PropertyNotWritable"), (answer.Status, answer.MessageId));
        }
    }

    [Fact]
    public async Task The_children_of_HttpDev1_are_read_only_until_it_is_enabled()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "idrac9" });
        var alone = await rack.BmcAsync("PATCH", rack.SystemPath() + "/Bios/Settings", new JsonObject { ["Attributes"] = new JsonObject { ["HttpDev1Uri"] = "https://127.0.0.1/" } });
        Assert.Equal(400, alone.Status);
        var pending = await rack.BmcAsync("PATCH", rack.SystemPath() + "/Bios/Settings",
            new JsonObject { ["Attributes"] = new JsonObject { ["HttpDev1EnDis"] = "Enabled", ["HttpDev1Uri"] = "https://127.0.0.1/" } });
        Assert.Equal((200, true), (pending.Status, pending.Headers.Location is null));

        var job = await rack.BmcAsync("POST", "/redfish/v1/Managers/iDRAC.Embedded.1/Jobs", new JsonObject { ["TargetSettingsURI"] = rack.SystemPath() + "/Bios/Settings" });
        var task = job.Headers.Location!.ToString();
        Assert.Contains("JID_", task, StringComparison.Ordinal);
        var running = (await rack.BmcAsync("GET", task)).Body!;
        Assert.Equal("Pending", running["TaskState"]!.GetValue<string>());
        Assert.Equal(202, (await rack.BmcAsync("GET", running["TaskMonitor"]!.GetValue<string>())).Status);
        await rack.ResetAsync("On");
        await Until.TrueAsync(async () => (await rack.BmcAsync("GET", task)).Body!["TaskState"]!.GetValue<string>() == "Completed", () => "The job did not complete.");
        Assert.Equal("Enabled", (await rack.BmcAsync("GET", rack.SystemPath() + "/Bios")).Body!["Attributes"]!["HttpDev1EnDis"]!.GetValue<string>());
    }

    [Fact]
    public async Task Dell_gives_out_eight_sessions_and_then_RAC0218_until_one_is_deleted()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "idrac9" });
        var login = new JsonObject { ["UserName"] = rack.Simulated.Ready.UserName, ["Password"] = rack.Simulated.Ready.Password };
        Task<WireAnswer> LoginAsync() => rack.BmcAsync("POST", "/redfish/v1/SessionService/Sessions", (JsonObject)login.DeepClone());
        var first = await LoginAsync();
        for (var number = 2; number <= 8; number++) Assert.Equal(201, (await LoginAsync()).Status);
        var ninth = await LoginAsync();
        Assert.Equal((503, "IDRAC.2.8.RAC0218"), (ninth.Status, ninth.MessageId));

        var token = first.Headers.GetValues("X-Auth-Token").Single();
        Assert.Equal(200, (await rack.BmcAsync("GET", rack.SystemPath(), token: token)).Status);
        Assert.Equal(204, (await rack.BmcAsync("DELETE", first.Headers.Location!.ToString(), token: token)).Status);
        Assert.Equal(401, (await rack.BmcAsync("GET", rack.SystemPath(), token: token)).Status);
        Assert.Equal(201, (await LoginAsync()).Status);
    }

    [Fact]
    public async Task HPE_refuses_the_mode_disabling_without_a_target_a_change_during_POST_and_an_eject_without_a_body()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "ilo6", Clock = 1 });
        Assert.Equal(400, (await rack.BmcAsync("PATCH", rack.SystemPath(), Boot("Once", "Pxe", "UEFI"))).Status);
        Assert.Equal(400, (await rack.BmcAsync("PATCH", rack.SystemPath(), Boot("Disabled", "None"))).Status);
        Assert.Equal(200, (await rack.BmcAsync("PATCH", rack.SystemPath(), Boot("Disabled", "Pxe"))).Status);
        Assert.Equal(415, (await rack.BmcAsync("POST", "/redfish/v1/Managers/1/VirtualMedia/2/Actions/VirtualMedia.EjectMedia/")).Status);
        await rack.ResetAsync("On");
        var during = await rack.BmcAsync("PATCH", rack.SystemPath(), Boot("Once", "Pxe"));
        Assert.Equal((400, "iLO.2.21.UnableToModifyDuringSystemPOST"), (during.Status, during.MessageId));
        Assert.Equal("PoweringOn", (await rack.BmcAsync("GET", rack.SystemPath())).Body!["PowerState"]!.GetValue<string>());
    }

    [Fact]
    public async Task AMI_demands_If_Match_and_ignores_an_incomplete_set_with_a_success()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "ami" });
        Assert.Equal(428, (await rack.BmcAsync("PATCH", rack.SystemPath() + "/SD", Boot("Once", "Pxe", "UEFI"))).Status);
        Assert.Equal(412, (await rack.BmcAsync("PATCH", rack.SystemPath() + "/SD", Boot("Once", "Pxe", "UEFI"), ifMatch: "\"old\"")).Status);
        Assert.Equal(204, (await rack.PatchAsync(rack.SystemPath() + "/SD", Boot("Once", "Pxe"))).Status);
        Assert.Equal("None", (await rack.BmcAsync("GET", rack.SystemPath() + "/SD")).Body!["Boot"]!["BootSourceOverrideTarget"]!.GetValue<string>());
        Assert.Equal(204, (await rack.PatchAsync(rack.SystemPath() + "/SD", Boot("Once", "Pxe", "UEFI"))).Status);
        Assert.Equal("Pxe", (await rack.BmcAsync("GET", rack.SystemPath() + "/SD")).Body!["Boot"]!["BootSourceOverrideTarget"]!.GetValue<string>());
    }

    [Fact]
    public async Task Supermicro_falls_back_to_Legacy_and_refuses_its_own_weak_tag()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "supermicro" });
        Assert.Equal(200, (await rack.BmcAsync("PATCH", rack.SystemPath(), Boot("Once", "UsbCd"))).Status);
        var system = await rack.BmcAsync("GET", rack.SystemPath());
        Assert.Equal("Legacy", system.Body!["Boot"]!["BootSourceOverrideMode"]!.GetValue<string>());
        Assert.Equal(412, (await rack.BmcAsync("PATCH", rack.SystemPath(), Boot("Once", "Pxe", "UEFI"), ifMatch: system.ETag)).Status);
        Assert.Equal(200, (await rack.BmcAsync("PATCH", rack.SystemPath(), Boot("Once", "Pxe", "UEFI"), ifMatch: system.ETag![2..])).Status);
    }

    [Fact]
    public async Task Lenovo_takes_media_by_PATCH_and_Cisco_refuses_its_first_disc_slot()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic", Machines = 2 });
        await rack.ControlAsync("PATCH", "/machines/1", new JsonObject { ["quirks"] = new JsonObject { ["mediaByPatch"] = true } });
        const string slot = "/redfish/v1/Systems/1/VirtualMedia/2";
        Assert.Equal(404, (await rack.BmcAsync("POST", slot + "/Actions/VirtualMedia.InsertMedia", new JsonObject { ["Image"] = "https://127.0.0.1/boot.iso" })).Status);
        Assert.Equal(204, (await rack.PatchAsync(slot, new JsonObject { ["Image"] = "https://127.0.0.1/boot.iso", ["Inserted"] = true })).Status);
        Assert.True((await rack.BmcAsync("GET", slot)).Body!["Inserted"]!.GetValue<bool>());
        Assert.Equal(204, (await rack.PatchAsync(slot, new JsonObject { ["Image"] = null, ["Inserted"] = false })).Status);
        Assert.False((await rack.BmcAsync("GET", slot)).Body!["Inserted"]!.GetValue<bool>());

        await rack.ControlAsync("PATCH", "/machines/2", new JsonObject { ["quirks"] = new JsonObject { ["firstMediaSlotRefuses"] = true } });
        foreach (var (number, status) in new[] { (2, 405), (3, 204) })
        {
            var image = new JsonObject { ["Image"] = "https://127.0.0.1/boot.iso" };
            Assert.Equal(status, (await rack.BmcAsync("POST", $"/redfish/v1/Systems/1/VirtualMedia/{number}/Actions/VirtualMedia.InsertMedia", image, slot: 2)).Status);
        }
    }

    [Fact]
    public async Task A_quirk_can_be_switched_on_for_one_machine()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic", Machines = 2 });
        await rack.ControlAsync("PATCH", "/machines/2", new JsonObject { ["quirks"] = new JsonObject { ["onceBecomesContinuous"] = true, ["noSessionService"] = true } });
        foreach (var (slot, expected) in new[] { (1, "Once"), (2, "Continuous") })
        {
            await rack.PatchAsync(rack.SystemPath(slot), Boot("Once", "Pxe", "UEFI"), slot);
            Assert.Equal(expected, (await rack.BmcAsync("GET", rack.SystemPath(slot), slot: slot)).Body!["Boot"]!["BootSourceOverrideEnabled"]!.GetValue<string>());
        }

        Assert.Equal(404, (await rack.BmcAsync("POST", "/redfish/v1/SessionService/Sessions", [], slot: 2)).Status);
    }

    [Fact]
    public async Task Injected_faults_strike_as_often_as_they_should()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "idrac9" });
        async Task FaultAsync(JsonObject rule) => Assert.Equal(201, (await rack.ControlAsync("POST", "/faults", rule)).Status);

        await FaultAsync(new JsonObject { ["method"] = "GET", ["path"] = "Systems", ["action"] = "status", ["status"] = 503, ["messageId"] = "SYS518", ["remaining"] = 2 });
        Assert.Equal("IDRAC.2.8.SYS518", (await rack.BmcAsync("GET", rack.SystemPath())).MessageId);
        Assert.Equal(503, (await rack.BmcAsync("GET", rack.SystemPath())).Status);
        Assert.Equal(200, (await rack.BmcAsync("GET", rack.SystemPath())).Status);

        await FaultAsync(new JsonObject { ["path"] = "Reset$", ["action"] = "lying200", ["remaining"] = 1 });
        Assert.Equal(204, (await rack.ResetAsync("On")).Status);
        Assert.Equal("Off", (await rack.MachineAsync())["power"]!.GetValue<string>());

        await FaultAsync(new JsonObject { ["path"] = "Reset$", ["action"] = "drop", ["remaining"] = 1 });
        await Assert.ThrowsAsync<HttpRequestException>(() => rack.ResetAsync("On"));
        Assert.Equal("Off", (await rack.MachineAsync())["power"]!.GetValue<string>());

        await FaultAsync(new JsonObject { ["id"] = "old", ["method"] = "GET", ["path"] = "System.Embedded.1$", ["action"] = "stale" });
        Assert.Equal("Off", (await rack.BmcAsync("GET", rack.SystemPath())).Body!["PowerState"]!.GetValue<string>());

        await FaultAsync(new JsonObject { ["path"] = "Reset$", ["action"] = "dropAfter", ["remaining"] = 1 });
        await Assert.ThrowsAsync<HttpRequestException>(() => rack.ResetAsync("On"));
        Assert.Equal("On", (await rack.MachineAsync())["power"]!.GetValue<string>());
        Assert.Equal("Off", (await rack.BmcAsync("GET", rack.SystemPath())).Body!["PowerState"]!.GetValue<string>());
        await rack.ControlAsync("DELETE", "/faults/old");
        Assert.Equal("On", (await rack.BmcAsync("GET", rack.SystemPath())).Body!["PowerState"]!.GetValue<string>());
    }

    [Fact]
    public async Task Effects_are_counted_per_idempotency_key_only_when_something_changed()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        await rack.ResetAsync("On", key: "op1/power");
        await rack.ResetAsync("On", key: "op1/power");
        await rack.ResetAsync("ForceRestart", key: "op1/restart");
        await rack.ResetAsync("ForceRestart", key: "op1/restart");
        var effects = (await rack.ControlAsync("GET", "/effects")).Body!["byKey"]!;
        Assert.Equal(1, effects["op1/power"]!["power:On"]!.GetValue<int>());
        Assert.Equal(2, effects["op1/restart"]!["power:ForceRestart"]!.GetValue<int>());
    }

    [Fact]
    public async Task Dead_strange_and_locked_BMCs()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "idrac9", Machines = 3 });
        await rack.ControlAsync("PATCH", "/machines/1", new JsonObject { ["scenarios"] = Json.Array(["dead"]) });
        await rack.ControlAsync("PATCH", "/machines/2", new JsonObject { ["scenarios"] = Json.Array(["wrongPassword"]) });
        await rack.ControlAsync("PATCH", "/machines/3", new JsonObject { ["scenarios"] = Json.Array(["sessionLimit"]) });
        await Assert.ThrowsAsync<HttpRequestException>(() => rack.BmcAsync("GET", "/redfish/v1"));
        Assert.Equal(401, (await rack.BmcAsync("GET", rack.SystemPath(2), slot: 2)).Status);
        Assert.Equal(200, (await rack.BmcAsync("GET", "/redfish/v1", slot: 2)).Status);
        var login = new JsonObject { ["UserName"] = rack.Simulated.Ready.UserName, ["Password"] = rack.Simulated.Ready.Password };
        Assert.Equal(503, (await rack.BmcAsync("POST", "/redfish/v1/SessionService/Sessions", login, slot: 3)).Status);
    }

    [Fact]
    public async Task A_replaced_certificate_has_another_fingerprint()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "idrac9" });
        Assert.Equal(rack.Simulated.Ready.BmcFingerprint, await FingerprintAsync(rack));
        await rack.ControlAsync("PATCH", "/machines/1", new JsonObject { ["scenarios"] = Json.Array(["certificateChanged"]) });
        Assert.False(rack.Simulated.Ready.BmcFingerprint == await FingerprintAsync(rack));
    }

    private static async Task<string> FingerprintAsync(Rack rack)
    {
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync("127.0.0.1", rack.Simulated.Ready.BmcPortBase, TestContext.Current.CancellationToken);
        var seen = "";
        await using var tls = new System.Net.Security.SslStream(socket.GetStream(), false, (_, certificate, _, _) =>
        {
            seen = certificate!.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256).ToLowerInvariant();
            return false;
        });
        await Assert.ThrowsAsync<AuthenticationException>(() => tls.AuthenticateAsClientAsync("127.0.0.1"));
        return seen;
    }
}
