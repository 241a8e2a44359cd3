namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>BIOS attributes, and those that wait for the next reset.</summary>
internal sealed class BiosState
{
    private Dictionary<string, string>? current;

    /// <summary>Changes that were accepted and take effect at the next power-on self-test.</summary>
    public Dictionary<string, string> Pending { get; } = new(StringComparer.Ordinal);

    /// <summary>Dell: the job that will apply them; without one they wait for ever.</summary>
    public BmcTask? Job { get; set; }

    public IReadOnlyDictionary<string, string> Current(Machine machine) => current ??= Factory(machine.Personality);

    /// <summary>Attributes that can be written now.</summary>
    public bool IsReadOnly(Machine machine, string attribute, IEnumerable<string> alsoSet, string? enable)
    {
        if (attribute is "SystemManufacturer" or "SerialNumber") return true;
        // Dell: the children of HttpDev1 are read-only until the device is enabled, now or in the same request.
        if (!attribute.StartsWith("HttpDev1", StringComparison.Ordinal) || attribute == "HttpDev1EnDis") return false;
        var enabled = enable ?? Pending.GetValueOrDefault("HttpDev1EnDis") ?? Current(machine)["HttpDev1EnDis"];
        return enabled != "Enabled";
    }

    /// <summary>Where UEFI HTTP boot goes according to the attributes; null when they say nothing.</summary>
    public string? HttpBootAddress(Machine machine)
    {
        var attributes = Current(machine);
        var address = machine.Personality.HttpBoot switch
        {
            HttpBootBy.DellHttpDevice when attributes["HttpDev1EnDis"] == "Enabled" => attributes["HttpDev1Uri"],
            HttpBootBy.HpeUrlBootFile => attributes["UrlBootFile"],
            _ => null,
        };
        return string.IsNullOrWhiteSpace(address) ? null : address;
    }

    public bool RefusesPlainHttp(Machine machine) =>
        machine.Personality.HttpDeviceDemandsTls && Current(machine).GetValueOrDefault("HttpDev1TlsMode") == "OneWay";

    /// <summary>Done by the firmware during POST.</summary>
    public void ApplyPending(Machine machine)
    {
        if (Pending.Count == 0 || (machine.Personality.BiosChangesAreJobs && Job is null)) return;
        var attributes = (Dictionary<string, string>)Current(machine);
        foreach (var (name, value) in Pending) attributes[name] = value;
        Pending.Clear();
        if (Job is { } job) job.State = "Completed";
        Job = null;
        machine.Did("bios:applied");
    }

    private static Dictionary<string, string> Factory(Personality personality)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal) { ["BootMode"] = "Uefi", ["SystemManufacturer"] = personality.Vendor };
        switch (personality.HttpBoot)
        {
            case HttpBootBy.DellHttpDevice:
                attributes["HttpDev1EnDis"] = "Disabled";
                attributes["HttpDev1Interface"] = "NIC.Embedded.1-1-1";
                attributes["HttpDev1Protocol"] = "IPv4";
                attributes["HttpDev1Uri"] = "";
                attributes["HttpDev1TlsMode"] = "OneWay";
                break;
            case HttpBootBy.HpeUrlBootFile:
                attributes["UrlBootFile"] = "";
                attributes["PreBootNetwork"] = "Auto";
                attributes["HttpSupport"] = "Auto";
                break;
        }

        return attributes;
    }
}
