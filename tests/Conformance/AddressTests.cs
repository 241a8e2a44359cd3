using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>api-versions, the spelling of addresses, and what is at none of them.</summary>
[Collection(ConformanceSuite.Name)]
public sealed class AddressTests(ConformanceFixture fixture)
{
    private ArmHttp Arm => fixture.Frozen.Arm;

    [Theory, EachType]
    public async Task Every_verb_needs_an_api_version_that_the_type_serves(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var (verb, path) in Verbs(thing))
        {
            (await SendAsync(verb, path)).Is(400, "MissingApiVersionParameter");
            (await SendAsync(verb, $"{path}?api-version=")).Is(400, "MissingApiVersionParameter");
            foreach (var malformed in new[] { "latest", "2026-6-1", "2026-06-01-beta", "2026-06-01'--", "%00" })
                Assert.Equal(400, (await SendAsync(verb, $"{path}?api-version={malformed}")).Status);
            var unsupported = (await SendAsync(verb, $"{path}?api-version=2001-01-01")).Is(400, "NoRegisteredProviderFound");
            Assert.All(thing.Type.ApiVersions, version => Assert.Contains(version, unsupported.Text, StringComparison.Ordinal));
        }
    }

    [Theory, EachType]
    public async Task Every_api_version_of_the_type_is_served_under_every_spelling_of_the_parameter(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        foreach (var version in thing.Type.ApiVersions)
            (await SendAsync(HttpMethod.Get, $"{thing.Path}?api-version={version}")).Is(200);
        foreach (var name in new[] { "API-VERSION", "api%2Dversion", "Api%2dVersion" })
            (await SendAsync(HttpMethod.Get, $"{thing.Path}?{name}={thing.Type.ApiVersions[0]}")).Is(200);
    }

    [Theory, EachType]
    public async Task An_address_in_another_case_is_the_same_resource_and_shows_the_case_of_its_last_PUT(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        foreach (var path in new[] { thing.Path.ToUpperInvariant(), thing.Path.ToLowerInvariant(), thing.Path.Replace("resourceGroups", "resourcegroups", StringComparison.Ordinal) })
        {
            Assert.Equal(thing.Path, (await Arm.GetAsync(path)).Is(200).Json.GetProperty("id").GetString());
            (await Arm.HeadAsync(path)).Is(204);
        }

        var (name, group) = (thing.Sample.IsLowerCase ? thing.Name : thing.Name.ToUpperInvariant(), ConformanceFixture.Group.ToUpperInvariant());
        var respelled = thing.Path.Replace(thing.Name, name, StringComparison.Ordinal).Replace(ConformanceFixture.Group, group, StringComparison.Ordinal);
        (await Arm.PutAsync(respelled.Replace("/providers/", "/PROVIDERS/", StringComparison.Ordinal), thing.Body)).Is(200);
        var read = (await thing.GetAsync()).Is(200).Json;
        Assert.Equal(respelled, read.GetProperty("id").GetString());
        Assert.Equal(name, read.GetProperty("name").GetString());
        Assert.Equal(type, read.GetProperty("type").GetString());
    }

    [Theory, EachType]
    public async Task Empty_segments_and_trailing_slashes_do_not_matter(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        foreach (var path in new[] { thing.Path + "/", thing.Path.Replace("/resourceGroups/", "//resourceGroups///", StringComparison.Ordinal), "/" + thing.Path + "//" })
            Assert.Equal(thing.Path, (await Arm.GetAsync(path)).Is(200).Json.GetProperty("id").GetString());
        (await Arm.GetAsync(thing.Collection + "/")).Is(200);
    }

    [Theory, EachType]
    public async Task HEAD_is_204_or_404_without_a_body(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        Assert.Empty((await Arm.HeadAsync(thing.Path)).Is(404).Text);
        var read = await thing.SettleAsync();
        var head = (await Arm.HeadAsync(thing.Path)).Is(204);
        Assert.Empty(head.Text);
        Assert.Equal(read.Header("ETag"), head.Header("ETag"));
    }

    [Theory, EachType(Which.Grouped)]
    public async Task A_missing_resource_and_a_missing_group_are_different_404s(string type)
    {
        (await Subject.Frozen(fixture, type).GetAsync()).Is(404, "ResourceNotFound");
        (await Subject.Frozen(fixture, type, group: "nowhere").GetAsync()).Is(404, "ResourceGroupNotFound");
    }

    [Fact]
    public async Task An_unknown_type_namespace_or_route_is_404_and_says_which()
    {
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/{ConformanceFixture.Group}";
        foreach (var verb in new[] { HttpMethod.Get, HttpMethod.Put, HttpMethod.Patch, HttpMethod.Delete })
        {
            (await Arm.SendAsync(verb, $"{group}/providers/Nobody.Here/things/a")).Is(404, "InvalidResourceNamespace");
            (await Arm.SendAsync(verb, $"{group}/providers/ControlPlane.BareMetal/unicorns/a")).Is(404, "InvalidResourceType");
        }

        (await Arm.GetAsync($"{ArmHttp.SubscriptionPath}/providers/ControlPlane.BareMetal/unicorns")).Is(404, "InvalidResourceType");
        foreach (var path in new[] { "/", "/nowhere", $"{ArmHttp.SubscriptionPath}/nowhere", $"{group}/nowhere/a/b", "/favicon.ico" })
            (await Arm.GetAsync(path)).Is(404, "NotFound");
    }

    [Fact]
    public async Task A_method_that_an_address_does_not_know_is_405_and_says_what_it_knows()
    {
        foreach (var (verb, path) in new[] { (HttpMethod.Post, "/subscriptions"), (HttpMethod.Delete, ArmHttp.SubscriptionPath), (HttpMethod.Put, $"{ArmHttp.SubscriptionPath}/resources") })
        {
            var refused = (await Arm.SendAsync(verb, path)).Is(405, "MethodNotAllowed");
            Assert.Contains("GET", refused.Header("Allow"), StringComparison.Ordinal);
        }
    }

    [Theory, EachType]
    public async Task The_provider_lists_the_type_with_its_api_versions_newest_first(string type)
    {
        var registered = Subject.Frozen(fixture, type).Type;
        var provider = (await Arm.GetAsync($"{ArmHttp.SubscriptionPath}/providers/{registered.Type.Provider.ToLowerInvariant()}")).Is(200).Json;
        Assert.Equal(registered.Type.Provider, provider.GetProperty("namespace").GetString());
        Assert.Equal("Registered", provider.GetProperty("registrationState").GetString());
        var listed = provider.GetProperty("resourceTypes").EnumerateArray().Single(entry => entry.GetProperty("resourceType").GetString() == registered.Type.Name);
        var versions = listed.GetProperty("apiVersions").EnumerateArray().Select(version => version.GetString()!).ToList();
        Assert.Equal(versions.OrderDescending(StringComparer.Ordinal), versions);
        Assert.Equal(registered.ApiVersions, versions);
        Assert.Contains("westus", listed.GetProperty("locations").EnumerateArray().Select(location => location.GetString()));
    }

    private static IEnumerable<(HttpMethod Verb, string Path)> Verbs(Subject thing) =>
    [
        (HttpMethod.Get, thing.Path), (HttpMethod.Put, thing.Path), (HttpMethod.Patch, thing.Path), (HttpMethod.Delete, thing.Path),
        (HttpMethod.Post, thing.Path + "/dance"), (HttpMethod.Get, thing.Collection),
    ];

    private Task<ArmAnswer> SendAsync(HttpMethod verb, string address) =>
        Arm.SendRawAsync(verb, address, verb == HttpMethod.Put || verb == HttpMethod.Patch ? ArmHttp.Json(new JsonObject()) : null);
}
