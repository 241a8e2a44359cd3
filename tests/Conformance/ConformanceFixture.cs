using System.Reflection;
using System.Text.Json.Nodes;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Simulators;
using ControlPlane.Tests.Fixtures;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace ControlPlane.Tests.Conformance;

/// <summary>The world of the suite: simulated hardware and cluster, a whole control plane, and a front door without workers where every operation stays in progress.</summary>
public sealed class ConformanceFixture : IAsyncLifetime
{
    /// <summary>A resource group that exists on both.</summary>
    public const string Group = "Conformance";

    private const int Machines = 100;

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
        await MakeGroupAsync(whole, Group);
        await MakeGroupAsync(frozen, Group);
    }

    /// <summary>A resource group of this name.</summary>
    internal static async Task MakeGroupAsync(ControlPlaneFixture plane, string name) =>
        (await plane.Arm.PutAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{name}", new JsonObject { ["location"] = "westeurope" })).Is(201);

    /// <summary>Whatever the suite sent, nothing of it may have been an error on our side.</summary>
    public async ValueTask DisposeAsync()
    {
        var errors = new[] { whole, frozen }.OfType<ControlPlaneFixture>().SelectMany(plane => plane.Log.Errors).ToList();
        if (whole is not null)
            await whole.DisposeAsync();
        if (frozen is not null)
            await frozen.DisposeAsync();
        if (world is not null)
            await world.DisposeAsync();
        Assert.True(errors.Count == 0, $"The control plane logged errors:\n{string.Join('\n', errors)}");
    }
}

/// <summary>One world for the whole suite.</summary>
[CollectionDefinition(Name)]
public sealed class ConformanceSuite : ICollectionFixture<ConformanceFixture>
{
    public const string Name = "Conformance";
}

/// <summary>Which registered types a rule is about.</summary>
public enum Which
{
    /// <summary>Every tracked one; proxies and extensions have tests of their own.</summary>
    All,

    /// <summary>Those whose writes are carried out by an operation.</summary>
    Asynchronous,

    /// <summary>Those that live in a resource group.</summary>
    Grouped,

    /// <summary>Those with properties that a client writes.</summary>
    WithProperties,
}

/// <summary>Data of a theory: the name of every registered type that the rule is about. Registering a type is enough to be held to it.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EachTypeAttribute(Which which = Which.All) : DataAttribute
{
    public Which Which { get; } = which;

    public override bool SupportsDiscoveryEnumeration() => true;

    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. Names(Which).Select(name => new TheoryDataRow<string>(name))]);

    internal static IEnumerable<string> Names(Which which) => ResourceTypes.All.Where(type => type.IsTracked && IsMeant(type, which)).Select(type => type.Type.ToString());

    private static bool IsMeant(RegisteredType type, Which which) => which switch
    {
        Which.Asynchronous => !type.CompletesOnWrite,
        Which.Grouped => type.Type != ResourceType.ResourceGroup,
        Which.WithProperties => Json.Options.GetTypeInfo(type.PropertiesType).Properties.Count > 0,
        _ => true,
    };
}
