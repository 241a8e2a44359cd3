using System.Globalization;
using System.Net;

namespace ControlPlane.Simulators.Fleet;

/// <summary>A cluster's place in the fleet, all that follows from the options: name, address, region, labels, what is installed.</summary>
internal sealed record ClusterSeat
{
    /// <summary>Clusters that have an address in 127.1.0.0 and above.</summary>
    public const int Most = 60_000;

    private const int PerNetwork = 250;

    public required int Index { get; init; }
    public required string Name { get; init; }

    /// <summary>An address of its own, so that every client has a connection of its own to it.</summary>
    public required IPAddress Address { get; init; }

    public required string Region { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }
    public required string KubernetesVersion { get; init; }
    public required string NodeImage { get; init; }
    public required string InstanceType { get; init; }
    public required IReadOnlyDictionary<string, string> AddOns { get; init; }
    public required int Nodes { get; init; }

    public static ClusterSeat At(int index, FleetOptions options)
    {
        var count = options.Clusters;
        var digits = Math.Max(4, count.ToString(CultureInfo.InvariantCulture).Length);
        var region = options.Regions.Pick(index, count, 0);
        var labels = options.Labels.Select((pair, at) => KeyValuePair.Create(pair.Key, pair.Value.Pick(index, count, 10 + at)));
        return new ClusterSeat
        {
            Index = index, Name = options.Prefix + (index + 1).ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0'), Address = AddressOf(index), Region = region,
            Labels = new Dictionary<string, string>(labels, StringComparer.Ordinal), Nodes = options.Nodes,
            KubernetesVersion = options.KubernetesVersions.Pick(index, count, 1), NodeImage = options.NodeImages.Pick(index, count, 2), InstanceType = options.InstanceTypes.Pick(index, count, 3),
            AddOns = options.AddOns.Select((pair, at) => KeyValuePair.Create(pair.Key, pair.Value.Pick(index, count, 100 + at))).ToDictionary(StringComparer.Ordinal),
        };
    }

    /// <summary>127.1.0.1 … 127.1.0.250, 127.1.1.1 and so on.</summary>
    public static IPAddress AddressOf(int index) => new([127, 1, (byte)(index / PerNetwork), (byte)((index % PerNetwork) + 1)]);

    /// <summary>Which cluster has an address; negative if none can have it.</summary>
    public static int IndexOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        return address.MapToIPv4().TryWriteBytes(bytes, out _) && bytes[0] == 127 && bytes[1] == 1 && bytes[3] is > 0 and <= PerNetwork ? (bytes[2] * PerNetwork) + bytes[3] - 1 : -1;
    }
}
