using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>PUT: create or replace (ARM RPC, resource API).</summary>
[Collection(ConformanceSuite.Name)]
public sealed class PutTests(ConformanceFixture fixture)
{
    [Theory, EachType(Which.Asynchronous)]
    public async Task A_new_resource_is_201_with_Azure_AsyncOperation_and_Retry_After_and_never_Location(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var put = (await thing.PutAsync()).Is(201);

        AssertWatched(thing, put);
        Assert.Equal("Accepted", put.ProvisioningState);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task An_existing_resource_is_200_with_the_same_headers_and_never_202(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await thing.SettleAsync();
        var put = (await thing.PutAsync()).Is(200);

        AssertWatched(thing, put);
        Assert.Equal("Updating", put.ProvisioningState);
    }

    [Theory, EachType]
    public async Task The_answer_is_the_whole_resource(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var put = (await thing.PutAsync()).Is(201).Json;

        Assert.Equal(thing.Path, put.GetProperty("id").GetString());
        Assert.Equal(thing.Name, put.GetProperty("name").GetString());
        Assert.Equal(type, put.GetProperty("type").GetString());
        Assert.Equal("westeurope", put.GetProperty("location").GetString());
        Assert.Equal("test", put.GetProperty("tags").GetProperty("purpose").GetString());
        Assert.NotEqual(default, put.GetProperty("properties"));
        Assert.NotEqual(default, put.GetProperty("systemData").GetProperty("createdAt").GetDateTimeOffset());
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task While_the_operation_runs_GET_shows_what_is_wanted_and_a_state_that_is_not_final(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var hasOptional = thing.Sample.Optional.Length > 0;
        if (hasOptional)
            thing.Set(thing.Sample.Optional, thing.Sample.OptionalValue());
        await thing.CreateAsync();
        var read = (await thing.GetAsync()).Is(200);

        Assert.False(Enum.Parse<ProvisioningState>(read.ProvisioningState!).IsTerminal());
        if (hasOptional)
            Assert.Equal(Subject.Text(thing.Sample.OptionalValue()), Subject.Read(read, thing.Sample.Optional));
        Assert.True(int.Parse(read.Header("Retry-After")!) >= 1);
    }

    [Theory, EachType(Which.Asynchronous)]
    public async Task While_an_operation_runs_another_PUT_is_409_and_names_that_operation(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var first = await thing.CreateAsync();
        var second = (await thing.PutAsync()).Is(409, "Conflict");

        Assert.Contains(new Uri(first.Header("Azure-AsyncOperation")!).Segments[^1], second.Text, StringComparison.Ordinal);
    }

    [Theory, EachType]
    public async Task Id_name_and_type_of_the_body_must_be_those_of_the_URL_in_any_case(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        (thing.Body["id"], thing.Body["name"], thing.Body["type"]) = (thing.Path.ToUpperInvariant(), thing.Name.ToLowerInvariant(), type.ToUpperInvariant());
        await thing.SettleAsync();
        foreach (var member in new[] { "id", "name", "type" })
        {
            var body = thing.Body.DeepClone();
            body[member] = "other";
            Assert.Contains(member, (await thing.Arm.PutAsync(thing.Path, body)).Is(400).Targets);
        }
    }

    [Theory, EachType]
    public async Task Location_is_required_known_and_fixed_and_spaces_and_case_do_not_matter(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        thing.Body.Remove("location");
        Assert.Contains("location", (await thing.PutAsync()).Is(400).Targets);
        thing.Body["location"] = "atlantis";
        Assert.Contains("location", (await thing.PutAsync()).Is(400).Targets);
        thing.Body["location"] = "West US";
        Assert.Equal("westus", (await thing.SettleAsync()).Json.GetProperty("location").GetString());
        thing.Body["location"] = "WestUS";
        (await thing.PutAsync()).Is(200);
        await thing.EndAsync(ProvisioningState.Succeeded);
        thing.Body["location"] = "westeurope";
        (await thing.PutAsync()).Is(409, "InvalidResourceLocation");
    }

    [Theory, EachType]
    public async Task What_GET_returned_can_be_sent_back_and_another_provisioningState_cannot(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await PlantStatusAsync(thing);
        var read = await thing.GetAsync();
        (await thing.Arm.PutAsync(thing.Path, read.Copy())).Is(200);
        await thing.EndAsync(ProvisioningState.Succeeded);

        var changed = read.Copy();
        changed["properties"]!["provisioningState"] = "Failed";
        Assert.Contains("properties.provisioningState", (await thing.Arm.PutAsync(thing.Path, changed)).Is(400).Targets);
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task A_property_that_only_the_control_plane_writes_cannot_be_set(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        if (await PlantStatusAsync(thing) is not { } property)
            return;
        var changed = (await thing.GetAsync()).Copy();
        changed["properties"]![property] = "something else";
        Assert.Contains($"properties.{property}", (await thing.Arm.PutAsync(thing.Path, changed)).Is(400).Targets);
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task Unknown_members_at_any_depth_are_400_with_their_paths_all_at_once(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var inside = thing.Properties.Where(member => member.Value is JsonObject).Select(member => member.Key).FirstOrDefault();
        thing.Body["flavour"] = "vanilla";
        thing.Set("flavour", "vanilla");
        if (inside is not null)
            thing.Set($"{inside}.flavour", "vanilla");
        var refused = (await thing.PutAsync()).Is(400, "MultipleErrorsOccurred");

        Assert.Contains("flavour", refused.Targets);
        Assert.Contains("properties.flavour", refused.Targets);
        if (inside is not null)
            Assert.Contains($"properties.{inside}.flavour", refused.Targets);
    }

    [Theory, EachType]
    public async Task One_unknown_member_is_400_InvalidRequestContent(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        thing.Body["flavour"] = "vanilla";
        Assert.Contains("flavour", (await thing.PutAsync()).Is(400, "InvalidRequestContent").Targets);
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task A_required_property_must_be_there_and_not_null(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var path = $"properties.{thing.Sample.Required}";
        thing.Set(thing.Sample.Required, null);
        Assert.Contains(path, (await thing.PutAsync()).Is(400).Targets);
        thing.Remove(thing.Sample.Required);
        Assert.Contains(path, (await thing.PutAsync()).Is(400).Targets);
    }

    [Theory, EachType(Which.WithProperties)]
    public async Task A_property_of_the_wrong_kind_is_400_with_its_path(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var name in thing.Properties.Select(member => member.Key).ToList())
        {
            var kept = thing.Properties[name]!.DeepClone();
            thing.Set(name, new JsonArray(1));
            Assert.Contains($"properties.{name}", (await thing.PutAsync()).Is(400).Targets);
            thing.Set(name, kept);
        }
    }

    [Theory, EachType]
    public async Task A_body_that_is_no_JSON_object_is_400(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var text in new[] { "", "{", "[]", "null", "\"text\"", "{'location':'westeurope'}", "{\"location\":\"westeurope\",}", "{\"location\":\"westeurope\"} x" })
            (await thing.Arm.SendAsync(HttpMethod.Put, thing.Path, ArmHttp.Text(text))).Is(400, "InvalidRequestContent");
    }

    [Theory, EachType]
    public async Task Another_media_type_is_415(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        (await thing.Arm.SendAsync(HttpMethod.Put, thing.Path, ArmHttp.Text(thing.Body.ToJsonString(), "text/plain"))).Is(415, "UnsupportedMediaType");
        using var untyped = new ByteArrayContent("{}"u8.ToArray());
        (await thing.Arm.SendAsync(HttpMethod.Put, thing.Path, untyped)).Is(415, "UnsupportedMediaType");
    }

    [Theory, EachType]
    public async Task A_body_of_more_than_4_MiB_is_413(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        thing.Body["tags"] = new JsonObject { ["big"] = new string('x', (4 * 1024 * 1024) + 1) };
        (await thing.Arm.SendAsync(HttpMethod.Put, thing.Path, ArmHttp.Json(thing.Body), ("Expect", "100-continue"))).Is(413);
    }

    [Theory, EachType(Which.Grouped)]
    public async Task In_a_group_that_is_not_there_PUT_is_404(string type)
    {
        var thing = Subject.Frozen(fixture, type, group: "nowhere");
        (await thing.PutAsync()).Is(404, "ResourceGroupNotFound");
    }

    [Theory, EachType]
    public async Task A_name_that_ARM_forbids_is_400(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var name in new[] { "a%3Cb", "a%3Eb", "a%25b", "a%26b", "a%3Ab", "a%5Cb", "a%3Fb", "a%2Fb", "a%0Ab", "a%7Fb", "ends.", "ends%20", new string('n', 261) })
            (await thing.Arm.PutAsync(thing.PathOf(name), thing.Body)).Is(400, "InvalidResourceName");
    }

    [Theory, EachType]
    public async Task Tags_beyond_the_limits_are_400(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        async Task Refused(JsonNode tags)
        {
            thing.Body["tags"] = tags;
            (await thing.PutAsync()).Is(400);
        }

        await Refused(new JsonObject(Enumerable.Range(0, 51).Select(n => KeyValuePair.Create($"t{n}", (JsonNode?)"v"))));
        await Refused(new JsonObject { [new string('k', 513)] = "v" });
        await Refused(new JsonObject { ["k"] = new string('v', 257) });
        await Refused(new JsonObject { ["k"] = 1 });
        await Refused(new JsonObject { ["k"] = null });
        await Refused(new JsonObject { ["k"] = "v", ["K"] = "v" });
        await Refused(new JsonArray("k"));
        foreach (var forbidden in "<>%&\\?/")
            await Refused(new JsonObject { [$"a{forbidden}b"] = "v" });

        thing.Body["tags"] = new JsonObject(Enumerable.Range(0, 50).Select(n => KeyValuePair.Create($"{new string('k', 510)}{n:00}", (JsonNode?)new string('v', 256))));
        (await thing.PutAsync()).Is(201);
    }

    [Theory, EachType]
    public async Task What_is_left_out_returns_to_its_default(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        var (path, plain) = (thing.Sample.Optional, thing.Body.DeepClone());
        if (path.Length > 0 && Subject.Read(await thing.SettleAsync(), path) is var before)
        {
            thing.Set(path, thing.Sample.OptionalValue());
            (await thing.PutAsync()).Is(200);
            await thing.EndAsync(ProvisioningState.Succeeded);
            Assert.NotEqual(before, Subject.Read(await thing.GetAsync(), path));
            if (plain["properties"]!["caCertificate"] is not null)
                before = null;
            plain["properties"]!.AsObject().Remove("caCertificate");
            Assert.Equal(before, Subject.Read((await thing.Arm.PutAsync(thing.Path, plain)).Is(200), path));
        }
        else
        {
            await thing.SettleAsync();
        }

        await thing.EndAsync(ProvisioningState.Succeeded);
        thing.Body.Remove("tags");
        Assert.Equal("{}", (await thing.PutAsync()).Is(200).Json.GetProperty("tags").GetRawText());
    }

    private static void AssertWatched(Subject thing, ArmAnswer put)
    {
        var watch = new Uri(put.Header("Azure-AsyncOperation")!);
        Assert.True(watch.IsAbsoluteUri);
        Assert.Equal(thing.Arm.Endpoint.Authority, watch.Authority);
        Assert.StartsWith($"{ArmHttp.SubscriptionPath}/providers/{thing.Type.Type.Provider}/locations/westeurope/operationStatuses/", watch.AbsolutePath, StringComparison.Ordinal);
        Assert.True(int.Parse(put.Header("Retry-After")!) >= 1);
        Assert.Null(put.Header("Location"));
    }

    /// <summary>Settles it with a value in the first text property of its status; the answer is that property's name, or null when the status has none.</summary>
    private static async Task<string?> PlantStatusAsync(Subject thing)
    {
        await thing.SettleAsync();
        if (Json.Options.GetTypeInfo(thing.Type.StatusType).Properties.FirstOrDefault(property => property.PropertyType == typeof(string))?.Name is not { } name)
            return null;
        await thing.Plane.Database.ExecuteAsync("update resources set status = jsonb_build_object($2, 'seen') where key = $1", thing.Path.ToLowerInvariant(), name);
        return name;
    }
}
