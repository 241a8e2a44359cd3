using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>PATCH: RFC 7396 on properties, replacement of all tags (ARM RPC, resource API).</summary>
[Collection(ConformanceSuite.Name)]
public sealed class PatchTests(ConformanceFixture fixture)
{
    [Theory, EachType]
    public async Task Tags_replace_all_tags_and_nothing_else(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var before = await thing.SettleAsync();
        var patched = (await thing.PatchAsync(new() { ["tags"] = new JsonObject { ["c"] = "3" } })).Is(200);

        foreach (var answer in new[] { patched, await thing.GetAsync() })
        {
            var tag = Assert.Single(answer.Json.GetProperty("tags").EnumerateObject());
            Assert.Equal(("c", "3"), (tag.Name, tag.Value.GetString()));
            Assert.True(JsonElement.DeepEquals(before.Json.GetProperty("properties"), answer.Json.GetProperty("properties")), answer.ToString());
        }
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task Properties_are_202_without_a_body_and_their_Location_ends_with_200_and_the_resource(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        var patched = (await thing.PatchAsync(Subject.PatchOf(thing.Sample.Optional, thing.Sample.OptionalValue()))).Is(202);
        Assert.Empty(patched.Text);
        Assert.NotNull(patched.Header("Azure-AsyncOperation"));
        Assert.True(int.Parse(patched.Header("Retry-After")!) >= 1);
        var location = patched.Header("Location")!;

        var running = (await thing.Arm.SendRawAsync(HttpMethod.Get, location)).Is(202);
        Assert.Empty(running.Text);
        Assert.NotNull(running.Header("Location"));
        Assert.NotNull(running.Header("Retry-After"));

        await thing.EndAsync(ProvisioningState.Succeeded);
        var done = (await thing.Arm.SendRawAsync(HttpMethod.Get, location)).Is(200);
        Assert.Equal(thing.Path, done.Json.GetProperty("id").GetString());
        Assert.Equal("Succeeded", done.ProvisioningState);
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task Only_what_is_named_changes_and_null_deletes(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        thing.Remove(thing.Sample.Optional);
        var before = await thing.SettleAsync();
        (await thing.PatchAsync(Subject.PatchOf(thing.Sample.Optional, thing.Sample.OptionalValue()))).Is(202);
        await thing.EndAsync(ProvisioningState.Succeeded);

        var changed = await thing.GetAsync();
        Assert.Equal(Subject.Text(thing.Sample.OptionalValue()), Subject.Read(changed, thing.Sample.Optional));
        Assert.Equal(Subject.Read(before, thing.Sample.Required), Subject.Read(changed, thing.Sample.Required));
        Assert.Equal("test", changed.Json.GetProperty("tags").GetProperty("purpose").GetString());

        (await thing.PatchAsync(Subject.PatchOf(thing.Sample.Optional, null))).Is(202);
        await thing.EndAsync(ProvisioningState.Succeeded);
        Assert.Equal(Subject.Read(before, thing.Sample.Optional), Subject.Read(await thing.GetAsync(), thing.Sample.Optional));
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task Null_on_a_required_property_is_400(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        Assert.Contains($"properties.{thing.Sample.Required}", (await thing.PatchAsync(Subject.PatchOf(thing.Sample.Required, null))).Is(400).Targets);
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task An_unknown_property_is_400_with_its_path(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        Assert.Contains("properties.flavour", (await thing.PatchAsync(Subject.PatchOf("flavour", "vanilla"))).Is(400).Targets);
        (await thing.PatchAsync(new() { ["properties"] = "vanilla" })).Is(400);
    }

    [Theory, EachType]
    public async Task A_missing_resource_is_404(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        (await thing.PatchAsync(new() { ["tags"] = new JsonObject() })).Is(404);
        (await thing.PatchAsync(new() { ["tags"] = new JsonObject() }, ("If-Match", "*"))).Is(404);
    }

    [Theory, EachType]
    public async Task Id_name_type_location_and_provisioningState_cannot_be_patched(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        foreach (var member in new[] { "id", "name", "type", "location", "systemData", "flavour" })
            Assert.Contains(member, (await thing.PatchAsync(new() { [member] = "x" })).Is(400).Targets);
        Assert.Contains("properties.provisioningState", (await thing.PatchAsync(Subject.PatchOf("provisioningState", "Failed"))).Is(400).Targets);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task While_an_operation_runs_PATCH_is_409(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.CreateAsync();
        (await thing.PatchAsync(new() { ["tags"] = new JsonObject() })).Is(409, "Conflict");
        if (thing.Sample.Optional.Length > 0)
            (await thing.PatchAsync(Subject.PatchOf(thing.Sample.Optional, thing.Sample.OptionalValue()))).Is(409, "Conflict");
    }
}
