using System.Globalization;
using System.Text.RegularExpressions;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Metering;

/// <summary>Which usage is asked for: hours that begin at one time or later and before another, of what stands below a resource group and is one resource, each given by its key or null.</summary>
internal sealed partial record UsageFilter(DateTimeOffset From, DateTimeOffset Before, string? Group, string? Resource)
{
    public const string Help = "properties/usageStart and properties/usageEnd with ge, gt, le and lt; properties/resourceGroup and properties/instanceName (or instanceId) with eq; joined by and. A date without a time is the whole day.";

    private static readonly UsageFilter Everything = new(DateTimeOffset.MinValue, DateTimeOffset.MaxValue, Group: null, Resource: null);

    /// <summary>True when two terms exclude each other, such as two groups.</summary>
    public bool IsNothing { get; private init; }

    /// <summary>Reads an OData filter, for usage in a subscription or in one of its groups.</summary>
    public static UsageFilter Parse(string text, string subscription, string? group)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
            throw ArmErrors.InvalidFilter(text.Replace('\0', '?'), "it holds U+0000.");
        var filter = Everything with { Group = group is null ? null : ResourceId.Group(subscription, group).Key };
        for (var at = 0; at < text.Length;)
        {
            var term = Term().Match(text, at);
            if (!term.Success)
                throw ArmErrors.InvalidFilter(text, $"at character {at + 1}: expected {{name}} {{operator}} '{{value}}'. It takes {Help}");
            filter = filter.With(text, subscription, term.Groups["name"].Value.ToLowerInvariant(), term.Groups["op"].Value.ToLowerInvariant(), term.Groups["value"].Value.Replace("''", "'", StringComparison.Ordinal));
            at = term.Index + term.Length;
        }

        return filter;
    }

    private UsageFilter With(string text, string subscription, string name, string op, string value) => (name, op) switch
    {
        ("usagestart", not "eq") => Within(text, op, value, TimeSpan.Zero),
        ("usageend", not "eq") => Within(text, op, value, TimeSpan.FromHours(1)),
        ("resourcegroup", "eq") => Only(ResourceId.Group(subscription, value).Key, Resource),
        ("instancename" or "instanceid" or "resourceid", "eq") => Only(Group, value.TrimEnd('/').ToLowerInvariant()),
        _ => throw ArmErrors.InvalidFilter(text, $"'{name} {op}' is not known. It takes {Help}"),
    };

    private UsageFilter Only(string? group, string? resource) => this with
    {
        Group = group, Resource = resource, IsNothing = IsNothing || (Group is not null && group != Group) || (Resource is not null && resource != Resource),
    };

    /// <summary>An hour that begins at t ends an hour later, so what is said of its end is said of its begin an hour before.</summary>
    private UsageFilter Within(string text, string op, string value, TimeSpan length)
    {
        if (!DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) || time < DateTimeOffset.UnixEpoch || time.Year > 9000)
            throw ArmErrors.InvalidFilter(text, $"'{value}' is not a time such as 2026-06-01T00:00:00Z or a date such as 2026-06-01.");
        var (first, after) = DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) ? (time, time.AddDays(1)) : (time - length, time - length + TimeSpan.FromMicroseconds(1));
        return op switch { "ge" => Later(first), "gt" => Later(after), "lt" => Earlier(first), _ => Earlier(after) };
    }

    private UsageFilter Later(DateTimeOffset time) => time > From ? this with { From = time } : this;

    private UsageFilter Earlier(DateTimeOffset time) => time < Before ? this with { Before = time } : this;

    [GeneratedRegex(@"\G\s*(?:properties/)?(?<name>\w+)\s+(?<op>eq|ge|gt|le|lt)\s+(?:'(?<value>(?:[^']|'')*)'|(?<value>[^\s']+))\s*(?:and\s+(?=\S)|$)", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();
}
