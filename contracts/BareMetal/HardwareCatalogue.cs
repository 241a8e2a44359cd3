using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace ControlPlane.Contracts.BareMetal;

/// <summary>Whether a model may carry workloads.</summary>
public enum CertificationState { Certified, Provisional, Revoked }

/// <summary>One model of the hardware list.</summary>
public sealed record HardwareModel
{
    public required string Name { get; init; }

    /// <summary>Shown to people; matched by <see cref="ManufacturerPattern"/>.</summary>
    public required string Manufacturer { get; init; }

    /// <summary>Regular expression over the whole manufacturer that the BMC reports, any case.</summary>
    public required string ManufacturerPattern { get; init; }

    /// <summary>Regular expression over the whole model that the BMC reports, any case.</summary>
    public required string ModelPattern { get; init; }

    /// <summary>The oldest BMC firmware, by BMC generation: each generation counts anew.</summary>
    public FirmwareMinimum[] MinimumBmcFirmware { get; init; } = [];

    public string? MinimumBiosVersion { get; init; }

    /// <summary>The boot methods that passed, best first.</summary>
    public required BootMethod[] BootMethods { get; init; }

    /// <summary>The quirk profiles under which it was run.</summary>
    public required string[] VendorProfiles { get; init; }

    public required CertificationState CertificationState { get; init; }
    public required CertificationEvidence[] Evidence { get; init; }
}

/// <summary>The oldest firmware of one BMC generation.</summary>
public sealed record FirmwareMinimum
{
    /// <summary>A word of <see cref="HardwareInventory.BmcModel"/> or of the firmware's own text, such as "iLO 6"; null is any.</summary>
    public string? Bmc { get; init; }

    public required string Version { get; init; }
}

/// <summary>One dated run that speaks for a model.</summary>
public sealed record CertificationEvidence
{
    public required DateOnly Date { get; init; }
    public required string Ran { get; init; }
    public required string Result { get; init; }
}

/// <summary>What the catalogue says about one machine.</summary>
public sealed record HardwareMatch
{
    /// <summary>Null when no model of the list matches.</summary>
    public HardwareModel? Model { get; init; }

    /// <summary>Why it is not certified, each a sentence; empty when it is.</summary>
    public required string[] Violations { get; init; }

    public bool IsCertified => Model is { CertificationState: CertificationState.Certified } && Violations.Length == 0;
}

/// <summary>The hardware list. A model is decided from what inspection found, never from what a request claims.</summary>
public static partial class HardwareCatalogue
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter() },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    public static IReadOnlyList<HardwareModel> Models { get; } = Load();

    /// <summary>The model of a machine, and everything that speaks against it.</summary>
    public static HardwareMatch Match(HardwareInventory inventory)
    {
        ArgumentNullException.ThrowIfNull(inventory);
        var model = Models.FirstOrDefault(candidate =>
            Fits(candidate.ManufacturerPattern, inventory.Manufacturer) && Fits(candidate.ModelPattern, inventory.Model));
        return model is null
            ? new() { Violations = [$"'{inventory.Manufacturer ?? "unknown manufacturer"} {inventory.Model ?? "unknown model"}' is not on the hardware list."] }
            : new() { Model = model, Violations = [.. Violations(model, inventory)] };
    }

    /// <summary>
    /// The first dotted number in a firmware's own words, or null: "iLO 6 v1.58" is 1.58, "U54 v2.10 (07/20/2026)" is 2.10, "7.00.60.00" is itself.
    /// </summary>
    public static Version? VersionIn(string? text) =>
        text is not null && DottedNumber().Match(text) is { Success: true } found && Version.TryParse(found.Value, out var version) ? version : null;

    private static IEnumerable<string> Violations(HardwareModel model, HardwareInventory inventory)
    {
        if (model.CertificationState != CertificationState.Certified)
            yield return $"{model.Name} is {model.CertificationState}.";
        if (model.MinimumBiosVersion is { } bios && IsOlder(inventory.BiosVersion, bios))
            yield return $"BIOS {inventory.BiosVersion ?? "of unknown version"} is older than {bios}.";
        if (model.MinimumBmcFirmware.Length == 0) yield break;

        var bmc = $"{inventory.BmcModel} {inventory.BmcFirmwareVersion}";
        var minimum = model.MinimumBmcFirmware.FirstOrDefault(m => m.Bmc is null || bmc.Contains(m.Bmc, StringComparison.OrdinalIgnoreCase));
        if (minimum is null)
            yield return $"BMC '{bmc.Trim()}' is of no generation that {model.Name} was run with.";
        else if (IsOlder(inventory.BmcFirmwareVersion, minimum.Version))
            yield return $"BMC firmware {inventory.BmcFirmwareVersion ?? "of unknown version"} is older than {minimum.Version}.";
    }

    private static bool IsOlder(string? found, string wanted) => VersionIn(found) is not { } version || version < VersionIn(wanted);

    private static bool Fits(string pattern, string? text) => text is not null
        && Regex.IsMatch(text.Trim(), $"^(?:{pattern})$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

    private static HardwareModel[] Load()
    {
        using var list = typeof(HardwareCatalogue).Assembly.GetManifestResourceStream("hardware-models.json")
            ?? throw new InvalidOperationException("hardware-models.json is not in the assembly.");
        return JsonSerializer.Deserialize<HardwareModel[]>(list, Format)
            ?? throw new InvalidOperationException("hardware-models.json is empty.");
    }

    [GeneratedRegex(@"\d+(\.\d+){1,3}", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex DottedNumber();
}
