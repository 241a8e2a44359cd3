using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

/// <summary>UEFI HTTP boot by BIOS attributes: Dell and HPE.</summary>
public sealed class BiosBootTests
{
    private const string Bios = "/redfish/v1/Systems/1/Bios";
    private const string Settings = Bios + "/Settings";
    private const string Job = "/redfish/v1/TaskService/Tasks/JID_471";
    private static readonly CancellationToken Go = CancellationToken.None;
    private static readonly Uri File = new("https://10.0.0.2/provision/0123/boot.efi");

    [Fact]
    public async Task A_Dell_gets_the_address_as_a_BIOS_job_and_no_HttpBootUri()
    {
        await using var bmc = Dell();
        var outcome = await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        Assert.Equal((true, Job), (outcome.Stuck, outcome.PendingJob?.AbsolutePath));
        var patch = Assert.Single(bmc.CallsTo("PATCH", Settings)).Body!;
        Assert.Equal("OnReset", patch["@Redfish.SettingsApplyTime"]!["ApplyTime"]!.GetValue<string>());
        Assert.Equal((File.OriginalString, "Enabled", "OneWay"), (Attribute(patch, "HttpDev1Uri"), Attribute(patch, "HttpDev1EnDis"), Attribute(patch, "HttpDev1TlsMode")));
        Assert.DoesNotContain(BootTests.Names(Assert.Single(bmc.CallsTo("PATCH", ScriptedBmc.SystemPath))), name => name == "HttpBootUri");
    }

    [Fact]
    public async Task Plain_HTTP_needs_the_TLS_mode_None_on_a_Dell()
    {
        await using var bmc = Dell();
        await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.UefiHttp, new Uri("http://10.0.0.2/boot.efi"), Go);

        Assert.Equal("None", Attribute(bmc.CallsTo("PATCH", Settings)[0].Body!, "HttpDev1TlsMode"));
    }

    [Fact]
    public async Task A_job_that_waits_already_is_found_again_and_not_made_twice()
    {
        await using var bmc = Dell();
        var machine = await bmc.ConnectAsync();
        await machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);
        bmc["/redfish/v1/TaskService"] = ScriptedBmc.Json("{'Tasks':{'@odata.id':'/redfish/v1/TaskService/Tasks'}}");
        bmc["/redfish/v1/TaskService/Tasks"] = ScriptedBmc.Collection("/redfish/v1/TaskService/Tasks/JID_1", Job);
        bmc["/redfish/v1/TaskService/Tasks/JID_1"] = ScriptedBmc.Json("{'Name':'BIOS Configuration','TaskState':'Completed'}");
        bmc[Job] = ScriptedBmc.Json("{'Name':'Configure: BIOS.Setup.1-1','TaskState':'Pending'}");
        var outcome = await machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        Assert.Equal((true, Job), (outcome.Stuck, outcome.PendingJob?.AbsolutePath));
        Assert.Single(bmc.CallsTo("PATCH", Settings));
    }

    [Fact]
    public async Task A_waiting_job_of_an_earlier_attempt_is_deleted_before_other_values_are_written()
    {
        const string delete = "/redfish/v1/Managers/1/Oem/Dell/DellJobService/Actions/DellJobService.DeleteJobQueue";
        await using var bmc = Dell();
        bmc["/redfish/v1/TaskService"] = ScriptedBmc.Json("{'Tasks':{'@odata.id':'/redfish/v1/TaskService/Tasks'}}");
        bmc["/redfish/v1/TaskService/Tasks"] = ScriptedBmc.Collection(Job);
        bmc[Job] = ScriptedBmc.Json("{'Name':'Configure: BIOS.Setup.1-1','TaskState':'Scheduled'}");
        bmc.On("PATCH", Settings, call => bmc.CallsTo("POST", delete).Count == 0 ? Reply.Error(HttpStatusCode.BadRequest, "IDRAC.2.8.RAC0013") : Stage(bmc, call));
        bmc.On("POST", delete, _ => Reply.Ok(new JsonObject()));

        Assert.True((await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.UefiHttp, File, Go)).Stuck);
        Assert.Equal("JID_471", Assert.Single(bmc.CallsTo("POST", delete)).Body!["JobID"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_override_goes_to_the_disk_even_while_a_job_that_cannot_be_deleted_waits()
    {
        await using var bmc = Dell();
        bmc[Bios]["Attributes"]!["HttpDev1EnDis"] = "Enabled";
        bmc.On("PATCH", Settings, _ => Reply.Error(HttpStatusCode.BadRequest, "IDRAC.2.8.RAC0013"));
        var outcome = await (await bmc.ConnectAsync()).BootFromDiskAsync(Go);

        Assert.Equal((false, "Hdd"), (outcome.Stuck, outcome.ReadBack.Target));
        Assert.NotNull(outcome.Problem);
    }

    [Fact]
    public async Task Attributes_that_hold_already_need_no_job()
    {
        await using var bmc = Dell();
        bmc[Bios]["Attributes"] = ScriptedBmc.Json($"{{'HttpDev1EnDis':'Enabled','HttpDev1Uri':'{File}','HttpDev1TlsMode':'OneWay'}}");
        var outcome = await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        Assert.True(outcome is { Stuck: true, PendingJob: null });
        Assert.Empty(bmc.CallsTo("PATCH", Settings));
    }

    [Fact]
    public async Task Children_that_are_read_only_until_the_device_is_enabled_come_second()
    {
        await using var bmc = Dell();
        bmc.On("PATCH", Settings, call => bmc[Settings]["Attributes"]!["HttpDev1EnDis"] is null && call.Body!["Attributes"]!.AsObject().Count > 1
            ? Reply.Error(HttpStatusCode.BadRequest, "IDRAC.2.8.SYS410")
            : Stage(bmc, call));
        var outcome = await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        Assert.True(outcome.Stuck);
        Assert.Equal([3, 1, 3], bmc.CallsTo("PATCH", Settings).Select(call => call.Body!["Attributes"]!.AsObject().Count));
    }

    [Fact]
    public async Task A_BIOS_that_accepts_and_forgets_is_found_out()
    {
        await using var bmc = Dell();
        bmc.On("PATCH", Settings, _ => Reply.Ok(new JsonObject()));
        var outcome = await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        Assert.False(outcome.Stuck);
        Assert.Contains("HttpDev1Uri", outcome.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_old_BIOS_without_the_attribute_is_refused()
    {
        await using var bmc = Dell();
        bmc[Bios]["Attributes"] = new JsonObject();
        var machine = await bmc.ConnectAsync();

        Assert.Equal(RedfishFailure.Rejected, (await Assert.ThrowsAsync<RedfishException>(() => machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go))).Failure);
    }

    [Fact]
    public async Task An_iDRAC_that_is_not_ready_is_Busy_and_was_asked_again_first()
    {
        await using var bmc = Dell();
        bmc.On("PATCH", Settings, _ => Reply.Error(HttpStatusCode.ServiceUnavailable, "IDRAC.2.8.SYS518"));
        var machine = await bmc.ConnectAsync();
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go));

        Assert.Equal((RedfishFailure.Busy, "SYS518"), (fault.Failure, fault.MessageId));
        Assert.Equal(3, bmc.CallsTo("PATCH", Settings).Count);
    }

    [Fact]
    public async Task The_way_back_to_the_disk_switches_the_HTTP_device_off_only_if_it_is_on()
    {
        await using var bmc = Dell();
        var machine = await bmc.ConnectAsync();
        await machine.BootFromDiskAsync(Go);
        Assert.Empty(bmc.CallsTo("PATCH", Settings));

        bmc[Bios]["Attributes"]!["HttpDev1EnDis"] = "Enabled";
        var outcome = await machine.BootFromDiskAsync(Go);
        Assert.Equal((true, Job, "Disabled"), (outcome.Stuck, outcome.PendingJob?.AbsolutePath, Attribute(Assert.Single(bmc.CallsTo("PATCH", Settings)).Body!, "HttpDev1EnDis")));
    }

    [Fact]
    public async Task An_HPE_gets_UrlBootFile_and_gives_it_back()
    {
        await using var bmc = Hpe();
        var machine = await bmc.ConnectAsync();
        var outcome = await machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);
        Assert.True(outcome is { Stuck: true, PendingJob: null });
        Assert.Equal((File.OriginalString, "Auto"), (Attribute(bmc[Settings], "UrlBootFile"), Attribute(bmc[Settings], "PreBootNetwork")));

        Assert.True((await machine.BootFromDiskAsync(Go)).Stuck);
        Assert.Equal("", Attribute(bmc[Settings], "UrlBootFile"));
    }

    [Fact]
    public async Task An_HPE_without_the_override_boots_by_the_attribute_alone()
    {
        await using var bmc = Hpe();
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideTarget@Redfish.AllowableValues"] = new JsonArray("None", "Pxe", "Cd", "Hdd");
        var outcome = await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);

        Assert.True(outcome.Stuck);
        Assert.Empty(bmc.CallsTo("PATCH", ScriptedBmc.SystemPath));
    }

    private static ScriptedBmc Dell()
    {
        var bmc = WithBios("{'HttpDev1EnDis':'Disabled','HttpDev1Uri':'','HttpDev1TlsMode':'OneWay'}", "{}");
        bmc.Vendor("Dell", "Integrated Dell Remote Access Controller", "16G Monolithic", "7.00.60.00");
        return bmc.On("PATCH", Settings, call => Stage(bmc, call));
    }

    private static ScriptedBmc Hpe()
    {
        var bmc = WithBios("{'UrlBootFile':'','PreBootNetwork':'EmbNic'}", "{'UrlBootFile':'','PreBootNetwork':'EmbNic'}");
        bmc.Vendor("HPE", "ProLiant DL380 Gen11", "iLO 6", "iLO 6 v1.58");
        return bmc;
    }

    private static ScriptedBmc WithBios(string current, string pending)
    {
        var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["Bios"] = new JsonObject { ["@odata.id"] = Bios };
        bmc[Bios] = new JsonObject { ["Attributes"] = ScriptedBmc.Json(current), ["@Redfish.Settings"] = ScriptedBmc.Json($"{{'SettingsObject':{{'@odata.id':'{Settings}'}}}}") };
        bmc[Settings] = new JsonObject { ["Attributes"] = ScriptedBmc.Json(pending) };
        return bmc;
    }

    private static Reply Stage(ScriptedBmc bmc, Call call)
    {
        foreach (var (name, value) in call.Body!["Attributes"]!.AsObject()) bmc[Settings]["Attributes"]![name] = value?.DeepClone();
        return new Reply(HttpStatusCode.Accepted).With("Location", Job);
    }

    private static string? Attribute(JsonObject body, string name) => body["Attributes"]?[name]?.GetValue<string>();
}
