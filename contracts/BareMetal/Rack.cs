using System.Globalization;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.BareMetal;

/// <summary>A range of machines in one resource: one PUT turns the rack into nodes of a cluster.</summary>
public sealed partial record Rack : IResource<Rack, RackStatus>
{
    public const int MaxSlots = 1024;

    public static ResourceType Type { get; } = new("ControlPlane.BareMetal", "racks");

    public required SlotRange Slots { get; init; }

    /// <summary>The BMC's address per slot, a <see cref="SlotPattern"/>: <c>https://10.4.1.{slot+100}</c>.</summary>
    /// <example>https://10.4.1.{slot}</example>
    public required string BmcEndpoint { get; init; }

    public string MachineNamePattern { get; init; } = "{rack}-{slot:00}";

    /// <summary>Every machine of the rack. Its <c>bmc.endpoint</c> stays empty; <c>bootMacAddress</c> and <c>kubernetesNodeName</c> may be slot patterns.</summary>
    public required BareMetalMachine Machine { get; init; }

    public static IReadOnlyList<ResourceAction> Actions { get; } = [new("retry", "Try every machine again that failed or was canceled.")];

    public static IEnumerable<Violation> Violations(Rack wanted, Rack? current)
    {
        if (wanted.Slots.First < 1 || wanted.Slots.Last < wanted.Slots.First || wanted.Slots.Count > MaxSlots)
            yield return new("slots", $"must be a range such as 1 to 42, of at most {MaxSlots} slots");
        else if (SlotPattern.Faults(wanted.BmcEndpoint) is { } endpoint)
            yield return new("bmcEndpoint", endpoint);
        else if (Bmc.Address(SlotPattern.Expand(wanted.BmcEndpoint, "rack", wanted.Slots.First)) is null)
            yield return new("bmcEndpoint", "must give an https address for every slot, such as https://10.4.1.{slot+100}");
        else if (Bmc.Address(SlotPattern.Expand(wanted.BmcEndpoint, "rack", wanted.Slots.Last)) is null)
            yield return new("bmcEndpoint", $"gives no address for slot {wanted.Slots.Last}: {SlotPattern.Expand(wanted.BmcEndpoint, "rack", wanted.Slots.Last)}");
        else if (wanted.Slots.Count > 1 && SlotPattern.Expand(wanted.BmcEndpoint, "rack", 1) == SlotPattern.Expand(wanted.BmcEndpoint, "rack", 2))
            yield return new("bmcEndpoint", "gives every slot the same address; it must contain {slot}");
        if (SlotPattern.Faults(wanted.MachineNamePattern) is { } name)
            yield return new("machineNamePattern", name);
        else if (SlotPattern.Expand(wanted.MachineNamePattern, "rack", 1) == SlotPattern.Expand(wanted.MachineNamePattern, "rack", 2))
            yield return new("machineNamePattern", "gives every slot the same name; it must contain {slot}");
        foreach (var violation in RulesOfPerSlot("machine.bootMacAddress", wanted.Machine.BootMacAddress, wanted.Slots, Mac(), "must give six hexadecimal pairs for every slot, such as 0c:42:a1:00:00:{slot:x2}"))
            yield return violation;
        foreach (var violation in RulesOfPerSlot("machine.kubernetesNodeName", wanted.Machine.KubernetesNodeName?.ToLowerInvariant(), wanted.Slots, NodeName(), "must give a DNS-1123 subdomain for every slot, such as node-{slot:00}"))
            yield return violation;
        if (wanted.Machine.Bmc.Endpoint is not null)
            yield return new("machine.bmc.endpoint", "must be left out; bmcEndpoint says it for every slot");
        foreach (var violation in BareMetalMachine.RulesOfTemplate(wanted.Machine, current?.Machine))
            yield return violation with { Target = $"machine.{violation.Target}" };
        if (current is null)
            yield break;
        if (wanted.Slots.First > current.Slots.First || wanted.Slots.Last < current.Slots.Last)
            yield return new("slots", $"cannot shrink below {current.Slots.First} to {current.Slots.Last}; delete the rack, which gives its machines back");
        if (wanted.BmcEndpoint != current.BmcEndpoint)
            yield return Violation.Immutable("bmcEndpoint", "use the replace action of a machine");
        if (wanted.MachineNamePattern != current.MachineNamePattern)
            yield return Violation.Immutable("machineNamePattern", "machines keep their names");
        if (!wanted.Machine.SkuFamily.Equals(current.Machine.SkuFamily, StringComparison.OrdinalIgnoreCase))
            yield return Violation.Immutable("machine.skuFamily", "delete the rack and create it in the other family");
    }

    /// <summary>A property that each machine of a rack must have for itself.</summary>
    private static IEnumerable<Violation> RulesOfPerSlot(string target, string? pattern, SlotRange slots, Regex form, string rule)
    {
        if (pattern is null)
            yield break;
        if (SlotPattern.Faults(pattern) is { } fault)
            yield return new(target, fault);
        else if (!form.IsMatch(SlotPattern.Expand(pattern, "rack", slots.First)) || !form.IsMatch(SlotPattern.Expand(pattern, "rack", slots.Last)))
            yield return new(target, rule);
        else if (slots.First != slots.Last && SlotPattern.Expand(pattern, "rack", 1) == SlotPattern.Expand(pattern, "rack", 2))
            yield return new(target, "gives every slot the same value; it must contain {slot}");
    }

    [GeneratedRegex("^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Mac();

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex NodeName();

    public static IEnumerable<Reference> References(Rack wanted) =>
        BareMetalMachine.References(wanted.Machine).Select(reference => reference with { Target = $"machine.{reference.Target}" });

    public static QuotaDemand? Quota(Rack wanted) => new(wanted.Machine.SkuFamily, wanted.Slots.Count);

    public static TimeSpan TimeLimit(string request) => TimeSpan.FromHours(6);

    /// <summary>The machine in one slot.</summary>
    public (string Name, BareMetalMachine Machine) MachineIn(int slot, string rackName)
    {
        string? Expand(string? pattern) => pattern is null ? null : SlotPattern.Expand(pattern, rackName, slot);
        return (SlotPattern.Expand(MachineNamePattern, rackName, slot), Machine with
        {
            Bmc = Machine.Bmc with { Endpoint = SlotPattern.Expand(BmcEndpoint, rackName, slot) },
            BootMacAddress = Expand(Machine.BootMacAddress),
            KubernetesNodeName = Expand(Machine.KubernetesNodeName)?.ToLowerInvariant(),
        });
    }
}

/// <summary>Inclusive.</summary>
public sealed record SlotRange(int First, int Last)
{
    [JsonIgnore]
    public int Count => Last - First + 1;
}

public sealed record RackStatus
{
    public RackSummary? Summary { get; init; }
    public IReadOnlyList<RackMachine>? Machines { get; init; }
}

/// <summary>How many machines stand where; the parts add up to <see cref="Machines"/>.</summary>
public sealed record RackSummary(int Machines, int Provisioned, int InProgress, int Failed);

/// <summary>One slot, as far as its machine has come.</summary>
public sealed record RackMachine
{
    public required int Slot { get; init; }
    public required string Name { get; init; }
    public required string Id { get; init; }
    public DetailedStatus? DetailedStatus { get; init; }
    public string? Step { get; init; }
    public double PercentComplete { get; init; }
    public ErrorBody? Error { get; init; }
}

/// <summary>Text with <c>{slot}</c>, <c>{slot+100}</c>, <c>{slot-1}</c>, <c>{slot:00}</c>, <c>{slot:x2}</c> and <c>{rack}</c> in it.</summary>
public static partial class SlotPattern
{
    public static string Expand(string pattern, string rack, int slot) => Expression().Replace(pattern, match =>
    {
        if (match.Groups["rack"].Success)
            return rack;
        var number = slot + (match.Groups["offset"].Success ? int.Parse(match.Groups["offset"].Value, CultureInfo.InvariantCulture) : 0);
        return number.ToString(match.Groups["format"].Success ? match.Groups["format"].Value : "0", CultureInfo.InvariantCulture);
    });

    /// <summary>Why the pattern cannot be expanded, or null.</summary>
    public static string? Faults(string pattern) =>
        Expression().Replace(pattern, "").AsSpan().IndexOfAny('{', '}') >= 0
            ? "may hold {slot}, {slot+100}, {slot-1}, {slot:00}, {slot:x2} and {rack} in braces, and nothing else" : null;

    [GeneratedRegex(@"\{(?:(?<rack>rack)|slot(?<offset>[+-]\d{1,9})?(?::(?<format>0{1,9}|[xX]\d))?)\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Expression();
}
