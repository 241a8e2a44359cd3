using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.Wire;
using Xunit;

namespace ControlPlane.Tests.Simulators;

/// <summary>The simulated machine walks through a provisioning door exactly as the contract says, and does not when it must not.</summary>
public sealed class SimulatedMachineTests
{
    [Theory]
    [InlineData("generic")]
    [InlineData("idrac9")]
    [InlineData("idrac10")]
    [InlineData("ilo5")]
    [InlineData("ilo6")]
    [InlineData("supermicro")]
    [InlineData("ami")]
    public async Task A_machine_of_every_make_is_wiped_written_and_joined_by_HTTP_boot(string personality)
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = personality });
        var attempt = await rack.OpenAttemptAsync();

        await SetHttpBootAsync(rack, rack.Door.BootFile(attempt));
        Assert.True((await rack.ResetAsync("On")).Status is 200 or 204);
        await Until.TrueAsync(() => Task.FromResult(attempt.Reached("done")), () => Story(rack));
        Assert.Equal(
            ["hello", "inventory", "instructions", "wipe-started", "progress", "wiped", "progress", "written", "progress", "join-credentials", "done"],
            Deduplicated(attempt));

        Assert.True((await rack.ResetAsync("ForceRestart")).Status is 200 or 204);
        await Until.TrueAsync(() => NodeIsReadyAsync(rack, "node-1"), () => Story(rack));
        var machine = await rack.MachineAsync();
        Assert.Equal(["UefiHttp", "Disk"], Texts(machine["bootedFrom"]));
        Assert.Equal((1, 1, 1), (machine["wipes"]!.GetValue<int>(), machine["writes"]!.GetValue<int>(), machine["joins"]!.GetValue<int>()));
        Assert.Equal([rack.Simulated.Machines[0].Disks[0].Serial], Texts(machine["wipedDisks"]));
        Assert.All((machine["destructiveSteps"] as JsonArray)!, step => Assert.Equal(attempt.Id.ToString(), step!["attempt"]!.GetValue<string>()));
        Assert.Contains(rack.Door.Requests, request => request.StartsWith("HEAD boot.efi UefiHttpBoot/1.0", StringComparison.Ordinal));
        var node = (await rack.ClusterAsync("GET", "/api/v1/nodes/node-1")).Body!;
        Assert.Equal("controlplane:///subscriptions/s/machines/m1", node["spec"]!["providerID"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_machine_that_ignores_Once_boots_the_agent_again_and_touches_nothing()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        await rack.ControlAsync("PATCH", "/machines/1", new JsonObject { ["scenarios"] = Json.Array(["ignoresOnce"]) });
        var attempt = await rack.OpenAttemptAsync();
        await SetHttpBootAsync(rack, rack.Door.BootFile(attempt));
        await rack.ResetAsync("On");
        await Until.TrueAsync(() => Task.FromResult(attempt.Reached("done")), () => Story(rack));

        await rack.ResetAsync("ForceRestart");
        await Until.TrueAsync(() => NodeIsReadyAsync(rack, "node-1"), () => Story(rack));
        var machine = await rack.MachineAsync();
        Assert.Equal(["UefiHttp", "UefiHttp", "Disk"], Texts(machine["bootedFrom"]));
        Assert.Equal(1, machine["wipes"]!.GetValue<int>());
        Assert.Equal(2, attempt.Steps.Count(step => step == "hello"));
    }

    [Fact]
    public async Task A_virtual_disc_is_read_in_ranges_and_boots_the_agent()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        var attempt = await rack.OpenAttemptAsync();
        var inserted = await rack.BmcAsync("POST", "/redfish/v1/Managers/1/VirtualMedia/2/Actions/VirtualMedia.InsertMedia",
            new JsonObject { ["Image"] = rack.Door.BootFile(attempt, "boot.iso") });
        Assert.Equal(204, inserted.Status);
        await rack.PatchAsync(rack.SystemPath(), Override("Cd"));
        await rack.ResetAsync("On");
        await Until.TrueAsync(() => Task.FromResult(attempt.Reached("done")), () => Story(rack));
        Assert.Equal(["Cd"], Texts((await rack.MachineAsync())["bootedFrom"]));
        Assert.Contains(rack.Door.Requests, request => request.Contains("bytes=262144-524287", StringComparison.Ordinal));
    }

    [Fact]
    public async Task PXE_firmware_asks_by_its_MAC_address_and_chains_to_the_boot_file()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        await rack.ControlAsync("PATCH", "/settings", new JsonObject { ["pxeServer"] = rack.Door.Address.ToString() });
        var attempt = await rack.OpenAttemptAsync();
        await rack.PatchAsync(rack.SystemPath(), Override("Pxe"));
        await rack.ResetAsync("On");
        await Until.TrueAsync(() => Task.FromResult(attempt.Reached("done")), () => Story(rack));
        Assert.Equal(["Pxe"], Texts((await rack.MachineAsync())["bootedFrom"]));
    }

    [Theory]
    [InlineData("checksumMismatch", "ImageChecksumMismatch")]
    [InlineData("diskFull", "DiskFull")]
    [InlineData("wipeFails", "WipeFailed")]
    public async Task A_failing_agent_says_why_and_leaves_a_disk_that_does_not_boot(string scenario, string code)
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        await rack.ControlAsync("PATCH", "/machines/1", new JsonObject { ["scenarios"] = Json.Array([scenario]) });
        var attempt = await rack.OpenAttemptAsync();
        await SetHttpBootAsync(rack, rack.Door.BootFile(attempt));
        await rack.ResetAsync("On");
        await Until.TrueAsync(() => Task.FromResult(attempt.Failure is not null), () => Story(rack));
        Assert.Equal(code, attempt.Failure.Text("code"));
        Assert.NotEqual(DiskContent.Image, rack.Simulated.Machines[0].Disks[0].Content);
    }

    [Fact]
    public async Task A_machine_that_loses_power_while_it_writes_does_not_boot_and_is_not_wiped_again_with_the_used_permit()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        await rack.ControlAsync("PATCH", "/machines/1", new JsonObject { ["scenarios"] = Json.Array(["silentAgent", "ignoresOnce"]) });
        var attempt = await rack.OpenAttemptAsync();
        await SetHttpBootAsync(rack, rack.Door.BootFile(attempt));
        await rack.ResetAsync("On");
        await Until.TrueAsync(() => Task.FromResult(rack.Simulated.Machines[0].Writes == 1), () => Story(rack));
        await rack.ResetAsync("ForceOff");
        await rack.ControlAsync("PATCH", "/machines/1", new JsonObject { ["disks"] = new JsonObject { [rack.Simulated.Machines[0].Disks[1].Serial] = "Empty" } });
        await rack.ResetAsync("On");
        await Until.TrueAsync(async () => Texts((await rack.MachineAsync())["bootedFrom"]).Length == 3, () => Story(rack));
        Assert.Equal(["UefiHttp", "UefiHttp", "None"], Texts((await rack.MachineAsync())["bootedFrom"]));
        Assert.Equal((1, 1), (rack.Simulated.Machines[0].Wipes, rack.Simulated.Machines[0].Writes));
    }

    [Fact]
    public async Task A_deprovisioned_machine_is_wiped_and_nothing_is_written()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        var order = rack.ProvisionOrder();
        order["action"] = "wipe";
        var attempt = rack.Door.Open(rack.Simulated.Machines[0].Identity, order, []);
        await SetHttpBootAsync(rack, rack.Door.BootFile(attempt));
        await rack.ResetAsync("On");
        await Until.TrueAsync(() => Task.FromResult(attempt.Reached("done")), () => Story(rack));
        Assert.Equal(["hello", "inventory", "instructions", "wipe-started", "progress", "wiped", "done"], Deduplicated(attempt));
        Assert.Equal((DiskContent.Empty, DiskContent.OldSystem), (rack.Simulated.Machines[0].Disks[0].Content, rack.Simulated.Machines[0].Disks[1].Content));
    }

    [Fact]
    public async Task A_node_can_be_cordoned_drained_and_deleted()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        Assert.Equal(201, (await rack.ClusterAsync("POST", "/api/v1/nodes", new JsonObject { ["metadata"] = new JsonObject { ["name"] = "n1" } })).Status);
        var pod = new JsonObject { ["metadata"] = new JsonObject { ["name"] = "web" }, ["spec"] = new JsonObject { ["nodeName"] = "n1" } };
        Assert.Equal(201, (await rack.ClusterAsync("POST", "/api/v1/namespaces/default/pods", pod)).Status);
        var cordoned = await rack.ClusterAsync("PATCH", "/api/v1/nodes/n1", new JsonObject { ["spec"] = new JsonObject { ["unschedulable"] = true } }, contentType: "application/strategic-merge-patch+json");
        Assert.True(cordoned.Body!["spec"]!["unschedulable"]!.GetValue<bool>());
        var pods = (await rack.ClusterAsync("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1")).Body!["items"]!.AsArray();
        Assert.Equal(2, pods.Count);
        Assert.Single(pods, item => item!["metadata"]!["ownerReferences"] is not null);
        Assert.Equal(201, (await rack.ClusterAsync("POST", "/api/v1/namespaces/default/pods/web/eviction", new JsonObject { ["metadata"] = new JsonObject { ["name"] = "web" } })).Status);
        Assert.Equal(200, (await rack.ClusterAsync("DELETE", "/api/v1/nodes/n1")).Status);
        Assert.Empty((await rack.ClusterAsync("GET", "/api/v1/pods")).Body!["items"]!.AsArray());
        var missing = await rack.ClusterAsync("GET", "/api/v1/nodes/n1");
        Assert.Equal((404, "NotFound"), (missing.Status, missing.Body.Text("reason")));
    }

    [Fact]
    public async Task A_foreign_machine_is_turned_away_at_hello_and_destroys_nothing()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        await rack.ControlAsync("PATCH", "/machines/1", new JsonObject { ["scenarios"] = Json.Array(["wrongIdentity"]) });
        var attempt = await rack.OpenAttemptAsync();
        await SetHttpBootAsync(rack, rack.Door.BootFile(attempt));
        await rack.ResetAsync("On");
        await Until.TrueAsync(() => Task.FromResult(rack.Simulated.Journal.Read(path: "/hello").Any(entry => entry.Status == 403)), () => Story(rack));
        Assert.Equal("hello", Assert.Single(attempt.Steps));
        Assert.Equal(DiskContent.OldSystem, rack.Simulated.Machines[0].Disks[0].Content);
    }

    [Fact]
    public async Task A_boot_file_behind_an_unknown_certificate_is_not_run_and_the_old_system_starts()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        await using var stranger = await ProvisioningDoor.StartAsync();
        var attempt = stranger.Open(rack.Simulated.Machines[0].Identity, rack.ProvisionOrder(), []);
        await SetHttpBootAsync(rack, stranger.BootFile(attempt));
        await rack.ResetAsync("On");
        await Until.TrueAsync(async () => Texts((await rack.MachineAsync())["bootedFrom"]).Length > 0, () => Story(rack));
        Assert.Equal(["Disk:OldSystem"], Texts((await rack.MachineAsync())["bootedFrom"]));
        Assert.Empty(attempt.Steps);
    }

    [Fact]
    public async Task A_token_that_expired_or_names_another_node_does_not_join()
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "generic" });
        var expired = await rack.NewBootstrapTokenAsync("expire", TimeProvider.System.GetUtcNow().AddMinutes(-1));
        Assert.Equal(401, (await rack.ClusterAsync("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests", token: expired)).Status);
        var live = await rack.NewBootstrapTokenAsync("lively", TimeProvider.System.GetUtcNow().AddMinutes(5));
        Assert.Equal(200, (await rack.ClusterAsync("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests", token: live)).Status);
        Assert.Equal(403, (await rack.ClusterAsync("GET", "/api/v1/nodes", token: live)).Status);
        Assert.Equal(401, (await rack.ClusterAsync("GET", "/api/v1/nodes", token: "")).Status);
        await rack.ClusterAsync("DELETE", "/api/v1/namespaces/kube-system/secrets/bootstrap-token-lively");
        Assert.Equal(401, (await rack.ClusterAsync("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests", token: live)).Status);
    }

    [Fact]
    public async Task Two_hundred_machines_go_the_whole_way_at_once()
    {
        const int count = 200;
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = "mixed", Machines = count, ImageSize = 65_536 });
        var attempts = new List<Attempt>();
        for (var slot = 1; slot <= count; slot++) attempts.Add(await rack.OpenAttemptAsync(slot));
        await Parallel.ForEachAsync(Enumerable.Range(1, count), TestContext.Current.CancellationToken, async (slot, _) =>
        {
            await SetHttpBootAsync(rack, rack.Door.BootFile(attempts[slot - 1]), slot);
            await rack.ResetAsync("On", slot);
        });
        await Until.TrueAsync(() => Task.FromResult(attempts.TrueForAll(attempt => attempt.Reached("done"))), () => Story(rack));
        await Parallel.ForEachAsync(Enumerable.Range(1, count), TestContext.Current.CancellationToken, async (slot, _) => await rack.ResetAsync("ForceRestart", slot));
        await Until.TrueAsync(() => Task.FromResult(rack.Simulated.Machines.All(machine => machine.Joins == 1)), () => Story(rack));
        Assert.All(rack.Simulated.Machines, machine => Assert.Equal(1, machine.Wipes));
    }

    private static JsonObject Override(string target) => new()
    {
        ["Boot"] = new JsonObject { ["BootSourceOverrideEnabled"] = "Once", ["BootSourceOverrideTarget"] = target, ["BootSourceOverrideMode"] = "UEFI" },
    };

    /// <summary>One-time HTTP boot in the way of the machine's make.</summary>
    private static async Task SetHttpBootAsync(Rack rack, string address, int slot = 1)
    {
        var personality = rack.Simulated.Machines[slot - 1].Personality;
        var boot = Override("UefiHttp");
        switch (personality.Vendor)
        {
            case "Dell":
                var job = await rack.PatchAsync(rack.SystemPath(slot) + "/Bios/Settings", new JsonObject
                {
                    ["@Redfish.SettingsApplyTime"] = new JsonObject { ["ApplyTime"] = "OnReset" },
                    ["Attributes"] = new JsonObject { ["HttpDev1EnDis"] = "Enabled", ["HttpDev1Uri"] = address },
                }, slot);
                Assert.Equal(202, job.Status);
                Assert.NotNull(job.Headers.Location);
                break;
            case "HPE":
                Assert.Equal(200, (await rack.PatchAsync(rack.SystemPath(slot) + "/Bios/Settings", new JsonObject { ["Attributes"] = new JsonObject { ["UrlBootFile"] = address } }, slot)).Status);
                boot["Boot"]!.AsObject().Remove("BootSourceOverrideMode");
                break;
            default:
                boot["Boot"]!["HttpBootUri"] = address;
                break;
        }

        var path = personality.BootSettingsObject ? rack.SystemPath(slot) + "/SD" : rack.SystemPath(slot);
        var answer = await rack.PatchAsync(path, boot, slot);
        Assert.True(answer.Status is 200 or 204, $"{answer.Status} {answer.Body}");
    }

    private static async Task<bool> NodeIsReadyAsync(Rack rack, string name)
    {
        var node = await rack.ClusterAsync("GET", $"/api/v1/nodes/{name}");
        return node.Status == 200 && node.Body!["status"]!["conditions"] is JsonArray conditions
            && conditions.Any(condition => condition!["type"]!.GetValue<string>() == "Ready" && condition["status"]!.GetValue<string>() == "True");
    }

    private static string[] Deduplicated(Attempt attempt)
    {
        var steps = new List<string>();
        foreach (var step in attempt.Steps)
            if (steps.Count == 0 || steps[^1] != step) steps.Add(step);
        return [.. steps];
    }

    private static string[] Texts(JsonNode? list) => [.. (list as JsonArray ?? []).Select(item => item!.GetValue<string>())];

    private static string Story(Rack rack) => string.Join('\n', rack.Simulated.Journal.Read().TakeLast(40).Select(entry => $"{entry.Source} {entry.Machine} {entry.Method} {entry.Path} {entry.Status} {entry.Effect}"));
}
