using System.Text.Json.Nodes;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>A resource of one type, at an address of its own, that a rule is tried on.</summary>
internal sealed class Subject
{
    private static int count;

    public Subject(ConformanceFixture fixture, ControlPlaneFixture plane, string type, string group = ConformanceFixture.Group)
    {
        (Plane, Type) = (plane, Registered.Find(type));
        Sample = fixture.Samples.Of(Type.Type);
        Name = $"thing-{Interlocked.Increment(ref count):0000}";
        Path = PathOf(Name, group);
        Body = new() { ["location"] = "westeurope", ["tags"] = new JsonObject { ["purpose"] = "test" }, ["properties"] = Sample.Properties() };
    }

    public ControlPlaneFixture Plane { get; }
    public ArmHttp Arm => Plane.Arm;
    public RegisteredType Type { get; }
    public Sample Sample { get; }
    public string Name { get; }

    /// <summary>Its resource id.</summary>
    public string Path { get; }

    public string Collection => Path[..Path.LastIndexOf('/')];

    /// <summary>What creates it.</summary>
    public JsonObject Body { get; }

    public JsonObject Properties => Body["properties"]!.AsObject();

    public Task<ArmAnswer> PutAsync(params (string Name, string Value)[] headers) => Arm.PutAsync(Path, Body, headers);

    public Task<ArmAnswer> GetAsync(params (string Name, string Value)[] headers) => Arm.GetAsync(Path, headers);

    public Task<ArmAnswer> DeleteAsync(params (string Name, string Value)[] headers) => Arm.DeleteAsync(Path, headers);

    /// <summary>PUTs it; the answer is that of the PUT.</summary>
    public async Task<ArmAnswer> CreateAsync()
    {
        var created = await PutAsync();
        Assert.True(created.Status == 201, created.ToString());
        return created;
    }

    /// <summary>Creates it and waits until nothing happens to it any more.</summary>
    public async Task<ArmAnswer> SettleAsync()
    {
        var created = await CreateAsync();
        if (created.Header("Azure-AsyncOperation") is not null)
            await Arm.FinishAsync(created);
        return await GetAsync();
    }

    public string PathOf(string name, string group = ConformanceFixture.Group) => Type.Type == ResourceType.ResourceGroup
        ? $"{ArmHttp.SubscriptionPath}/resourceGroups/{name}"
        : $"{ArmHttp.SubscriptionPath}/resourceGroups/{group}/providers/{Type.Type}/{name}";

    public override string ToString() => Path;
}
