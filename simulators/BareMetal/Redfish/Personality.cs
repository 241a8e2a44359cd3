namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>How the boot file's address reaches the firmware.</summary>
internal enum HttpBootBy
{
    /// <summary><c>Boot.HttpBootUri</c>, as the ComputerSystem schema says.</summary>
    HttpBootUri,

    /// <summary>Dell: BIOS attributes <c>HttpDev1EnDis</c>, <c>HttpDev1Uri</c>, <c>HttpDev1TlsMode</c> (libredfish#75, bmclib#470).</summary>
    DellHttpDevice,

    /// <summary>HPE: BIOS attribute <c>UrlBootFile</c> (libredfish#76, metal-operator#606).</summary>
    HpeUrlBootFile,
}

/// <summary>Kind of entity tag on resources.</summary>
internal enum EntityTags { Strong, Weak, None }

/// <summary>Where virtual media is to be found.</summary>
[Flags]
internal enum MediaUnder { Systems = 1, Managers = 2, Both = 3 }

/// <summary>
/// What kind of BMC this is: names and ids of its tree, and one switch per known deviation from standard Redfish. A switch may be
/// changed for one machine through the control API, so that each deviation can be tested alone.
/// </summary>
internal sealed record Personality
{
    public required string Name { get; init; }
    public required string Vendor { get; init; }
    public required string Product { get; init; }

    /// <summary>Prefix of the vendor's message registry in error bodies, for example <c>IDRAC.2.8</c>.</summary>
    public string Registry { get; init; } = "Base.1.18";

    /// <summary>Version of the base registry in error bodies.</summary>
    public string BaseRegistry { get; init; } = "Base.1.18";

    /// <summary>Supermicro: <c>error.code</c> is the message's id and not GeneralError (sushy virtual_media.py).</summary>
    public bool ErrorCodeIsMessageId { get; init; }

    public string SystemId { get; init; } = "1";
    public string ManagerId { get; init; } = "1";
    public string ChassisId { get; init; } = "1";

    /// <summary>HPE writes every link with a trailing slash.</summary>
    public bool TrailingSlashes { get; init; }

    public HttpBootBy HttpBoot { get; init; }

    /// <summary>Dell: <c>HttpDev1TlsMode</c> starts as OneWay, and plain HTTP then fails with UEFI0417 (iDRAC-Redfish-Scripting#306).</summary>
    public bool HttpDeviceDemandsTls { get; init; }

    /// <summary>Dell before firmware 4.40/6.00: target Cd is the physical drive; the virtual one needs OEM attributes (iDRAC-Redfish-Scripting#90).</summary>
    public bool CdIsPhysicalDrive { get; init; }

    public MediaUnder MediaUnder { get; init; } = MediaUnder.Both;

    /// <summary>iDRAC 10: only slot "1" (ironic drac/boot.py).</summary>
    public bool SingleMediaSlot { get; init; }

    /// <summary>Lenovo: no actions, <c>PATCH {"Image","Inserted"}</c>.</summary>
    public bool MediaByPatch { get; init; }

    /// <summary>Cisco: the first disc slot answers 405, the next one works.</summary>
    public bool FirstMediaSlotRefuses { get; init; }

    /// <summary>Some BMCs want <c>TransferProtocolType</c> beside <c>Image</c>: 400 ActionParameterMissing without it.</summary>
    public bool InsertNeedsTransferProtocol { get; init; }

    /// <summary>Realistic seconds that InsertMedia takes before it answers.</summary>
    public double InsertSeconds { get; init; }

    /// <summary>HPE: EjectMedia without a JSON body is 415.</summary>
    public bool EjectNeedsBody { get; init; }

    /// <summary>iDRAC 10: On within ten seconds after off is 409 ActionParameterValueConflict.</summary>
    public bool PowerOnConflictAfterOff { get; init; }

    /// <summary>Status of a reset that is already fulfilled: 409 on Dell, 400 on HPE, 0 = accepted without effect.</summary>
    public int AlreadyThereStatus { get; init; }

    /// <summary>AMI: the allowed reset types are only in the ActionInfo resource.</summary>
    public bool ResetTypesInActionInfo { get; init; }

    /// <summary>Some emulators have none: 404, Basic authentication only.</summary>
    public bool NoSessionService { get; init; }

    /// <summary>Sessions at a time; one more is 503 (Dell: RAC0218).</summary>
    public int SessionLimit { get; init; } = 32;

    /// <summary>Dell: a BIOS change is a job that stays Scheduled until the next reset.</summary>
    public bool BiosChangesAreJobs { get; init; }

    /// <summary>Dell: seconds after power on in which BIOS settings answer 503 SYS518.</summary>
    public double NotReadySeconds { get; init; }

    /// <summary>Dell: the attribute registry spells ReadOnly as <c>Readonly</c> and has negative lower bounds (metal-operator redfish_dell.go).</summary>
    public bool RegistryReadonlySmallO { get; init; }

    /// <summary>HPE: 400 UnableToModifyDuringSystemPOST on the override (metal-operator#997).</summary>
    public bool OverrideRefusedDuringPost { get; init; }

    /// <summary>HPE: Disabled is accepted only with a target other than None (metal-operator#998).</summary>
    public bool DisablingNeedsTarget { get; init; }

    /// <summary>HPE: <c>BootSourceOverrideMode</c> is 400 when sent (community.general#3509).</summary>
    public bool ModeNotWritable { get; init; }

    /// <summary>Supermicro: the mode falls back to Legacy unless sent (sushy system.py).</summary>
    public bool ModeRevertsUnlessSent { get; init; }

    /// <summary>Supermicro: <c>BootSourceOverrideEnabled</c> must come with every change.</summary>
    public bool EnabledMustBeSent { get; init; }

    /// <summary>Supermicro X11/X12: both are listed, but only UsbCd boots the virtual disc (Redfishtool#106, sushy system.py).</summary>
    public bool UsbCdInsteadOfCd { get; init; }

    /// <summary>AMI, ASRock: a set without Enabled, Target and Mode is answered 200 and ignored (bmclib#459, sushy VENDORS_REQUIRING_FULL_BOOT_REQUEST).</summary>
    public bool FullBootSetDemanded { get; init; }

    /// <summary>AMI: future state lies in the settings object <c>Systems/{id}/SD</c> (Redfish-Tacklebox#144).</summary>
    public bool BootSettingsObject { get; init; }

    /// <summary>Once reads back and acts as Continuous.</summary>
    public bool OnceBecomesContinuous { get; init; }

    public EntityTags ETags { get; init; }

    /// <summary>AMI, Lenovo: 428 without If-Match (gofish#171).</summary>
    public bool IfMatchMandatory { get; init; }

    /// <summary>A weak tag in If-Match is 412, though the BMC itself handed it out (sushy _etag_handler).</summary>
    public bool RefusesWeakIfMatch { get; init; }

    /// <summary>Some HPE Gen10 Plus: <c>Accept-Encoding: identity</c> is 406.</summary>
    public bool RefusesIdentityEncoding { get; init; }

    /// <summary>HPE: <c>DeliveryRetryPolicy</c> in a subscription is PropertyNotWritableOrUnknown.</summary>
    public bool RejectsDeliveryRetryPolicy { get; init; }

    /// <summary>The serial number is padded with blanks.</summary>
    public bool SerialPadded { get; init; }

    /// <summary>The system has no serial number; the chassis has.</summary>
    public bool SerialOnChassisOnly { get; init; }

    /// <summary>A disabled port is listed with the MAC address 00:00:00:00:00:00.</summary>
    public bool DisabledPortListed { get; init; }

    /// <summary>Hours by which the BMC's clock is wrong; beyond a day it takes every TLS certificate for invalid and cannot read media by HTTPS (ironic enable_verify_bmc_clock).</summary>
    public double ClockSkewHours { get; init; }

    /// <summary>NVMe secure erase is offered by the drives.</summary>
    public bool DrivesSecureErase { get; init; } = true;
}
