using System.Text.RegularExpressions;

namespace ControlPlane.Contracts.Arm;

/// <summary>
/// A version such as <c>v1.32.6</c>, <c>1.4.8-rc.1</c> or <c>202601.13.0</c>: numbers compared as numbers, however many there are (missing ones are 0), and a prerelease before its release
/// (Semantic Versioning 2.0, precedence). What comes after a + does not count.
/// </summary>
public sealed partial class SemanticVersion
{
    private readonly string[] numbers;
    private readonly string[] prerelease;

    private SemanticVersion(string[] numbers, string[] prerelease) => (this.numbers, this.prerelease) = (numbers, prerelease);

    /// <summary>Null for a text that is no version.</summary>
    public static SemanticVersion? TryParse(string? text)
    {
        if (text is not { Length: > 0 and <= 128 } || Pattern().Match(text) is not { Success: true } match)
            return null;
        return new(match.Groups["numbers"].Value.Split('.'), match.Groups["pre"] is { Success: true } pre ? pre.Value.Split('.') : []);
    }

    /// <summary>Which of two texts is the earlier version; null when one of them is none.</summary>
    public static int? Compare(string? left, string? right) => TryParse(left) is { } a && TryParse(right) is { } b ? Math.Sign(a.Order(b)) : null;

    /// <summary>Negative when this is the earlier one.</summary>
    public int Order(SemanticVersion other)
    {
        for (var at = 0; at < Math.Max(numbers.Length, other.numbers.Length); at++)
        {
            if (ByNumber(at < numbers.Length ? numbers[at] : "0", at < other.numbers.Length ? other.numbers[at] : "0") is not 0 and var order)
                return order;
        }

        return ByPrerelease(prerelease, other.prerelease);
    }

    /// <summary>Digits of any length.</summary>
    private static int ByNumber(string left, string right)
    {
        var (a, b) = (left.TrimStart('0'), right.TrimStart('0'));
        return a.Length != b.Length ? a.Length.CompareTo(b.Length) : Math.Sign(string.CompareOrdinal(a, b));
    }

    private static int ByPrerelease(string[] left, string[] right)
    {
        if (left.Length == 0 || right.Length == 0)
            return right.Length.CompareTo(left.Length);
        for (var at = 0; at < Math.Min(left.Length, right.Length); at++)
        {
            var (a, b) = (IsNumber(left[at]), IsNumber(right[at]));
            var order = a && b ? ByNumber(left[at], right[at]) : a != b ? b.CompareTo(a) : Math.Sign(string.CompareOrdinal(left[at], right[at]));
            if (order != 0)
                return order;
        }

        return left.Length.CompareTo(right.Length);
    }

    private static bool IsNumber(string text) => text.All(char.IsAsciiDigit);

    [GeneratedRegex(@"^[vV]?(?<numbers>[0-9]+(?:\.[0-9]+)*)(?:-(?<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]*)?\z", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Pattern();
}

/// <summary>Bounds on versions that all hold: <c>&gt;=1.3.0 &lt;1.4.5</c>; a version alone is exactly that one.</summary>
public sealed partial class VersionRange
{
    private readonly IReadOnlyList<(string Operator, SemanticVersion Version)> bounds;

    private VersionRange(IReadOnlyList<(string, SemanticVersion)> bounds) => this.bounds = bounds;

    /// <summary>Null for a text that is no range.</summary>
    public static VersionRange? TryParse(string text)
    {
        var read = new List<(string, SemanticVersion)>();
        foreach (var word in text.Split((char[])[' ', ','], StringSplitOptions.RemoveEmptyEntries))
        {
            var match = Bound().Match(word);
            if (SemanticVersion.TryParse(match.Groups["version"].Value) is not { } version)
                return null;
            read.Add((match.Groups["operator"].Value, version));
        }

        return read.Count > 0 ? new(read) : null;
    }

    /// <summary>What is no version is in no range.</summary>
    public bool Contains(string? text) => SemanticVersion.TryParse(text) is { } version && bounds.All(bound => bound.Operator switch
    {
        "<" => version.Order(bound.Version) < 0,
        "<=" => version.Order(bound.Version) <= 0,
        ">" => version.Order(bound.Version) > 0,
        ">=" => version.Order(bound.Version) >= 0,
        _ => version.Order(bound.Version) == 0,
    });

    [GeneratedRegex(@"^(?<operator><=|>=|<|>|=)?(?<version>.*)\z", RegexOptions.ExplicitCapture | RegexOptions.Singleline, 1000)]
    private static partial Regex Bound();
}
