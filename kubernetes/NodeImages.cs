using System.Globalization;
using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Kubernetes;

/// <summary>Which node image is newer. An image's name is that of its kind, a hyphen, and a version of numbers. Pure.</summary>
internal static class NodeImages
{
    /// <summary>Of which the newest is meant: those that were chosen when the run started, and with Latest also those that are known now.</summary>
    public static IReadOnlyList<string> Candidates(ManagedClusterUpdate update, IReadOnlyList<string> chosen, IReadOnlyList<string> known) =>
        update.NodeImageSelection?.Type is NodeImageSelectionType.Consistent ? chosen : [.. chosen.Concat(known).Distinct(StringComparer.Ordinal)];

    /// <summary>The newest of the same kind as the present one; the present one when there is none newer.</summary>
    public static string Newest(string present, IEnumerable<string> known)
    {
        var kind = Split(present).Kind;
        return known.Append(present).Where(image => Split(image).Kind == kind).Aggregate((one, other) => Compare(Split(one).Version, Split(other).Version) >= 0 ? one : other);
    }

    /// <summary>Of those that are given, the one of the same kind as the present one; null when there is none.</summary>
    public static string? Given(string present, IReadOnlyList<string> given) => given.FirstOrDefault(image => Split(image).Kind == Split(present).Kind);

    /// <summary>The newest of each kind.</summary>
    public static IReadOnlyList<string> NewestOfEach(IEnumerable<string> known)
    {
        var images = known.Distinct(StringComparer.Ordinal).ToList();
        return [.. images.Select(image => Newest(image, images)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    private static (string Kind, string Version) Split(string image)
    {
        var at = image.LastIndexOf('-');
        return at < 0 ? (image, "") : (image[..at], image[(at + 1)..]);
    }

    /// <summary>Part by part, as numbers.</summary>
    public static int Compare(string version, string other)
    {
        var (one, two) = (Numbers(version), Numbers(other));
        for (var at = 0; at < Math.Max(one.Count, two.Count); at++)
        {
            if (one.ElementAtOrDefault(at).CompareTo(two.ElementAtOrDefault(at)) is not 0 and var order)
                return order;
        }

        return 0;
    }

    private static List<long> Numbers(string version) => [.. version.TrimStart('v').Split('.').Select(part => long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1)];
}
