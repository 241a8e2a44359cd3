using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class BootTests
{
    private static readonly CancellationToken Go = CancellationToken.None;
    private static readonly Uri File = new("https://10.0.0.2/provision/0123/boot.efi");

    [Fact]
    public async Task The_smallest_set_is_sent_first_with_the_tag_that_was_read()
    {
        await using var bmc = ScriptedBmc.Start();
        var outcome = await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        var patch = Assert.Single(bmc.Writes);
        Assert.Equal("\"0\"", patch.Header("If-Match"));
        Assert.Equal(["BootSourceOverrideEnabled", "BootSourceOverrideTarget", "HttpBootUri"], Names(patch));
        Assert.True(outcome is { Stuck: true, IsContinuous: false, PendingJob: null });
        Assert.Equal(File.OriginalString, outcome.ReadBack.HttpBootUri);
    }

    [Fact]
    public async Task A_second_call_writes_nothing()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        await machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);
        var again = await machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        Assert.True(again.Stuck);
        Assert.Single(bmc.Writes);
    }

    [Fact]
    public async Task Once_that_reads_back_Continuous_is_reported_and_not_fought()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("PATCH", ScriptedBmc.SystemPath, call =>
        {
            call.Body!["Boot"]!["BootSourceOverrideEnabled"] = "Continuous";
            return null;
        });
        await machine.BootFromNetworkAsync(BootMethod.Pxe, null, Go);
        var outcome = await machine.BootFromNetworkAsync(BootMethod.Pxe, null, Go);

        Assert.True(outcome is { Stuck: true, IsContinuous: true });
        Assert.Single(bmc.Writes);
    }

    [Fact]
    public async Task A_BMC_that_says_200_and_does_nothing_is_found_out()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("PATCH", ScriptedBmc.SystemPath, _ => Reply.Ok(new JsonObject()));
        var outcome = await machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        Assert.False(outcome.Stuck);
        Assert.Equal([["BootSourceOverrideEnabled", "BootSourceOverrideTarget", "HttpBootUri"], ["BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode", "HttpBootUri"]], bmc.Writes.Select(Names));
        Assert.Equal(RedfishFailure.NotReadBack, Assert.Throws<RedfishException>(outcome.EnsureStuck).Failure);
    }

    [Fact]
    public async Task A_refused_smallest_set_is_followed_by_the_full_one()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("PATCH", ScriptedBmc.SystemPath, call => call.Body!["Boot"]!["BootSourceOverrideMode"] is null ? Reply.Error(HttpStatusCode.BadRequest, "Base.1.12.PropertyMissing") : null);
        var outcome = await machine.BootFromNetworkAsync(BootMethod.Pxe, null, Go);

        Assert.True(outcome.Stuck);
        Assert.Equal(2, bmc.Writes.Count);
    }

    [Fact]
    public async Task An_AMI_gets_the_full_set_at_once_and_in_its_settings_object()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor("AMI", "AMI Redfish Server", "AST2600", "1.0.0");
        bmc[ScriptedBmc.SystemPath]["@Redfish.Settings"] = ScriptedBmc.Json("{'SettingsObject':{'@odata.id':'/redfish/v1/Systems/1/SD'}}");
        bmc["/redfish/v1/Systems/1/SD"] = ScriptedBmc.Json("{'Boot':{'BootSourceOverrideEnabled':'Disabled','BootSourceOverrideTarget':'None','BootSourceOverrideMode':'UEFI'}}");
        var outcome = await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.Pxe, null, Go);

        var patch = Assert.Single(bmc.Writes);
        Assert.Equal(("/redfish/v1/Systems/1/SD", true), (patch.Path, outcome.Stuck));
        Assert.Equal(["BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"], Names(patch));
    }

    [Fact]
    public async Task A_Supermicro_always_gets_Mode_and_Enabled()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor("Supermicro", "", "AST2600", "01.02.03");
        await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.Pxe, null, Go);

        Assert.Equal(["BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"], Names(Assert.Single(bmc.Writes)));
    }

    [Fact]
    public async Task An_HPE_never_gets_Mode_not_even_when_it_shows_Legacy()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor("HPE", "ProLiant DL380 Gen11", "iLO 6", "iLO 6 v1.58");
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideMode"] = "Legacy";
        var outcome = await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.Pxe, null, Go);

        Assert.True(outcome.Stuck);
        Assert.DoesNotContain(Names(Assert.Single(bmc.Writes)), name => name == "BootSourceOverrideMode");
    }

    [Fact]
    public async Task An_HPE_in_POST_is_Busy()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor("HPE", "ProLiant DL380 Gen11", "iLO 6", "iLO 6 v1.58");
        var machine = await bmc.ConnectAsync();
        bmc.On("PATCH", ScriptedBmc.SystemPath, _ => Reply.Error(HttpStatusCode.BadRequest, "iLO.2.21.UnableToModifyDuringSystemPOST"));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.BootFromNetworkAsync(BootMethod.Pxe, null, Go));

        Assert.Equal((RedfishFailure.Busy, "UnableToModifyDuringSystemPOST", TimeSpan.FromSeconds(5)), (fault.Failure, fault.MessageId, fault.RetryAfter));
    }

    [Fact]
    public async Task A_boot_method_that_is_not_offered_is_refused_before_any_write()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideTarget@Redfish.AllowableValues"] = new JsonArray("None", "Pxe", "Hdd");
        var machine = await bmc.ConnectAsync();
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go));

        Assert.Equal(RedfishFailure.Rejected, fault.Failure);
        Assert.Empty(bmc.Writes);
    }

    [Fact]
    public async Task The_way_back_to_the_disk_replaces_a_network_target_that_stayed()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideTarget"] = "UefiHttp";
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideEnabled"] = "Continuous";
        var outcome = await (await bmc.ConnectAsync()).BootFromDiskAsync(Go);

        Assert.Equal((true, "Hdd", "Once"), (outcome.Stuck, outcome.ReadBack.Target, outcome.ReadBack.Enabled));
    }

    [Theory]
    [InlineData("Contoso", "BMC 1", "None")]
    [InlineData("HPE", "iLO 5", "Pxe")]
    public async Task Without_a_disk_target_the_override_is_switched_off_with_the_target_that_the_vendor_wants(string vendor, string bmcModel, string target)
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor(vendor, "", bmcModel, "2.90");
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideTarget@Redfish.AllowableValues"] = new JsonArray("None", "Pxe", "UefiHttp");
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideTarget"] = "UefiHttp";
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideEnabled"] = "Once";
        var outcome = await (await bmc.ConnectAsync()).BootFromDiskAsync(Go);

        Assert.True(outcome.Stuck);
        Assert.Equal(("Disabled", target), (outcome.ReadBack.Enabled, Assert.Single(bmc.Writes).Body!["Boot"]!["BootSourceOverrideTarget"]!.GetValue<string>()));
    }

    internal static string[] Names(Call call) => [.. call.Body!["Boot"]!.AsObject().Select(property => property.Key)];
}
