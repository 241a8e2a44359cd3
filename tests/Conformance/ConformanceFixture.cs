using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Simulators;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>The world of the suite: simulated hardware and cluster, a whole control plane, and a front door without workers where every operation stays in progress.</summary>
public sealed class ConformanceFixture : IAsyncLifetime
{
    public const string Group = "conformance";

    private const int Machines = 300;

    private SimulatedRack? world;
    private ControlPlaneFixture? whole;
    private ControlPlaneFixture? frozen;

    internal ControlPlaneFixture Whole => whole!;
    internal ControlPlaneFixture Frozen => frozen!;
    internal Samples Samples { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        world = await SimulatedRack.StartAsync(new() { Machines = Machines, Password = Samples.Secret, Personality = "generic", TrustCaPem = ControlPlaneFixture.CaPem });
        Samples = new(world.Ready);
        whole = await ControlPlaneFixture.StartAsync();
        frozen = await ControlPlaneFixture.StartFrontDoorAsync();
        foreach (var plane in new[] { whole, frozen })
            await plane.Arm.PutAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{Group}", new System.Text.Json.Nodes.JsonObject { ["location"] = "westeurope" });
    }

    public async ValueTask DisposeAsync()
    {
        if (whole is not null)
            await whole.DisposeAsync();
        if (frozen is not null)
            await frozen.DisposeAsync();
        if (world is not null)
            await world.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class ConformanceSuite : ICollectionFixture<ConformanceFixture>
{
    public const string Name = "Conformance";
}

/// <summary>The registered types by name, as data of theories.</summary>
internal static class Registered
{
    public static TheoryData<string> Types => [.. ResourceProviders.All.Select(type => type.Type.ToString())];

    /// <summary>Those whose writes are carried out by an operation.</summary>
    public static TheoryData<string> AsynchronousTypes => [.. ResourceProviders.All.Where(type => !type.CompletesOnWrite).Select(type => type.Type.ToString())];

    /// <summary>Those that live in a resource group.</summary>
    public static TheoryData<string> GroupedTypes => [.. ResourceProviders.All.Where(type => type.Type != ResourceType.ResourceGroup).Select(type => type.Type.ToString())];

    public static RegisteredType Find(string name) => ResourceProviders.All.Single(type => type.Type.ToString() == name);
}
