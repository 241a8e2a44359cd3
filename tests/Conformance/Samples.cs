using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Simulators;

namespace ControlPlane.Tests.Conformance;

/// <summary>What the rules need to know of a type beyond its registration.</summary>
internal sealed record Sample
{
    /// <summary>Properties that a PUT of a new resource may carry. With true they claim a simulated machine for it alone; with false the address of one that nobody will ever ask.</summary>
    public required Func<bool, JsonObject> Properties { get; init; }

    /// <summary>A property that must be there and must not be null.</summary>
    public string Required { get; init; } = "";

    /// <summary>Path of a property that may change and be left out, below objects that are always there.</summary>
    public string Optional { get; init; } = "";

    /// <summary>A value of <see cref="Optional"/> that is not its default; always a new node.</summary>
    public Func<JsonNode> OptionalValue { get; init; } = () => throw new InvalidOperationException("The sample names no optional property.");

    /// <summary>The value that must never be read back, as <see cref="Properties"/> sends it.</summary>
    public string? Secret { get; init; }

    /// <summary>Its names have no capital letters.</summary>
    public bool IsLowerCase { get; init; }
}

/// <summary>One valid body per type: the only thing that a new type adds to this suite.</summary>
internal sealed class Samples(ReadyFile world)
{
    public const string Secret = "tell-nobody-7c1f";

    private int machines;
    private int nobody = 40_000;

    public Sample Of(ResourceType type) => Table.GetValueOrDefault(type)
        ?? throw new InvalidOperationException($"There is no sample of {type}. Add one to {nameof(Samples)}.{nameof(Table)}: every registered type is held to the rules of this suite.");

    private Dictionary<ResourceType, Sample> Table => new()
    {
        [ResourceType.ResourceGroup] = new() { Properties = _ => [] },
        [ConnectedCluster.Type] = new()
        {
            Properties = _ => new()
            {
                ["apiServer"] = world.Cluster.Server,
                ["caCertificate"] = world.Cluster.CaPem,
                ["credentials"] = new JsonObject { ["token"] = world.Cluster.Token },
            },
            Required = "apiServer",
            Optional = "caCertificate",
            OptionalValue = () => $"{world.BmcCaPem}\n{world.Cluster.CaPem}",
            Secret = world.Cluster.Token,
        },
        [OsImage.Type] = new()
        {
            Properties = _ => new()
            {
                ["version"] = "24.04.3",
                ["url"] = world.Images[0].Url,
                ["sha256"] = world.Images[0].Sha256,
                ["sizeBytes"] = world.Images[0].SizeBytes,
            },
            Required = "version",
            Optional = "knownCves",
            OptionalValue = () => new JsonArray("CVE-2026-12345"),
        },
        [BareMetalMachine.Type] = new()
        {
            Properties = take => Machine($"https://127.0.0.1:{NextBmc(take)}"),
            Required = "bmc",
            Optional = "nodeLabels",
            OptionalValue = () => new JsonObject { ["tier"] = "gold" },
            Secret = world.Password,
        },
        [Fleet.Type] = new() { Properties = _ => [], IsLowerCase = true },
        [Rack.Type] = new()
        {
            Properties = RackOfOne,
            Required = "slots",
            Optional = "machine.wipePolicy",
            OptionalValue = () => "Overwrite",
            Secret = world.Password,
        },
    };

    /// <summary>A rack of the one machine that the next port belongs to.</summary>
    private JsonObject RackOfOne(bool take)
    {
        var machine = Machine(endpoint: null);
        return new()
        {
            ["slots"] = new JsonObject { ["first"] = 1, ["last"] = 1 },
            ["bmcEndpoint"] = $"https://127.0.0.1:{{slot+{NextBmc(take) - 1}}}",
            ["machineNamePattern"] = "{rack}-{slot:00}",
            ["machine"] = machine,
        };
    }

    /// <summary>Without an image: it is inspected and stays Available.</summary>
    private JsonObject Machine(string? endpoint)
    {
        var bmc = new JsonObject
        {
            ["credentials"] = new JsonObject { ["userName"] = world.UserName, ["password"] = world.Password },
            ["tls"] = new JsonObject { ["mode"] = "CaBundle", ["caBundle"] = world.BmcCaPem },
        };
        if (endpoint is not null)
            bmc["endpoint"] = endpoint;
        return new() { ["bmc"] = bmc, ["allowUncertifiedHardware"] = true };
    }

    private int NextBmc(bool take)
    {
        if (!take)
            return Interlocked.Increment(ref nobody);
        var next = Interlocked.Increment(ref machines);
        return next <= world.Machines ? world.BmcPortBase + next - 1
            : throw new InvalidOperationException($"All {world.Machines} simulated machines are taken; raise their number in {nameof(ConformanceFixture)}.");
    }
}
