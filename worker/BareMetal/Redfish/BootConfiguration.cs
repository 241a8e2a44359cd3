using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>A system's Boot object, in Redfish's words.</summary>
internal sealed record BootConfiguration
{
    /// <summary>BootSourceOverrideTarget: None, Pxe, Cd, UsbCd, Hdd, UefiHttp …</summary>
    public string? Target { get; init; }

    /// <summary>BootSourceOverrideEnabled: Disabled, Once, Continuous.</summary>
    public string? Enabled { get; init; }

    /// <summary>BootSourceOverrideMode: UEFI, Legacy.</summary>
    public string? Mode { get; init; }

    public string? HttpBootUri { get; init; }

    /// <summary>Empty when the BMC does not say.</summary>
    public string[] AllowableTargets { get; init; } = [];

    public string[] AllowableEnabled { get; init; } = [];

    /// <summary>Once, unless the BMC lists what it takes and Once is not in it.</summary>
    public string OnceOrContinuous => AllowableEnabled.Length == 0 || AllowableEnabled.Contains("Once", StringComparer.Ordinal) ? "Once" : "Continuous";

    public bool Offers(string target) => AllowableTargets.Length == 0 || AllowableTargets.Contains(target, StringComparer.Ordinal);

    /// <summary>Each property from <paramref name="settings"/>, the state to come, if it has it; else from <paramref name="system"/>.</summary>
    public static BootConfiguration Of(JsonElement system, JsonElement settings)
    {
        return new()
        {
            Target = Text("BootSourceOverrideTarget"),
            Enabled = Text("BootSourceOverrideEnabled"),
            Mode = Text("BootSourceOverrideMode"),
            HttpBootUri = Text(nameof(HttpBootUri)),
            AllowableTargets = List("BootSourceOverrideTarget@Redfish.AllowableValues"),
            AllowableEnabled = List("BootSourceOverrideEnabled@Redfish.AllowableValues"),
        };

        string? Text(string name) => settings.Text("Boot", name) ?? system.Text("Boot", name);
        string[] List(string name) => system.Texts("Boot", name) is { Length: > 0 } list ? list : settings.Texts("Boot", name);
    }
}

/// <summary>The override that is wanted. Pure.</summary>
internal sealed record BootOverride
{
    private const string Uefi = "UEFI";

    public required string Target { get; init; }

    /// <summary>Once, or Disabled.</summary>
    public required string Enabled { get; init; }

    public Uri? HttpBootUri { get; init; }

    /// <summary>
    /// Whether a Boot object says it already. Continuous counts as Once: a BMC that turns one into the other is recorded, not fought. For
    /// Disabled the target is without meaning.
    /// </summary>
    public bool IsMetBy(BootConfiguration now, VendorProfile profile)
    {
        if (Enabled == "Disabled") return now.Enabled is "Disabled" or null || (now.Target is "None" or null && profile.TargetWhenDisabled == "None");
        return now.Target == Target
            && now.Enabled is "Once" or "Continuous"
            && (now.Mode is null or Uefi || profile.NeverSendsMode)
            && (HttpBootUri is null || now.HttpBootUri == HttpBootUri.OriginalString);
    }

    /// <summary>The sets to try, smallest first; a BMC that refuses or forgets the one may take the next.</summary>
    public IEnumerable<JsonObject> Sets(BootConfiguration now, VendorProfile profile)
    {
        var needsMode = !profile.NeverSendsMode && (profile.AlwaysSendsModeAndEnabled || profile.SendsFullBootSet || now.Mode is not (null or Uefi));
        yield return Set(needsMode);
        if (!needsMode && !profile.NeverSendsMode) yield return Set(withMode: true);
    }

    private JsonObject Set(bool withMode)
    {
        var boot = new JsonObject { ["BootSourceOverrideEnabled"] = Enabled, ["BootSourceOverrideTarget"] = Target };
        if (withMode) boot["BootSourceOverrideMode"] = Uefi;
        if (HttpBootUri is not null) boot[nameof(HttpBootUri)] = HttpBootUri.OriginalString;
        return new JsonObject { ["Boot"] = boot };
    }
}

/// <summary>What became of a request to boot from somewhere.</summary>
internal sealed record BootOutcome
{
    /// <summary>Everything that was written was read back as written.</summary>
    public required bool Stuck { get; init; }

    /// <summary>The Boot object as read back. Its Enabled says Once or Continuous: only the caller's own order of steps makes a boot a one-time boot.</summary>
    public required BootConfiguration ReadBack { get; init; }

    /// <summary>True when the BMC turned Once into Continuous.</summary>
    public bool IsContinuous => ReadBack.Enabled == "Continuous";

    /// <summary>The monitor of a job that must run first (a Dell BIOS job runs at the next reset). Keep it before waiting for it.</summary>
    public Uri? PendingJob { get; init; }

    /// <summary>What did not read back; null when all did.</summary>
    public string? Problem { get; init; }

    /// <exception cref="RedfishException">NotReadBack.</exception>
    public BootOutcome EnsureStuck() => Stuck ? this : throw new RedfishException(RedfishFailure.NotReadBack, Problem ?? "The boot settings did not read back.");
}
