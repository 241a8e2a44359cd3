using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

[Collection(ConformanceSuite.Name)]
public sealed class PutTests(ConformanceFixture fixture)
{
    [Theory, MemberData(nameof(Registered.Types), MemberType = typeof(Registered))]
    public async Task PUT_of_a_new_resource_is_201_with_the_whole_resource(string type)
    {
        var at = new Subject(fixture, fixture.Whole, type);
        var put = await at.CreateAsync();
        Assert.Equal(201, put.Status);
        Assert.Equal(at.Path, put.Json.GetProperty("id").GetString());
    }
}
