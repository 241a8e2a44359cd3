using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Simulators;
using ControlPlane.Tests.Conformance;
using ControlPlane.Tests.Fixtures;
using Xunit;
using Wire = ControlPlane.Simulators.Wire.Json;

namespace ControlPlane.Tests.Clients;

/// <summary>What clients made for Azure are pointed at: a whole control plane, machines to manage, and a folder with what they must know to reach it.</summary>
public sealed class ClientWorld : IAsyncLifetime
{
    private const int Machines = 12;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("clients-");
    private SimulatedRack? rack;
    private ControlPlaneFixture? plane;
    private Samples? samples;
    private Task<AzureCli>? azure;

    internal ControlPlaneFixture Plane => plane!;
    internal string Endpoint => Plane.Endpoint.GetLeftPart(UriPartial.Authority);

    /// <summary>A folder of this run, for what clients keep.</summary>
    internal string Folder => folder.FullName;

    /// <summary>The authority that a client must trust.</summary>
    internal string CaFile => Path.Combine(Folder, "ca.pem");

    /// <summary>The Azure command line, logged in once for all tests.</summary>
    internal Task<AzureCli> AzureAsync() => azure ??= AzureCli.SignInAsync(this);

    public async ValueTask InitializeAsync()
    {
        rack = await SimulatedRack.StartAsync(new() { Machines = Machines, Password = Samples.Secret, Personality = "generic", TrustCaPem = ControlPlaneFixture.CaPem });
        samples = new(rack.Ready);
        plane = await ControlPlaneFixture.StartAsync();
        await File.WriteAllTextAsync(CaFile, ControlPlaneFixture.CaPem);
    }

    /// <summary>Whatever clients sent, nothing of it may have been an error on our side.</summary>
    public async ValueTask DisposeAsync()
    {
        var errors = plane?.Log.Errors ?? [];
        if (plane is not null)
            await plane.DisposeAsync();
        if (rack is not null)
            await rack.DisposeAsync();
        folder.Delete(recursive: true);
        Assert.True(errors.Count == 0, $"The control plane logged errors:\n{string.Join('\n', errors)}");
    }

    /// <summary>The body that creates a machine which nobody else has.</summary>
    internal JsonObject Machine() => new() { ["location"] = "westeurope", ["properties"] = samples!.Of(BareMetalMachine.Type).Properties(true) };

    /// <summary>The ready file of a simulator with one machine, which nobody else has.</summary>
    internal string ReadyFile()
    {
        var endpoint = Machine()["properties"]!["bmc"]!["endpoint"]!.GetValue<string>();
        return Write("machine.json", JsonSerializer.Serialize(rack!.Ready with { BmcPortBase = new Uri(endpoint).Port, Machines = 1 }, Wire.Compact));
    }

    /// <summary>A file of this run with that content; the answer is its path.</summary>
    internal string Write(string name, string content)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllText(path, content);
        return path;
    }
}

/// <summary>One world for all clients, which take their turns: each of them keeps a processor busy.</summary>
[CollectionDefinition(Name)]
public sealed class ClientSuite : ICollectionFixture<ClientWorld>
{
    public const string Name = "Clients";
}
