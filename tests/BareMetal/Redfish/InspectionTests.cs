using System.Text.Json.Nodes;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class InspectionTests
{
    private static readonly CancellationToken Go = CancellationToken.None;

    [Fact]
    public async Task The_whole_inventory_is_read_with_GETs_alone()
    {
        await using var bmc = ScriptedBmc.Start();
        Collection(bmc, "Processors", "{'Socket':'CPU.1','ProcessorType':'CPU','TotalCores':32,'TotalThreads':64,'Model':'Xeon','InstructionSet':'x86-64'}", "{'Name':'GPU.1','ProcessorType':'GPU','Model':'H100','MemorySummary':{'TotalMemorySizeMiB':81920}}");
        Collection(bmc, "EthernetInterfaces", "{'Id':'NIC.1','MACAddress':'02:C0:FF:00:00:01','SpeedMbps':25000,'LinkStatus':'LinkUp'}");
        Collection(bmc, "Storage", "{'Drives':[{'@odata.id':'/redfish/v1/Systems/1/Storage/1/Drives/0'}]}");
        bmc["/redfish/v1/Systems/1/Storage/1/Drives/0"] = ScriptedBmc.Json("{'Name':'Disk 0','SerialNumber':' S6XNNE0T100001 ','CapacityBytes':1920383410176,'MediaType':'SSD','Protocol':'NVMe','Model':'PM9A3','Identifiers':[{'DurableNameFormat':'EUI','DurableName':'eui.36'}]}");
        bmc[ScriptedBmc.ManagerPath]["EthernetInterfaces"] = new JsonObject { ["@odata.id"] = "/redfish/v1/Managers/1/EthernetInterfaces" };
        bmc["/redfish/v1/Managers/1/EthernetInterfaces"] = ScriptedBmc.Collection("/redfish/v1/Managers/1/EthernetInterfaces/1");
        bmc["/redfish/v1/Managers/1/EthernetInterfaces/1"] = ScriptedBmc.Json("{'PermanentMACAddress':'02-C0-FF-AA-00-01'}");
        bmc[ScriptedBmc.SystemPath]["BiosVersion"] = "1.2.3";
        var found = await (await bmc.ConnectAsync()).InspectAsync(Go);

        Assert.Equal(("Contoso", "Server 1", "CZ3D0001", "1.2.3", "BMC 1", "1.0.0"), (found.Manufacturer, found.Model, found.SerialNumber, found.BiosVersion, found.BmcModel, found.BmcFirmwareVersion));
        Assert.Equal(("02:c0:ff:aa:00:01", 64), (found.BmcMacAddress, found.MemoryGiB));
        Assert.Equal((32, 64, "Xeon"), (found.Processors[0].TotalCores, found.Processors[0].TotalThreads, found.Processors[0].Model));
        Assert.Equal(("H100", 80), (found.Gpus[0].Model, found.Gpus[0].MemoryGiB));
        Assert.Equal(("S6XNNE0T100001", "eui.36", 1920383410176, "NVMe"), (found.Disks[0].SerialNumber, found.Disks[0].Wwn, found.Disks[0].CapacityBytes, found.Disks[0].Protocol));
        Assert.Equal(new NicInventory { Name = "NIC.1", MacAddress = "02:c0:ff:00:00:01", LinkStatus = "LinkUp", SpeedMbps = 25000 }, Assert.Single(found.Nics));
        Assert.Equal([BootMethod.UefiHttp, BootMethod.VirtualMedia, BootMethod.Pxe], found.BootMethods);
        Assert.Empty(bmc.Writes);
    }

    [Fact]
    public async Task A_bare_tree_gives_nulls_and_empty_lists()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath] = ScriptedBmc.Json("{'Id':'1'}");
        var found = await (await bmc.ConnectAsync()).InspectAsync(Go);

        Assert.True(found is { SerialNumber: null, MemoryGiB: null, BmcMacAddress: null, Processors: [], Disks: [], Nics: [], Gpus: [] });
    }

    [Fact]
    public async Task The_serial_number_is_trimmed_and_comes_from_the_chassis_when_the_system_has_none()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["SerialNumber"] = "  ";
        bmc["/redfish/v1/Chassis/1"]["SerialNumber"] = " CH-9 ";

        Assert.Equal("CH-9", (await (await bmc.ConnectAsync()).InspectAsync(Go)).SerialNumber);
    }

    [Fact]
    public async Task Memory_is_summed_up_when_the_summary_is_missing()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath].Remove("MemorySummary");
        Collection(bmc, "Memory", "{'CapacityMiB':32768,'VolatileSizeMiB':1}", "{'CapacityMiB':32768}", "{'Status':{'State':'Absent'}}");

        Assert.Equal(64, (await (await bmc.ConnectAsync()).InspectAsync(Go)).MemoryGiB);
    }

    [Fact]
    public async Task Disabled_ports_are_skipped_and_every_spelling_of_a_MAC_is_understood()
    {
        await using var bmc = ScriptedBmc.Start();
        Collection(bmc, "EthernetInterfaces", "{'MACAddress':'00:00:00:00:00:00'}", "{'MACAddress':''}", "{'MacAddress':'02C0FF000002'}", "{'PermanentMACAddress':'02-C0-FF-00-00-03'}");

        Assert.Equal(["02:c0:ff:00:00:02", "02:c0:ff:00:00:03"], (await (await bmc.ConnectAsync()).InspectAsync(Go)).Nics.Select(nic => nic.MacAddress).ToArray());
    }

    [Fact]
    public async Task SimpleStorage_stands_in_for_Storage()
    {
        await using var bmc = ScriptedBmc.Start();
        Collection(bmc, "SimpleStorage", "{'Devices':[{'Name':'SATA 1','Model':'X','CapacityBytes':1000204886016},{'Name':'Empty'}]}");

        Assert.Equal(1000204886016, Assert.Single((await (await bmc.ConnectAsync()).InspectAsync(Go)).Disks).CapacityBytes);
    }

    [Fact]
    public async Task A_collection_in_pages_is_read_to_its_end()
    {
        await using var bmc = ScriptedBmc.Start();
        Collection(bmc, "EthernetInterfaces", "{'MACAddress':'02:C0:FF:00:00:01'}");
        bmc["/redfish/v1/Systems/1/EthernetInterfaces"]["Members@odata.nextLink"] = "/redfish/v1/Systems/1/EthernetInterfaces/Page2";
        bmc["/redfish/v1/Systems/1/EthernetInterfaces/Page2"] = ScriptedBmc.Collection("/redfish/v1/Systems/1/EthernetInterfaces/9");
        bmc["/redfish/v1/Systems/1/EthernetInterfaces/9"] = ScriptedBmc.Json("{'MACAddress':'02:C0:FF:00:00:09'}");

        Assert.Equal(2, (await (await bmc.ConnectAsync()).InspectAsync(Go)).Nics.Length);
    }

    [Fact]
    public async Task The_identity_says_who_the_BMC_is_and_how_wrong_its_clock_goes()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.ManagerPath]["DateTime"] = TimeProvider.System.GetUtcNow().AddHours(-3).ToString("O");
        var identity = await (await bmc.ConnectAsync()).IdentifyAsync(Go);

        Assert.Equal(("Contoso", "CZ3D0001", ScriptedBmc.SystemPath), (identity.Vendor, identity.SerialNumber, identity.SystemPath));
        Assert.Equal("bbbbbbbb-0000-4000-8000-000000000001", identity.BmcUuid);
        Assert.InRange(identity.ClockSkew!.Value.TotalMinutes, -181, -179);
    }

    private static void Collection(ScriptedBmc bmc, string name, params string[] members)
    {
        var path = $"{ScriptedBmc.SystemPath}/{name}";
        bmc[ScriptedBmc.SystemPath][name] = new JsonObject { ["@odata.id"] = path };
        bmc[path] = ScriptedBmc.Collection([.. members.Select((_, index) => $"{path}/{index + 1}")]);
        for (var index = 0; index < members.Length; index++) bmc[$"{path}/{index + 1}"] = ScriptedBmc.Json(members[index]);
    }
}
