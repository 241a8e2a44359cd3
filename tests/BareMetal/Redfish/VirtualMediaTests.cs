using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class VirtualMediaTests
{
    private const string Slots = "/redfish/v1/Systems/1/VirtualMedia";
    private static readonly CancellationToken Go = CancellationToken.None;
    private static readonly Uri Image = new("https://10.0.0.2/provision/0123/boot.iso");

    [Fact]
    public async Task The_slot_that_takes_CDs_gets_the_image_and_only_its_address()
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "USBStick");
        Slot(bmc, "2", "CD", "DVD");
        var outcome = await InsertAsync(bmc);

        Assert.True(outcome.Stuck);
        Assert.Equal("Cd", outcome.ReadBack.Target);
        Assert.Equal($$"""{"Image":"{{Image}}"}""", Assert.Single(bmc.CallsTo("POST", Insert("2"))).Body!.ToJsonString());
    }

    [Fact]
    public async Task The_same_image_again_writes_nothing()
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "CD");
        await InsertAsync(bmc);
        var before = bmc.Writes.Count;
        await InsertAsync(bmc);

        Assert.Equal(before, bmc.Writes.Count);
    }

    [Fact]
    public async Task Another_image_is_ejected_from_every_slot_first_with_an_empty_JSON_body()
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "CD")["Image"] = "https://10.0.0.2/provision/old/boot.iso";
        bmc[$"{Slots}/1"]["Inserted"] = true;
        Slot(bmc, "2", "DVD")["Image"] = "https://elsewhere/other.iso";
        bmc[$"{Slots}/2"]["Inserted"] = true;
        Assert.True((await InsertAsync(bmc)).Stuck);

        Assert.All([.. bmc.CallsTo("POST", Eject("1")), .. bmc.CallsTo("POST", Eject("2"))], call => Assert.Equal("{}", call.Body!.ToJsonString()));
        Assert.Single(bmc.CallsTo("POST", Eject("1")));
        Assert.Single(bmc.CallsTo("POST", Eject("2")));
    }

    [Fact]
    public async Task Missing_parameters_are_added_one_after_the_other()
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "CD");
        bmc.On("POST", Insert("1"), call => call.Body!.Count < 5 ? Reply.Error(HttpStatusCode.BadRequest, "Base.1.12.ActionParameterMissing") : Show(bmc, "1"));
        Assert.True((await InsertAsync(bmc)).Stuck);

        Assert.Equal(
            ["Image", "Image,TransferProtocolType", "Image,TransferProtocolType,TransferMethod", "Image,TransferProtocolType,TransferMethod,UserName,Password"],
            bmc.CallsTo("POST", Insert("1")).Select(call => string.Join(',', call.Body!.Select(property => property.Key))).ToArray());
    }

    [Theory]
    [InlineData(HttpStatusCode.MethodNotAllowed)]
    [InlineData(HttpStatusCode.BadRequest)]
    public async Task A_slot_that_refuses_is_followed_by_the_next(HttpStatusCode status)
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "CD");
        Slot(bmc, "2", "CD");
        bmc.On("POST", Insert("1"), _ => new Reply(status));

        Assert.True((await InsertAsync(bmc)).Stuck);
        Assert.Single(bmc.CallsTo("POST", Insert("2")));
    }

    [Fact]
    public async Task A_BMC_without_actions_is_written_to()
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "CD").Remove("Actions");
        Assert.True((await InsertAsync(bmc)).Stuck);

        var patch = Assert.Single(bmc.CallsTo("PATCH", $"{Slots}/1"));
        Assert.Equal("\"0\"", patch.Header("If-Match"));
        Assert.Equal($$"""{"Image":"{{Image}}","Inserted":true,"WriteProtected":true}""", patch.Body!.ToJsonString());
    }

    [Fact]
    public async Task Media_under_the_manager_is_found_too()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath].Remove("VirtualMedia");
        bmc[ScriptedBmc.ManagerPath]["VirtualMedia"] = new JsonObject { ["@odata.id"] = Slots };
        Slot(bmc, "1", "CD");

        Assert.True((await InsertAsync(bmc)).Stuck);
    }

    [Fact]
    public async Task An_iDRAC_10_is_asked_for_slot_1_only()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor("Dell", "Integrated Dell Remote Access Controller", "17G Monolithic", "1.20.50.50");
        Slot(bmc, "2", "CD");
        Slot(bmc, "1", "CD");
        Assert.True((await InsertAsync(bmc)).Stuck);

        Assert.Single(bmc.CallsTo("POST", Insert("1")));
        Assert.Empty(bmc.CallsTo("GET", $"{Slots}/2"));
    }

    [Fact]
    public async Task A_Supermicro_that_knows_UsbCd_boots_from_that()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["Boot"]!["BootSourceOverrideTarget@Redfish.AllowableValues"] = new JsonArray("None", "Pxe", "UsbCd", "Hdd");
        Slot(bmc, "1", "CD");

        Assert.Equal("UsbCd", (await InsertAsync(bmc)).ReadBack.Target);
    }

    [Fact]
    public async Task An_old_iDRAC_9_chooses_the_virtual_CD_by_an_attribute_of_the_manager()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor("Dell", "Integrated Dell Remote Access Controller", "14G Monolithic", "4.22.00.00");
        bmc[$"{ScriptedBmc.ManagerPath}/Attributes"] = ScriptedBmc.Json("{'Attributes':{'ServerBoot.1.FirstBootDevice':'Normal','ServerBoot.1.BootOnce':'Disabled'}}");
        Slot(bmc, "1", "CD");
        var outcome = await InsertAsync(bmc);

        Assert.True(outcome.Stuck);
        Assert.Equal("VCD-DVD", bmc[$"{ScriptedBmc.ManagerPath}/Attributes"]["Attributes"]!["ServerBoot.1.FirstBootDevice"]!.GetValue<string>());
        Assert.Empty(bmc.CallsTo("PATCH", ScriptedBmc.SystemPath));
    }

    [Fact]
    public async Task An_eject_error_is_a_success_when_the_slot_is_empty()
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "CD")["Inserted"] = true;
        bmc.On("POST", Eject("1"), _ =>
        {
            bmc[$"{Slots}/1"]["Inserted"] = false;
            return new Reply(HttpStatusCode.BadRequest);
        });

        Assert.True((await (await bmc.ConnectAsync()).BootFromDiskAsync(Go)).Stuck);
    }

    [Fact]
    public async Task An_eject_that_a_Dell_stumbles_over_is_tried_again()
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "CD")["Inserted"] = true;
        var tries = 0;
        bmc.On("POST", Eject("1"), _ => ++tries < 3 ? new Reply(HttpStatusCode.InternalServerError) : Empty(bmc, "1"));

        Assert.True((await (await bmc.ConnectAsync()).BootFromDiskAsync(Go)).Stuck);
        Assert.Equal(3, tries);
    }

    [Fact]
    public async Task An_image_that_is_accepted_and_not_shown_is_found_out()
    {
        await using var bmc = ScriptedBmc.Start();
        Slot(bmc, "1", "CD");
        bmc.On("POST", Insert("1"), _ => new Reply(HttpStatusCode.NoContent));

        Assert.False((await InsertAsync(bmc)).Stuck);
    }

    private static async Task<BootOutcome> InsertAsync(ScriptedBmc bmc) =>
        await (await bmc.ConnectAsync()).BootFromNetworkAsync(BootMethod.VirtualMedia, Image, Go);

    private static string Insert(string id) => $"{Slots}/{id}/Actions/VirtualMedia.InsertMedia";

    private static string Eject(string id) => $"{Slots}/{id}/Actions/VirtualMedia.EjectMedia";

    private static JsonObject Slot(ScriptedBmc bmc, string id, params string[] types)
    {
        var slot = ScriptedBmc.Json($"{{'Id':'{id}','Inserted':false,'Image':null,'Actions':{{'#VirtualMedia.InsertMedia':{{'target':'{Insert(id)}'}},'#VirtualMedia.EjectMedia':{{'target':'{Eject(id)}'}}}}}}");
        slot["MediaTypes"] = new JsonArray([.. types.Select(type => (JsonNode)type)]);
        bmc[$"{Slots}/{id}"] = slot;
        string[] known = bmc.Has(Slots) ? [.. bmc[Slots]["Members"]!.AsArray().Select(member => member!["@odata.id"]!.GetValue<string>())] : [];
        bmc[Slots] = ScriptedBmc.Collection([.. known, $"{Slots}/{id}"]);
        bmc.On("POST", Insert(id), _ => Show(bmc, id)).On("POST", Eject(id), _ => Empty(bmc, id));
        return slot;
    }

    private static Reply Show(ScriptedBmc bmc, string id)
    {
        (bmc[$"{Slots}/{id}"]["Image"], bmc[$"{Slots}/{id}"]["Inserted"]) = (Image.OriginalString, true);
        return new(HttpStatusCode.NoContent);
    }

    private static Reply Empty(ScriptedBmc bmc, string id)
    {
        (bmc[$"{Slots}/{id}"]["Image"], bmc[$"{Slots}/{id}"]["Inserted"]) = (null, false);
        return new(HttpStatusCode.NoContent);
    }
}
