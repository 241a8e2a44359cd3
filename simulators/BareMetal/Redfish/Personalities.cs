namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>The makes of BMC that the simulator can play, and the server models that carry them.</summary>
internal static class Personalities
{
    public static Personality Generic { get; } = new()
    {
        Name = "generic", Vendor = "Contoso", Product = "Redfish Service",
    };

    public static Personality DellIdrac9 { get; } = new()
    {
        Name = "idrac9", Vendor = "Dell", Product = "Integrated Dell Remote Access Controller", Registry = "IDRAC.2.8",
        SystemId = "System.Embedded.1", ManagerId = "iDRAC.Embedded.1", ChassisId = "System.Embedded.1",
        HttpBoot = HttpBootBy.DellHttpDevice, HttpDeviceDemandsTls = true, SessionLimit = 8, BiosChangesAreJobs = true, NotReadySeconds = 5,
        RegistryReadonlySmallO = true, AlreadyThereStatus = 409, DisabledPortListed = true,
    };

    public static Personality DellIdrac10 { get; } = DellIdrac9 with
    {
        Name = "idrac10", Registry = "IDRAC.3.0", MediaUnder = MediaUnder.Systems, SingleMediaSlot = true, PowerOnConflictAfterOff = true,
    };

    public static Personality HpeIlo5 { get; } = new()
    {
        Name = "ilo5", Vendor = "HPE", Product = "ProLiant", Registry = "iLO.2.19", TrailingSlashes = true,
        HttpBoot = HttpBootBy.HpeUrlBootFile, MediaUnder = MediaUnder.Managers, EjectNeedsBody = true, AlreadyThereStatus = 400,
        OverrideRefusedDuringPost = true, DisablingNeedsTarget = true, ModeNotWritable = true, ETags = EntityTags.Weak,
        RefusesIdentityEncoding = true, RejectsDeliveryRetryPolicy = true, DisabledPortListed = true,
    };

    public static Personality HpeIlo6 { get; } = HpeIlo5 with
    {
        Name = "ilo6", Registry = "iLO.2.21", MediaUnder = MediaUnder.Both, RefusesIdentityEncoding = false,
    };

    public static Personality Supermicro { get; } = new()
    {
        Name = "supermicro", Vendor = "Supermicro", Product = "BMC", BaseRegistry = "Base.1.5", ErrorCodeIsMessageId = true, ModeRevertsUnlessSent = true, EnabledMustBeSent = true, UsbCdInsteadOfCd = true,
        MediaUnder = MediaUnder.Managers, InsertNeedsTransferProtocol = true, ETags = EntityTags.Weak, RefusesWeakIfMatch = true, SerialPadded = true,
    };

    public static Personality AmiFullRequest { get; } = new()
    {
        Name = "ami", Vendor = "AMI", Product = "AMI Redfish Server", Registry = "Ami.1.0", SystemId = "Self", ManagerId = "Self", ChassisId = "Self",
        MediaUnder = MediaUnder.Managers, FullBootSetDemanded = true, BootSettingsObject = true, IfMatchMandatory = true,
        ResetTypesInActionInfo = true, SerialOnChassisOnly = true,
    };

    /// <summary>What <c>mixed</c> cycles through. No model on the hardware list carries an iDRAC 10, so it rides on the newest ones.</summary>
    private static readonly (Personality Personality, string Model)[] certified =
    [
        (DellIdrac9, "PowerEdge R650"), (HpeIlo5, "ProLiant DL360 Gen10 Plus"), (DellIdrac9, "PowerEdge R750"), (HpeIlo6, "ProLiant DL360 Gen11"),
        (DellIdrac9, "PowerEdge R660"), (HpeIlo5, "ProLiant DL380 Gen10 Plus"), (DellIdrac10, "PowerEdge R760"), (HpeIlo6, "ProLiant DL380 Gen11"),
        (DellIdrac9, "PowerEdge XE9680"),
    ];

    private static readonly (Personality Personality, string Model)[] others =
    [
        (Generic, "Standard PC (Q35 + ICH9, 2009)"), (Supermicro, "SYS-621C-TN12R"), (AmiFullRequest, "MegaRAC SP-X Reference"),
    ];

    /// <summary>The make and model in a slot (1-based) of a rack of the named make.</summary>
    /// <exception cref="FormatException">No such make.</exception>
    public static (Personality Personality, string Model) InSlot(string name, int slot)
    {
        var choice = string.Equals(name, "mixed", StringComparison.Ordinal)
            ? certified
            : [.. certified.Concat(others).Where(pair => string.Equals(pair.Personality.Name, name, StringComparison.Ordinal))];
        if (choice.Length == 0) throw new FormatException($"'{name}' is no personality.");
        return choice[(slot - 1) % choice.Length];
    }
}
