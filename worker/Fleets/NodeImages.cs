using System.Globalization;
using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>Node images that are known though no cluster runs them yet.</summary>
internal sealed class FleetOptions
{
    /// <summary>Such as AKSUbuntu-2204gen2containerd-202602.10.0.</summary>
    public IReadOnlyList<string> NodeImages { get; init; } = [];
}

/// <summary>Which node image is newer. An image's name is that of its kind, a hyphen, and a version of numbers. Pure but for <see cref="KnownAsync"/>.</summary>
internal static class NodeImages
{
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

    /// <summary>What the clusters of a fleet run.</summary>
    public static async Task<IReadOnlyList<string>> KnownAsync(NpgsqlConnection connection, string fleet, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select distinct i.node_images::text from cluster_inventories i join fleet_members m on m.cluster_key = i.cluster_key where m.fleet_key = $1", fleet);
        await using var row = await command.ExecuteReaderAsync(stop);
        var known = new List<string>();
        while (await row.ReadAsync(stop))
            known.AddRange(Json.Read<Dictionary<string, JsonElement>>(row.GetString(0)).Keys);
        return known;
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
