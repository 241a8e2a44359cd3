using System.Net;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

/// <summary>Rules that are functions.</summary>
public sealed class RuleTests
{
    [Fact]
    public void An_address_is_inside_exactly_when_its_prefix_bits_are_the_network_s() =>
        Gen.Select(Gen.UInt, Gen.UInt, Gen.Int[0, 32]).Sample((network, address, prefix) =>
        {
            var mask = prefix == 0 ? 0u : uint.MaxValue << (32 - prefix);
            var list = new ManagementNetworks([$"{Address(network & mask)}/{prefix}"]);
            Assert.Equal((network & mask) == (address & mask), list.Contains(Address(address)));
            Assert.Equal(list.Contains(Address(address)), list.Contains(Address(address).MapToIPv6()));
        });

    [Fact]
    public void An_empty_list_contains_nothing() => Gen.UInt.Sample(address => Assert.False(new ManagementNetworks([]).Contains(Address(address))));

    [Theory]
    [InlineData("10.0.0.0/33")]
    [InlineData("management")]
    [InlineData("")]
    public void A_block_that_is_none_stops_the_start(string block) => Assert.Throws<FormatException>(() => new ManagementNetworks([block]));

    [Fact]
    public void A_relative_reference_stays_at_the_BMC() =>
        Gen.String[Gen.Char["abc/ABC019.-_~"], 1, 30].Sample(path =>
        {
            var origin = new Uri("https://bmc-7.example:8443");
            Assert.True(BmcOrigin.IsSame(origin, BmcOrigin.Resolve(origin, "/" + path.TrimStart('/'))));
        });

    [Theory]
    [InlineData("http://bmc-7.example:8443/redfish")]
    [InlineData("https://bmc-7.example/redfish")]
    [InlineData("https://bmc-7.example.evil:8443/redfish")]
    [InlineData("https://user@bmc-7.example:8443/redfish")]
    [InlineData("//evil:8443/redfish")]
    [InlineData("\\\\evil\\redfish")]
    [InlineData("file:///etc/passwd")]
    public void Another_origin_is_another_origin(string reference)
    {
        var fault = Assert.Throws<RedfishException>(() => BmcOrigin.Resolve(new Uri("https://bmc-7.example:8443"), reference));
        Assert.Equal(RedfishFailure.NotAllowed, fault.Failure);
    }

    [Fact]
    public void The_same_origin_may_be_written_out()
    {
        var origin = new Uri("https://bmc-7.example:443");
        Assert.Equal("/redfish/v1/Systems/1/", BmcOrigin.Resolve(origin, "https://BMC-7.example/redfish/v1/Systems/1/").AbsolutePath);
    }

    [Theory]
    [InlineData("Dell", "Integrated Dell Remote Access Controller", "16G Monolithic", "7.00.60.00", "Idrac9")]
    [InlineData("Dell", "Integrated Dell Remote Access Controller", "17G Monolithic", "1.20.50.50", "Idrac10")]
    [InlineData("HPE", "ProLiant DL360 Gen10 Plus", "iLO 5", "iLO 5 v2.90", "Ilo5")]
    [InlineData("HPE", "ProLiant DL360 Gen11", "iLO 6", "iLO 6 v1.58", "Ilo6")]
    [InlineData("Supermicro", null, "AST2600", "01.02.03", "Supermicro")]
    [InlineData("AMI", "AMI Redfish Server", null, null, "Ami")]
    [InlineData("ASRockRack", null, null, null, "Ami")]
    [InlineData("General Dynamics", null, null, null, "Generic")]
    [InlineData(null, null, null, null, "Generic")]
    public void The_vendor_is_recognised(string? vendor, string? product, string? model, string? firmware, string profile) =>
        Assert.Equal(profile, VendorProfiles.Choose(vendor, product, model, firmware, null).Name);

    [Theory]
    [InlineData("4.22.00.00", "Intel Xeon", true)]
    [InlineData("4.40.00.00", "Intel Xeon", false)]
    [InlineData("5.10.00.00", "AMD EPYC 7763", true)]
    [InlineData("6.00.00.00", "AMD EPYC 7763", false)]
    public void The_virtual_CD_of_a_Dell_depends_on_firmware_and_processor(string firmware, string processor, bool byAttribute) =>
        Assert.Equal(byAttribute, VendorProfiles.Choose("Dell", null, "15G Monolithic", firmware, processor).VirtualCdIsManagerAttribute);

    [Fact]
    public void A_pin_survives_every_way_of_writing_it() => Gen.Byte.Array[32].Sample(bytes =>
    {
        var hex = Convert.ToHexString(bytes);
        Assert.Equal(bytes, BmcCertificate.PinOf(hex));
        Assert.Equal(bytes, BmcCertificate.PinOf(string.Join(':', hex.ToLowerInvariant().Chunk(2).Select(pair => new string(pair)))));
    });

    private static IPAddress Address(uint bits) => new([(byte)(bits >> 24), (byte)(bits >> 16), (byte)(bits >> 8), (byte)bits]);
}
