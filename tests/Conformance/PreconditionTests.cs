using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>Entity tags (ARM RPC addendum, ETags; RFC 9110 §13).</summary>
[Collection(ConformanceSuite.Name)]
public sealed class PreconditionTests(ConformanceFixture fixture)
{
    private static readonly JsonObject Tags = new() { ["tags"] = new JsonObject { ["a"] = "b" } };

    [Theory, EachType]
    public async Task GET_shows_the_ETag_in_header_and_body_and_answers_304_to_who_has_it(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var read = await thing.SettleAsync();
        var tag = read.Header("ETag")!;
        Assert.Equal(tag, read.Json.GetProperty("etag").GetString());

        var unchanged = (await thing.GetAsync(("If-None-Match", tag))).Is(304);
        Assert.Empty(unchanged.Text);
        Assert.Equal(tag, unchanged.Header("ETag"));
        (await thing.GetAsync(("If-None-Match", "\"0\""))).Is(200);
    }

    [Theory, EachType]
    public async Task Every_accepted_write_changes_the_ETag_even_one_that_changes_nothing(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var seen = new List<string?> { (await thing.SettleAsync()).Header("ETag") };
        seen.Add((await thing.PutAsync()).Is(200).Header("ETag"));
        await thing.EndAsync(ProvisioningState.Succeeded);
        seen.Add((await thing.PatchAsync(Copy(Tags))).Is(200).Header("ETag"));
        seen.Add((await thing.PatchAsync(Copy(Tags))).Is(200).Header("ETag"));
        await thing.DeleteAsync();
        seen.Add((await thing.GetAsync()).Header("ETag"));
        Assert.Equal(seen.Count, seen.Distinct(StringComparer.Ordinal).Count());
    }

    [Theory, EachType]
    public async Task A_write_on_an_old_ETag_is_412_and_on_the_newest_one_accepted(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var old = (await thing.SettleAsync()).Header("ETag")!;
        var newest = (await thing.PatchAsync(Copy(Tags), ("If-Match", old))).Is(200).Header("ETag")!;

        (await thing.PutAsync(("If-Match", old))).Is(412, "PreconditionFailed");
        (await thing.PatchAsync(Copy(Tags), ("If-Match", old))).Is(412, "PreconditionFailed");
        (await thing.DeleteAsync(("If-Match", old))).Is(412, "PreconditionFailed");
        (await thing.PutAsync(("If-Match", $"{old}, {newest}"))).Is(200);
        await thing.EndAsync(ProvisioningState.Succeeded);
        (await thing.DeleteAsync(("If-Match", "*"))).Is(202);
    }

    [Theory, EachType]
    public async Task PUT_with_If_Match_needs_the_resource_and_with_If_None_Match_its_absence(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        (await thing.PutAsync(("If-Match", "*"))).Is(412);
        (await thing.PutAsync(("If-None-Match", "*"))).Is(201);
        await thing.EndAsync(ProvisioningState.Succeeded);
        (await thing.PutAsync(("If-None-Match", "*"))).Is(412);
        (await thing.PutAsync(("If-Match", "*"))).Is(200);
    }

    [Theory, EachType]
    public async Task Of_many_creates_at_once_exactly_one_is_201(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => thing.PutAsync(("If-None-Match", "*"))));
        Assert.Single(answers, answer => answer.Status == 201);
        Assert.All(answers, answer => Assert.True(answer.Status is 201 or 409 or 412, answer.ToString()));
    }

    [Theory, EachType]
    public async Task Of_many_writes_on_the_same_ETag_exactly_one_wins(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var tag = (await thing.SettleAsync()).Header("ETag")!;
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => thing.PutAsync(("If-Match", tag))));
        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers, answer => Assert.True(answer.Status is 200 or 409 or 412, answer.ToString()));
    }

    private static JsonObject Copy(JsonObject body) => body.DeepClone().AsObject();
}
