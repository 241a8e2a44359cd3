using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>What goes wrong on the way, each with a code of its own, and the way out.</summary>
[Collection(BareMetalFaultSuite.Name)]
public sealed class FaultTests(ImpatientWorld world)
{
    /// <summary>What is wrong with a machine, and the code that says so.</summary>
    private static readonly (Scenario Scenario, string Code)[] Faults =
    [
        (Scenario.NeverBoots, "AgentTimeout"), (Scenario.SilentAgent, "AgentLost"), (Scenario.NeverJoins, "JoinTimeout"), (Scenario.ChecksumMismatch, "ImageChecksumMismatch"),
        (Scenario.DiskFull, "DiskFull"), (Scenario.WipeFails, "WipeFailed"), (Scenario.WrongIdentity, "MachineIdentityMismatch"), (Scenario.WrongPassword, "BmcCredentialsRejected"),
        (Scenario.Dead, "BmcUnreachable"), (Scenario.None, ""), (Scenario.None, ""),
    ];

    [Fact]
    public async Task A_rack_says_precisely_what_failed_puts_the_others_in_service_and_comes_right_after_repair()
    {
        var places = await world.TakeAsync(Faults.Length);
        foreach (var (place, fault) in places.Zip(Faults))
            place.Suffers(fault.Scenario);
        var accepted = await world.Arm.PutAsync(BareMetalWorld.RackPath("mixed"), RackBody(places));
        var ended = await world.FinishAsync(accepted);

        Assert.Equal("RackPartiallyFailed", ended.ErrorCode);
        var details = ended.Json.GetProperty("error").GetProperty("details").EnumerateArray().ToDictionary(detail => detail.GetProperty("target").GetString()!, detail => detail.GetProperty("code").GetString()!, StringComparer.OrdinalIgnoreCase);
        for (var slot = 1; slot <= places.Count; slot++)
        {
            var id = BareMetalWorld.MachinePath($"mixed-{slot:00}");
            Assert.True(Faults[slot - 1].Code == details.GetValueOrDefault(id, ""), $"{Faults[slot - 1].Scenario}: {ended}");
            var machine = await world.PropertiesAsync(id);
            Assert.Equal(Faults[slot - 1].Code.Length == 0 ? "Provisioned" : "Error", machine.GetProperty("detailedStatus").GetString());
        }

        var rack = await world.PropertiesAsync(BareMetalWorld.RackPath("mixed"));
        Assert.Equal((11, 2, 0, 9), (Count(rack, "machines"), Count(rack, "provisioned"), Count(rack, "inProgress"), Count(rack, "failed")));
        Assert.Equal(1, places[7].Journal.Count(entry => entry is { Method: "POST", Status: 401 }));
        AssertBootedByEveryMethod(places[0], await world.PropertiesAsync(BareMetalWorld.MachinePath("mixed-01")));

        foreach (var place in places)
            place.Suffers(Scenario.None);
        var goodBefore = places[^1].DestructiveSteps.Count;
        Assert.Equal("Succeeded", (await world.ActAsync(BareMetalWorld.MachinePath("mixed-04"), "retry")).OperationStatus);
        var retried = await world.ActAsync(BareMetalWorld.RackPath("mixed"), "retry");
        Assert.True(retried.OperationStatus == "Succeeded", retried.ToString());
        Assert.Equal(goodBefore, places[^1].DestructiveSteps.Count);
        rack = await world.PropertiesAsync(BareMetalWorld.RackPath("mixed"));
        Assert.Equal(11, Count(rack, "provisioned"));
    }

    [Fact]
    public async Task A_changed_certificate_gets_no_credential()
    {
        var place = (await world.TakeAsync()).Suffers(Scenario.CertificateChanged);
        var ended = await world.PutMachineAsync("pinned", place.Body(properties => properties["bmc"]!["tls"] = new JsonObject { ["mode"] = "Pinned", ["sha256Fingerprint"] = place.Rack.Ready.BmcFingerprint }));
        Assert.Equal("BmcCertificateChanged", ended.ErrorCode);
        Assert.Empty(place.Journal);
    }

    [Fact]
    public async Task A_certificate_of_an_unknown_authority_gets_no_credential()
    {
        var place = await world.TakeAsync();
        var ended = await world.PutMachineAsync("untrusted", place.Body(properties => properties["bmc"]!["tls"] = new JsonObject { ["mode"] = "CaBundle", ["caBundle"] = place.Rack.Ready.Cluster.CaPem }));
        Assert.Equal("BmcCertificateUntrusted", ended.ErrorCode);
        Assert.Empty(place.Journal);
    }

    [Fact]
    public async Task A_bmc_outside_the_management_networks_is_not_talked_to()
    {
        var place = await world.TakeAsync();
        var ended = await world.PutMachineAsync("outside", place.Body(properties => properties["bmc"]!["endpoint"] = "https://192.0.2.7"));
        Assert.Equal("BmcAddressNotAllowed", ended.ErrorCode);
    }

    [Fact]
    public async Task The_right_password_makes_a_rejected_machine_good()
    {
        var place = await world.TakeAsync();
        var ended = await world.PutMachineAsync("mistyped", place.Body(properties => properties["bmc"]!["credentials"]!["password"] = "mistyped"));
        Assert.Equal("BmcCredentialsRejected", ended.ErrorCode);
        Assert.Equal(1, place.Journal.Count(entry => entry is { Method: "POST", Status: 401 }));
        Assert.DoesNotContain("mistyped-password", ended.Text, StringComparison.Ordinal);
        Assert.Equal("Succeeded", (await world.PutMachineAsync("mistyped", place.Body())).OperationStatus);
    }

    [Fact]
    public async Task A_node_name_that_is_taken_fails_before_anything_is_written()
    {
        var place = await world.TakeAsync();
        await place.ClusterAsync(HttpMethod.Post, "/api/v1/nodes", new() { ["metadata"] = new JsonObject { ["name"] = "somebody" }, ["spec"] = new JsonObject { ["providerID"] = "other://machine" } });
        var ended = await world.PutMachineAsync("late-comer", place.Body(properties => properties["kubernetesNodeName"] = "somebody"));
        Assert.Equal("NodeNameTaken", ended.ErrorCode);
        Assert.Empty(place.DestructiveSteps);
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("late-comer"))).OperationStatus);
        Assert.NotNull(await place.NodeAsync("somebody"));
    }

    [Fact]
    public async Task A_machine_that_joins_too_late_is_not_mistaken_for_its_next_life()
    {
        var place = (await world.TakeAsync()).Suffers(Scenario.NeverJoins);
        Assert.Equal("JoinTimeout", (await world.PutMachineAsync("belated", place.Body())).ErrorCode);
        place.Suffers(Scenario.None);
        MachinePower.Reset(place.Machine, "ForceRestart");
        await Eventually.Async(async () => await place.NodeAsync("belated") is not null, "the late machine has joined");
        place.Suffers(Scenario.NeverJoins);
        Assert.Equal("JoinTimeout", (await world.ActAsync(BareMetalWorld.MachinePath("belated"), "retry")).ErrorCode);
        place.Suffers(Scenario.None);
        Assert.Equal("Succeeded", (await world.ActAsync(BareMetalWorld.MachinePath("belated"), "retry")).OperationStatus);
    }

    [Fact]
    public async Task Deleting_a_machine_that_joined_too_late_takes_its_node_away()
    {
        var place = (await world.TakeAsync()).Suffers(Scenario.NeverJoins);
        Assert.Equal("JoinTimeout", (await world.PutMachineAsync("unwanted", place.Body())).ErrorCode);
        place.Suffers(Scenario.None);
        MachinePower.Reset(place.Machine, "ForceRestart");
        await Eventually.Async(async () => await place.NodeAsync("unwanted") is not null, "the late machine has joined");
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("unwanted"))).OperationStatus);
        Assert.Null(await place.NodeAsync("unwanted"));
        Assert.Equal(DiskContent.Empty, place.ContentOf(place.RootSerial));
    }

    [Fact]
    public async Task A_failure_after_the_wipe_still_shows_what_was_wiped()
    {
        var place = (await world.TakeAsync()).Suffers(Scenario.ChecksumMismatch);
        var ended = await world.PutMachineAsync("half-way", place.Body());
        Assert.Equal("ImageChecksumMismatch", ended.ErrorCode);
        Assert.Contains("attempt", ended.Json.GetProperty("error").GetProperty("additionalInfo").ToString(), StringComparison.Ordinal);
        var machine = await world.PropertiesAsync(BareMetalWorld.MachinePath("half-way"));
        Assert.Equal(2, machine.GetProperty("wipedDisks").GetArrayLength());
        Assert.StartsWith("ImageChecksumMismatch", machine.GetProperty("detailedStatusMessage").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_that_is_away_for_a_while_costs_no_machine()
    {
        var place = await world.TakeAsync();
        place.Rack.Faults.Add(new() { Id = "rolling", Source = "cluster", Method = "POST", Path = "secrets$", Action = FaultAction.Status, Status = 503, Remaining = 6 });
        await world.ProvisionAsync("patient", place);
        Assert.Equal(2, place.DestructiveSteps.Count(step => step.Kind == "wipe"));
    }

    [Fact]
    public async Task The_address_of_an_earlier_attempt_opens_nothing()
    {
        var agent = await DoorAgent.KnockAsync(world, "second-try");
        await Eventually.Async(() => agent.Place.BootToken is { } token && token != agent.Token, "the machine is tried again");
        Assert.Equal(404, (await DoorAgent.SendAsync(world, agent.Token, HttpMethod.Get, "boot.efi")).Status);
        Assert.Equal(404, (await agent.PostAsync("hello", new() { ["mac"] = agent.Place.Machine.Identity.Mac })).Status);
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("second-try"))).OperationStatus);
    }

    [Fact]
    public async Task An_agent_that_comes_back_from_a_silence_goes_on()
    {
        var agent = await DoorAgent.KnockAsync(world, "speechless");
        await agent.StartWipeAsync();
        await Eventually.Async(() => world.PropertiesAsync(BareMetalWorld.MachinePath("speechless")), machine => machine.GetProperty("actionStates")[0].GetRawText().Contains("silent", StringComparison.Ordinal), "the silence is noticed");
        Assert.Equal(204, (await agent.PostAsync("progress", new() { ["seq"] = 1, ["phase"] = "wiping", ["percent"] = 50, ["message"] = "back again" })).Status);
        await Eventually.Async(() => world.PropertiesAsync(BareMetalWorld.MachinePath("speechless")), machine => machine.GetProperty("actionStates")[0].GetRawText().Contains("back again", StringComparison.Ordinal), "the agent is heard");
        Assert.Equal("AgentLost", (await world.FinishAsync(agent.Accepted)).ErrorCode);
    }

    [Fact]
    public async Task A_node_that_cannot_be_drained_stays_a_node()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("stubborn", place);
        await place.RunPodAsync("stubborn", "stays");
        place.Rack.Faults.Add(new() { Id = "budget", Source = "cluster", Method = "POST", Path = "pods/stays/eviction$", Action = FaultAction.Status, Status = 429 });
        var ended = await world.DeleteAsync(BareMetalWorld.MachinePath("stubborn"));
        Assert.Equal("DrainTimeout", ended.ErrorCode);
        var machine = await world.PropertiesAsync(BareMetalWorld.MachinePath("stubborn"));
        Assert.Equal(("Provisioned", "Failed", "Cordoned"), (machine.GetProperty("detailedStatus").GetString(), machine.GetProperty("provisioningState").GetString(), machine.GetProperty("cordonStatus").GetString()));
        Assert.Equal("DeletionUnfinished", (await world.Arm.PostAsync($"{BareMetalWorld.MachinePath("stubborn")}/retry")).ErrorCode);
        place.Rack.Faults.Remove("budget");
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("stubborn"))).OperationStatus);
    }

    [Fact]
    public async Task Dead_hardware_can_only_be_deleted_by_force()
    {
        var place = await world.TakeAsync();
        await world.ProvisionAsync("burnt", place);
        place.Rack.Faults.Add(new() { Id = "burnt", Machines = [place.Slot], Action = FaultAction.Drop });
        Assert.Equal("BmcUnreachable", (await world.DeleteAsync(BareMetalWorld.MachinePath("burnt"))).ErrorCode);
        Assert.Equal("Error", (await world.PropertiesAsync(BareMetalWorld.MachinePath("burnt"))).GetProperty("detailedStatus").GetString());
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("burnt"), "?forceDeletion=true")).OperationStatus);
        Assert.Equal(404, (await world.Arm.GetAsync(BareMetalWorld.MachinePath("burnt"))).Status);
    }

    private static void AssertBootedByEveryMethod(Place place, System.Text.Json.JsonElement machine)
    {
        Assert.Equal(4, machine.GetProperty("attempt").GetProperty("number").GetInt32());
        Assert.Empty(place.DestructiveSteps);
    }

    private static JsonObject RackBody(IReadOnlyList<Place> places) => Place.Envelope(new()
    {
        ["slots"] = new JsonObject { ["first"] = 1, ["last"] = places.Count },
        ["bmcEndpoint"] = $"https://127.0.0.1:{{slot+{places[0].Machine.Port - 1}}}",
        ["machine"] = places[0].Template(),
    });

    private static int Count(System.Text.Json.JsonElement rack, string name) => rack.GetProperty("summary").GetProperty(name).GetInt32();
}
