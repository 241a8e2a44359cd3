using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>What is told to differ is all that differs, and nothing that a cluster does by itself.</summary>
public sealed class FieldDifferencesTests
{
    private static readonly Gen<JsonNode> AnyScalar = Gen.OneOf(Gen.Int[0, 3].Select(number => (JsonNode)number), Gen.Int[0, 2].Select(at => (JsonNode)new[] { "", "a", "1" }[at]), Gen.Bool.Select(value => (JsonNode)value));

    private static readonly Gen<JsonNode> AnyValue = Gen.Recursive<JsonNode>((depth, again) => depth > 3 ? AnyScalar : Gen.Frequency(
        (2, AnyScalar),
        (2, AnyFields(again).Select(fields => (JsonNode)fields)),
        (1, again.Array[0, 3].Select(items => (JsonNode)new JsonArray([.. items.Select(item => item.DeepClone())])))));

    private static readonly Gen<JsonObject> AnyObject = AnyFields(AnyValue);

    private static Gen<JsonObject> AnyFields(Gen<JsonNode> value) =>
        Gen.Select(Gen.Int[0, 3].Select(at => new[] { "a", "b", "c/d", "e~f" }[at]), value).Array[0, 4].Select(fields => new JsonObject(fields.DistinctBy(field => field.Item1).Select(field => KeyValuePair.Create(field.Item1, (JsonNode?)field.Item2.DeepClone()))));

    [Fact]
    public void An_object_does_not_differ_from_itself() => AnyObject.Sample(thing => Assert.Empty(FieldDifferences.Between(Element(thing), Element(thing), isMarkCompared: true)));

    [Fact]
    public void The_differences_carried_out_make_one_the_other() => Gen.Select(AnyObject, AnyObject).Sample((member, hub) =>
    {
        var made = (JsonObject)member.DeepClone();
        foreach (var difference in FieldDifferences.Between(Element(member), Element(hub), isMarkCompared: true))
            Put(made, difference.Path, difference.InHub);
        Assert.True(JsonNode.DeepEquals(hub, made), $"{made.ToJsonString()} instead of {hub.ToJsonString()}");
    });

    [Fact]
    public void What_somebody_adds_beside_what_a_manifest_names_is_no_difference() => Gen.Select(AnyObject, AnyObject).Sample((manifest, added) =>
    {
        var member = (JsonObject)manifest.DeepClone();
        foreach (var (name, value) in added)
            member.TryAdd(name, value?.DeepClone());
        Assert.Empty(FieldDifferences.Named(Element(member), Element(manifest), isMarkCompared: true));
    });

    [Fact]
    public void No_value_of_a_Secret_is_ever_told() => Gen.Select(AnyObject, AnyObject).Sample((member, hub) =>
    {
        var told = FieldDifferences.Between(Element(member), Element(hub), isMarkCompared: true).Select(one => one.Told(DifferenceKind.Drift, new("v1", "Secret", "shop", "key"))).ToList();
        Assert.All(told.SelectMany(one => new[] { one.ValueInMember, one.ValueInHub }).OfType<string>(), value => Assert.StartsWith("(obscured", value, StringComparison.Ordinal));
    });

    [Fact]
    public void Items_with_names_are_matched_by_them_wherever_they_are()
    {
        var differences = FieldDifferences.Between(
            Parse("""{"spec":{"containers":[{"name":"proxy","image":"p:1"},{"name":"web","image":"w:2"}]}}"""), Parse("""{"spec":{"containers":[{"name":"web","image":"w:1"},{"name":"proxy","image":"p:1"},{"name":"log","image":"l:1"}]}}"""), isMarkCompared: true).ToList();
        Assert.Equal(["/spec/containers/1/image", "/spec/containers/2"], differences.Select(one => one.Path));
        Assert.Equal(["w:2", null], differences.Select(one => one.InMember?.GetString()));
    }

    [Fact]
    public void What_a_cluster_writes_and_what_marks_an_object_as_the_placements_says_nothing_of_what_it_is()
    {
        var member = Parse("""{"metadata":{"name":"a","uid":"1","resourceVersion":"7","generation":2},"status":{"phase":"Active"}}""");
        var hub = Parse($$"""{"metadata":{"name":"a","uid":"2","annotations":{"{{Ownership.Annotation}}":"mine","team":"web"} } }""");
        Assert.Equal("/metadata/annotations/team", Assert.Single(FieldDifferences.Between(member, hub, isMarkCompared: false)).Path);
        Assert.Equal("/metadata/annotations", Assert.Single(FieldDifferences.Between(member, hub, isMarkCompared: true)).Path);
    }

    [Fact]
    public void What_others_have_set_is_found_by_who_manages_it()
    {
        var thing = Parse($$"""
            {"metadata":{"name":"a","labels":{"own":"1","theirs":"2"},"managedFields":[
                {"manager":"{{Ownership.FieldManager}}","fieldsV1":{"f:metadata":{"f:labels":{"f:own":{} } },"f:spec":{"f:ports":{"k:{\"port\":80}":{".":{},"f:port":{} } } } } },
                {"manager":"kubectl-edit","fieldsV1":{"f:metadata":{"f:labels":{"f:own":{},"f:theirs":{} } },"f:spec":{"f:ports":{"k:{\"port\":80}":{"f:nodePort":{} } },"f:gone":{} } } },
                {"manager":"controller","subresource":"status","fieldsV1":{"f:status":{"f:phase":{} } } }]},
             "spec":{"ports":[{"port":443},{"port":80,"nodePort":30080}]},"status":{"phase":"Active"} }
            """);
        Assert.Equal([("/metadata/labels/theirs", "2"), ("/spec/ports/1/nodePort", "30080")], FieldDifferences.Foreign(thing).Select(one => (one.Path, one.InMember!.Value.ToString())));
    }

    private static JsonElement Parse(string json) => JsonSerializer.Deserialize<JsonElement>(json);

    private static JsonElement Element(JsonNode node) => JsonSerializer.SerializeToElement(node);

    private static void Put(JsonNode root, string path, JsonElement? value)
    {
        var steps = path.Split('/').Skip(1).Select(step => step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)).ToList();
        var parent = steps.SkipLast(1).Aggregate(root, (node, step) => node is JsonArray list ? list[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)]! : node[step]!);
        var put = value is { } given ? JsonNode.Parse(given.GetRawText()) : null;
        if (parent is JsonArray items)
            items[int.Parse(steps[^1], System.Globalization.CultureInfo.InvariantCulture)] = put;
        else if (value is null)
            parent.AsObject().Remove(steps[^1]);
        else
            parent[steps[^1]] = put;
    }
}
