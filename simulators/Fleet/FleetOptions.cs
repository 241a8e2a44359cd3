namespace ControlPlane.Simulators.Fleet;

/// <summary>What a simulated fleet looks like: how many clusters, where they are said to be, what runs in them.</summary>
internal sealed record FleetOptions
{
    public const string Usage =
        "ControlPlane.Simulators --clusters N [--cluster-prefix store-] [--regions westeurope:9,southeastasia:1] [--label tier=gold:1,silver:3]... [--nodes N] " +
        "[--kubernetes v1.32.6,...] [--node-images IMAGE:WEIGHT,...] [--instance-types Standard_D4s_v5] [--add-on secrets-store-csi-driver=1.4.8:9,1.4.2:1]... " +
        "[--port P] [--control-port P] [--clock FACTOR] [--seed S] [--ready-file FILE]";

    public int Clusters { get; init; } = 1;
    public string Prefix { get; init; } = "store-";
    public Shares Regions { get; init; } = Shares.Of("westeurope");

    /// <summary>Labels of the clusters themselves, each with its shares.</summary>
    public IReadOnlyDictionary<string, Shares> Labels { get; init; } = new Dictionary<string, Shares>(StringComparer.Ordinal);

    /// <summary>Nodes of each cluster.</summary>
    public int Nodes { get; init; } = 1;

    public Shares KubernetesVersions { get; init; } = Shares.Of("v1.32.6");
    public Shares NodeImages { get; init; } = Shares.Of("AKSUbuntu-2204gen2containerd-202601.13.0");
    public Shares InstanceTypes { get; init; } = Shares.Of("Standard_D4s_v5");

    /// <summary>Deployments in kube-system and the versions that they say they are of.</summary>
    public IReadOnlyDictionary<string, Shares> AddOns { get; init; } = new Dictionary<string, Shares>(StringComparer.Ordinal)
    {
        ["coredns"] = Shares.Of("1.11.3"),
        ["secrets-store-csi-driver"] = Shares.Of("1.4.8"),
    };

    /// <summary>Port of every API server. 0 = a free one.</summary>
    public int Port { get; init; }

    /// <summary>Port of the control API. 0 = a free one.</summary>
    public int ControlPort { get; init; }

    /// <summary>Every realistic delay is multiplied by this: 1 = real time, 0 = instant.</summary>
    public double Clock { get; init; }

    /// <summary>Decides which clusters a fraction strikes, and the dice of fault rules.</summary>
    public int Seed { get; init; } = 1;

    public string? ReadyFile { get; init; }

    /// <summary>Changes of each cluster that are kept for watchers who come back.</summary>
    public int HistoryLimit { get; init; } = 256;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">An option is unknown, has no value, or has a value out of range.</exception>
    public static FleetOptions Parse(IReadOnlyList<string> args)
    {
        if (args.Count % 2 != 0) throw new FormatException($"'{args[^1]}' has no value.");
        var options = new FleetOptions();
        for (var at = 0; at < args.Count; at += 2) options = options.With(args[at], args[at + 1]);
        return options;
    }

    private FleetOptions With(string name, string value) => name switch
    {
        "--clusters" => this with { Clusters = Number(name, value, 1, ClusterSeat.Most) },
        "--cluster-prefix" => this with { Prefix = value },
        "--regions" => this with { Regions = Shares.Parse(value) },
        "--label" => this with { Labels = Added(Labels, name, value) },
        "--nodes" => this with { Nodes = Number(name, value, 0, 100) },
        "--kubernetes" => this with { KubernetesVersions = Shares.Parse(value) },
        "--node-images" => this with { NodeImages = Shares.Parse(value) },
        "--instance-types" => this with { InstanceTypes = Shares.Parse(value) },
        "--add-on" => this with { AddOns = Added(AddOns, name, value) },
        "--port" => this with { Port = Number(name, value, 1, 65_535) },
        "--control-port" => this with { ControlPort = Number(name, value, 1, 65_535) },
        "--clock" => double.TryParse(value, out var factor) && factor is >= 0 and <= 100
            ? this with { Clock = factor }
            : throw new FormatException($"{name} is a factor between 0 and 100, for example 0.01, not '{value}'."),
        "--seed" => this with { Seed = Number(name, value, 0, int.MaxValue) },
        "--ready-file" => this with { ReadyFile = value },
        _ => throw new FormatException($"'{name}' is not an option of a fleet."),
    };

    private static Dictionary<string, Shares> Added(IReadOnlyDictionary<string, Shares> known, string name, string value)
    {
        if (value.Split('=', 2) is not [{ Length: > 0 } key, var shares]) throw new FormatException($"{name} is a name with shares, for example tier=gold:1,silver:3, not '{value}'.");
        return new Dictionary<string, Shares>(known, StringComparer.Ordinal) { [key] = Shares.Parse(shares) };
    }

    private static int Number(string name, string value, int least, int most) =>
        int.TryParse(value, out var number) && number >= least && number <= most
            ? number
            : throw new FormatException($"{name} is a number between {least} and {most}, not '{value}'.");
}
