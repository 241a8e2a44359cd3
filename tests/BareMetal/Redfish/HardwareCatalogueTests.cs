using ControlPlane.Contracts.BareMetal;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class HardwareCatalogueTests
{
    private static readonly HardwareInventory R760 = new()
    {
        Manufacturer = "Dell Inc.", Model = "PowerEdge R760", BmcModel = "16G Monolithic", BmcFirmwareVersion = "7.00.60.00", BiosVersion = "1.5.6",
    };

    [Fact]
    public void Every_model_says_honestly_what_was_run()
    {
        Assert.Equal(9, HardwareCatalogue.Models.Count);
        Assert.All(HardwareCatalogue.Models.SelectMany(model => model.Evidence), evidence => Assert.Contains("simulated", evidence.Ran, StringComparison.Ordinal));
        Assert.All(HardwareCatalogue.Models, model => Assert.NotEmpty(model.Evidence));
    }

    [Fact]
    public void A_listed_model_with_its_firmware_is_certified() => Assert.True(HardwareCatalogue.Match(R760).IsCertified);

    [Theory]
    [InlineData("HPE", "ProLiant DL360 Gen10 Plus", "iLO 5", "iLO 5 v2.90", "U46 v1.60 (03/01/2024)", "HPE ProLiant DL360 Gen10 Plus")]
    [InlineData("HPE", "ProLiant DL380 Gen11", "iLO 6", "iLO 6 v1.58", "U54 v2.10 (07/20/2026)", "HPE ProLiant DL380 Gen11")]
    [InlineData("Dell Inc.", "PowerEdge R760", "17G Monolithic", "1.20.50.50", "1.5.6", "Dell PowerEdge R760")]
    public void Firmware_is_compared_within_its_own_generation(string manufacturer, string model, string bmc, string firmware, string bios, string name)
    {
        var match = HardwareCatalogue.Match(new() { Manufacturer = manufacturer, Model = model, BmcModel = bmc, BmcFirmwareVersion = firmware, BiosVersion = bios });
        Assert.Equal((name, true), (match.Model?.Name, match.IsCertified));
    }

    [Fact]
    public void Everything_that_speaks_against_a_machine_is_said_at_once()
    {
        var match = HardwareCatalogue.Match(R760 with { BmcFirmwareVersion = "5.10.00.00", BiosVersion = "0.9" });
        Assert.Equal(("Dell PowerEdge R760", 2), (match.Model?.Name, match.Violations.Length));
    }

    [Fact]
    public void Unknown_firmware_is_not_new_enough() => Assert.False(HardwareCatalogue.Match(R760 with { BmcFirmwareVersion = null }).IsCertified);

    [Fact]
    public void A_model_that_only_begins_alike_is_not_on_the_list() =>
        Gen.String[Gen.Char['!', '~'], 1, 8].Sample(more => Assert.Null(HardwareCatalogue.Match(R760 with { Model = R760.Model + more }).Model));

    [Fact]
    public void Any_inventory_gets_an_answer_and_is_certified_only_without_violations() =>
        Gen.Select(Gen.String, Gen.String, Gen.String, Gen.String).Sample((manufacturer, model, bmc, bios) =>
        {
            var match = HardwareCatalogue.Match(new() { Manufacturer = manufacturer, Model = model, BmcFirmwareVersion = bmc, BiosVersion = bios });
            Assert.Equal(match.IsCertified, match.Violations.Length == 0);
        });

    [Fact]
    public void A_newer_firmware_never_loses_what_an_older_one_has() =>
        Gen.Select(Gen.Int[0, 12], Gen.Int[0, 99], Gen.Int[0, 12], Gen.Int[0, 99]).Sample((major, minor, otherMajor, otherMinor) =>
        {
            var (first, second) = (new Version(major, minor), new Version(otherMajor, otherMinor));
            var (older, newer) = first < second ? (first, second) : (second, first);
            Assert.True(!Certified(older) || Certified(newer));

            static bool Certified(Version version) => HardwareCatalogue.Match(R760 with { BmcFirmwareVersion = $"{version}" }).IsCertified;
        });
}
