namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>By which means the address for UEFI HTTP boot is told.</summary>
internal enum HttpBootMeans
{
    /// <summary>Boot.HttpBootUri, as the schema has it.</summary>
    BootUri,

    /// <summary>Dell's BIOS attributes HttpDev1EnDis, HttpDev1Uri, HttpDev1TlsMode (libredfish#75, bmclib#470).</summary>
    DellBiosDevice,

    /// <summary>HPE's BIOS attributes UrlBootFile and PreBootNetwork (libredfish#76, metal-operator#606).</summary>
    HpeBiosUrl,
}

/// <summary>
/// What a family of BMCs does differently from the Redfish schema: switches, no code. Each says where it was seen.
/// </summary>
internal sealed record VendorProfile
{
    public required string Name { get; init; }
    public HttpBootMeans HttpBoot { get; init; }

    /// <summary>HPE: BootSourceOverrideMode is not writable, 400 when sent (community.general#3509).</summary>
    public bool NeverSendsMode { get; init; }

    /// <summary>Supermicro: Mode falls back to Legacy, and Enabled to Disabled, unless sent along (sushy system.py, bmclib#459).</summary>
    public bool AlwaysSendsModeAndEnabled { get; init; }

    /// <summary>AMI, ASRock: the whole boot object or nothing (ironic VENDORS_REQUIRING_FULL_BOOT_REQUEST).</summary>
    public bool SendsFullBootSet { get; init; }

    /// <summary>HPE: switching the override off needs a target other than None (metal-operator#998).</summary>
    public string TargetWhenDisabled { get; init; } = "None";

    /// <summary>BMCs that lose a kept connection without closing it.</summary>
    public bool ClosesConnections { get; init; }

    /// <summary>Dell iDRAC 10: only this member, and only under Systems (ironic drac/boot.py, iDRAC-Redfish-Scripting#324).</summary>
    public string? OnlyMediaSlot { get; init; }

    /// <summary>Dell: "Cd" is the physical drive, the virtual one is a manager attribute (iDRAC-Redfish-Scripting#90, ironic redfish.rst).</summary>
    public bool VirtualCdIsManagerAttribute { get; init; }

    /// <summary>Supermicro X11 and X12: the virtual CD boots as UsbCd, where that is offered (sushy system.py, Redfishtool#106).</summary>
    public bool VirtualCdIsUsbCd { get; init; }

    /// <summary>Message ids that promise: nothing was done, ask again.</summary>
    public string[] NotYet { get; init; } = [];

    /// <summary>How long such a promise takes; used when the BMC sends no Retry-After.</summary>
    public TimeSpan NotYetDelay { get; init; } = TimeSpan.FromSeconds(5);

    public bool MeansNotYet(string messageId) =>
        messageId is "ServiceTemporarilyUnavailable" or "ServiceInUnknownState" or "ServiceShuttingDown" || NotYet.Contains(messageId, StringComparer.OrdinalIgnoreCase);
}
