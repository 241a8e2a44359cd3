using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>Clients of two api-versions on one resource: the older one neither shows nor changes what only the newer one knows.</summary>
[Collection(ConformanceSuite.Name)]
public sealed class ApiVersionTests(ConformanceFixture fixture)
{
    private const string Image = "ControlPlane.BareMetal/osImages";
    private const string Older = "2026-06-01";
    private const string Newer = "2026-11-01";
    private const string Added = "minimumDiskGiB";

    private ArmHttp Arm => fixture.Frozen.Arm;

    [Fact]
    public async Task What_only_a_newer_version_knows_survives_a_PUT_and_a_PATCH_through_an_older_one_and_is_not_shown_by_it()
    {
        var image = await MakeAsync(Newer, properties => properties[Added] = 20);
        var read = (await GetAsync(image, Older)).Copy();
        Assert.Null(read["properties"]![Added]);

        read["tags"] = new JsonObject { ["changed"] = "yes" };
        var put = (await Arm.PutAsync(At(image.Path, Older), read)).Is(200);
        Assert.Null(Subject.Read(put, Added));
        await image.EndAsync(ProvisioningState.Succeeded);
        Assert.Equal("20", Subject.Read(await GetAsync(image, Newer), Added));

        var patch = (await Arm.PatchAsync(At(image.Path, Older), Subject.PatchOf("knownCves", new JsonArray("CVE-2026-12345")))).Is(202);
        await image.EndAsync(ProvisioningState.Succeeded);
        Assert.Null(Subject.Read((await Arm.SendRawAsync(HttpMethod.Get, patch.Header("Location")!)).Is(200), Added));
        var now = await GetAsync(image, Newer);
        Assert.Equal(("20", """["CVE-2026-12345"]"""), (Subject.Read(now, Added), Subject.Read(now, "knownCves")));
    }

    [Fact]
    public async Task Lists_show_what_their_version_knows()
    {
        var image = await MakeAsync(Newer, properties => properties[Added] = 30);
        Assert.Equal(30, (await ListedAsync(image.Collection, Newer, image)).GetProperty(Added).GetInt32());
        Assert.False((await ListedAsync(image.Collection, Older, image)).TryGetProperty(Added, out _));
        // The version of a list of every type is none of this type's: it knows what was known at its date.
        var all = $"{ArmHttp.SubscriptionPath}/resources";
        Assert.False((await ListedAsync(all, "2021-04-01", image)).TryGetProperty(Added, out _));
    }

    [Fact]
    public async Task An_older_version_refuses_what_it_does_not_know_and_says_which_version_does()
    {
        var image = await MakeAsync(Older);
        image.Set(Added, 40);
        var put = (await Arm.PutAsync(At(image.Path, Older), image.Body)).Is(400, "InvalidRequestContent");
        Assert.Equal([$"properties.{Added}"], put.Targets);
        Assert.Contains(Newer, put.Text, StringComparison.Ordinal);
        var patch = (await Arm.PatchAsync(At(image.Path, Older), Subject.PatchOf(Added, 40))).Is(400, "InvalidRequestContent");
        Assert.Equal([$"properties.{Added}"], patch.Targets);
        (await Arm.PatchAsync(At(image.Path, Newer), Subject.PatchOf(Added, 40))).Is(202);
    }

    [Fact]
    public async Task Whoever_cannot_say_a_thing_gets_what_it_always_was_and_so_does_what_was_stored_before_it_could_be_said()
    {
        foreach (var type in ResourceTypes.All.Where(type => type.Ladder.Steps.Count > 0))
        {
            var (oldest, newest) = (type.ApiVersions[^1], type.ApiVersions[0]);
            var (older, newer) = (Subject.Frozen(fixture, type.Type.ToString()), Subject.Frozen(fixture, type.Type.ToString()));
            (await Arm.PutAsync(At(older.Path, oldest), older.Body)).Is(201);
            (await Arm.PutAsync(At(newer.Path, newest), newer.Body)).Is(201);
            foreach (var (name, before) in type.Ladder.Steps.SelectMany(step => step.Added))
            {
                var text = JsonSerializer.Serialize(before, Json.Options);
                Assert.Equal(text, Subject.Read(await GetAsync(older, newest), name));
                // The initializer of the record, by which workers read rows from before, says the same.
                Assert.Equal(text, Subject.Read(await GetAsync(newer, newest), name));
                await fixture.Frozen.Database.ExecuteAsync("update resources set properties = properties - $2 where key = $1", older.Path.ToLowerInvariant(), name);
                Assert.Equal(text, Subject.Read(await GetAsync(older, newest), name));
            }
        }
    }

    private async Task<Subject> MakeAsync(string version, Action<JsonObject>? change = null)
    {
        var image = Subject.Frozen(fixture, Image);
        change?.Invoke(image.Properties);
        (await Arm.PutAsync(At(image.Path, version), image.Body)).Is(201);
        await image.EndAsync(ProvisioningState.Succeeded);
        return image;
    }

    private async Task<ArmAnswer> GetAsync(Subject thing, string version) => (await Arm.GetAsync(At(thing.Path, version))).Is(200);

    private async Task<JsonElement> ListedAsync(string collection, string version, Subject thing)
    {
        var page = (await Arm.GetAsync($"{At(collection, version)}&$filter=name%20eq%20'{thing.Name}'")).Is(200).Json;
        return page.GetProperty("value").EnumerateArray().Single().GetProperty("properties");
    }

    private static string At(string path, string version) => $"{path}?api-version={version}";
}
