using System.Security.Cryptography;

namespace ControlPlane.Simulators;

/// <summary>What the simulated outside world looks like: how many machines, of which make, how fast time passes.</summary>
internal sealed record SimulationOptions
{
    public const string Usage =
        "ControlPlane.Simulators --machines N [--port-base P] [--control-port P] [--personality mixed|generic|idrac9|idrac10|ilo5|ilo6|supermicro|ami] " +
        "[--clock FACTOR] [--seed S] [--user NAME] [--password SECRET] [--image-size BYTES] [--ready-file FILE] [--trust-ca FILE]";

    public int Machines { get; init; } = 1;

    /// <summary>First BMC port; machine in slot i+1 listens on base + i. 0 = the first run of free ports.</summary>
    public int PortBase { get; init; }

    /// <summary>Port of the control API. 0 = any free port.</summary>
    public int ControlPort { get; init; }

    public string Personality { get; init; } = "mixed";

    /// <summary>Every realistic delay is multiplied by this: 1 = real time, 0 = instant.</summary>
    public double Clock { get; init; }

    /// <summary>Decides UUIDs, image bytes and the dice of fault rules.</summary>
    public int Seed { get; init; } = 1;

    public string UserName { get; init; } = "admin";

    /// <summary>The BMCs' password; random unless given.</summary>
    public string Password { get; init; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    /// <summary>Size of each operating-system image in bytes.</summary>
    public long ImageSize { get; init; } = 1 << 20;

    public string? ReadyFile { get; init; }

    /// <summary>PEM of the authorities that firmware, BMCs and agents trust besides the simulator's own.</summary>
    public string? TrustCaPem { get; init; }

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">An option is unknown, has no value, or has a value out of range.</exception>
    public static SimulationOptions Parse(IReadOnlyList<string> args)
    {
        if (args.Count % 2 != 0) throw new FormatException($"'{args[^1]}' has no value.");
        var options = new SimulationOptions();
        for (var i = 0; i < args.Count; i += 2)
            options = With(options, args[i], args[i + 1]);
        return options;
    }

    private static SimulationOptions With(SimulationOptions options, string name, string value) => name switch
    {
        "--machines" => options with { Machines = Number(name, value, 1, 20_000) },
        "--port-base" => options with { PortBase = Number(name, value, 1, 65_535) },
        "--control-port" => options with { ControlPort = Number(name, value, 1, 65_535) },
        "--personality" => options with { Personality = value },
        "--clock" => options with
        {
            Clock = double.TryParse(value, out var factor) && factor is >= 0 and <= 100
                ? factor
                : throw new FormatException($"{name} is a factor between 0 and 100, for example 0.01, not '{value}'."),
        },
        "--seed" => options with { Seed = Number(name, value, 0, int.MaxValue) },
        "--user" => options with { UserName = value },
        "--password" => options with { Password = value },
        "--image-size" => options with { ImageSize = Number(name, value, 1, int.MaxValue) },
        "--ready-file" => options with { ReadyFile = value },
        "--trust-ca" => options with { TrustCaPem = File.ReadAllText(value) },
        _ => throw new FormatException($"'{name}' is not an option."),
    };

    private static int Number(string name, string value, int least, int most) =>
        int.TryParse(value, out var number) && number >= least && number <= most
            ? number
            : throw new FormatException($"{name} is a number between {least} and {most}, not '{value}'.");
}
