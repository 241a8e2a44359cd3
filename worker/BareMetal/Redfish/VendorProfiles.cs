using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>The families, and how one is recognised. Pure.</summary>
internal static class VendorProfiles
{
    public static VendorProfile Generic { get; } = new() { Name = "Generic" };

    /// <summary>
    /// SYS518: "iDRAC is not ready". ActionParameterValueConflict: On right after off, for up to a minute (iDRAC 10, ironic power.py; an
    /// iDRAC 9 has no other meaning for it).
    /// </summary>
    public static VendorProfile Idrac9 { get; } = new()
    {
        Name = "Idrac9",
        HttpBoot = HttpBootMeans.DellBiosDevice,
        NotYet = ["SYS518", "ActionParameterValueConflict"],
        NotYetDelay = TimeSpan.FromSeconds(10),
    };

    public static VendorProfile Idrac10 { get; } = Idrac9 with { Name = "Idrac10", OnlyMediaSlot = "1" };

    /// <summary>Everything about booting is refused during POST (ironic management.py, metal-operator#997).</summary>
    public static VendorProfile Ilo5 { get; } = new()
    {
        Name = "Ilo5",
        HttpBoot = HttpBootMeans.HpeBiosUrl,
        NeverSendsMode = true,
        TargetWhenDisabled = "Pxe",
        NotYet = ["UnableToModifyDuringSystemPOST", "InvalidOperationForSystemState"],
    };

    public static VendorProfile Ilo6 { get; } = Ilo5 with { Name = "Ilo6" };

    public static VendorProfile Supermicro { get; } = new() { Name = "Supermicro", AlwaysSendsModeAndEnabled = true, VirtualCdIsUsbCd = true, ClosesConnections = true };

    public static VendorProfile Ami { get; } = new() { Name = "Ami", SendsFullBootSet = true, ClosesConnections = true };

    /// <param name="vendor">ServiceRoot.Vendor, else the system's manufacturer.</param>
    /// <param name="product">ServiceRoot.Product.</param>
    /// <param name="bmcModel">Manager.Model, such as "17G Monolithic" or "iLO 6".</param>
    /// <param name="bmcFirmware">Manager.FirmwareVersion.</param>
    /// <param name="processor">ProcessorSummary.Model: Dell's virtual CD came later to AMD boards.</param>
    public static VendorProfile Choose(string? vendor, string? product, string? bmcModel, string? bmcFirmware, string? processor)
    {
        var all = $"{vendor} {product} {bmcModel} {bmcFirmware}";
        if (Has(vendor, "Dell") || Has(product, "Integrated Dell Remote Access")) return Dell($"{product} {bmcModel}", bmcFirmware, processor);
        if (Has(vendor, "HPE") || Has(vendor, "Hewlett") || Has(bmcModel, "iLO")) return Has(all, "iLO 5") || Has(all, "iLO5") ? Ilo5 : Ilo6;
        if (Has(vendor, "Supermicro") || Has(vendor, "Super Micro")) return Supermicro;
        return string.Equals(vendor, "AMI", StringComparison.OrdinalIgnoreCase) || Has(vendor, "American Megatrends") || Has(vendor, "ASRock") ? Ami : Generic;
    }

    private static VendorProfile Dell(string model, string? firmware, string? processor)
    {
        if (Has(model, "17G") || Has(model, "18G") || Has(model, "iDRAC10") || Has(model, "iDRAC 10")) return Idrac10;
        var version = HardwareCatalogue.VersionIn(firmware);
        var virtualCdSince = Has(processor, "AMD") || Has(processor, "EPYC") ? new Version(6, 0) : new Version(4, 40);
        return Idrac9 with { VirtualCdIsManagerAttribute = version is not null && version < virtualCdSince };
    }

    private static bool Has(string? text, string word) => text?.Contains(word, StringComparison.OrdinalIgnoreCase) == true;
}
