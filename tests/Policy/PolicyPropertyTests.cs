using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Admission.Policy;
using ControlPlane.Contracts.Policy;
using CsCheck;
using Xunit;
using static ControlPlane.Tests.Policy.PolicyRules;

namespace ControlPlane.Tests.Policy;

/// <summary>Laws that hold of all rules and resources.</summary>
public sealed class PolicyPropertyTests
{
    private static readonly string[] Fields = ["name", "type", "location", "tags.a", "tags['b']", $"{ImageType}/x", $"{ImageType}/y.z", $"{ImageType}/list[*]", $"{ImageType}/list[*].k", "ControlPlane.BareMetal/racks/x"];
    private static readonly string[] Operators = ["equals", "notEquals", "like", "notLike", "match", "notMatch", "matchInsensitively", "contains", "notContains", "containsKey", "less", "lessOrEquals", "greater", "greaterOrEquals"];

    private static readonly Gen<JsonNode?> Scalars = Gen.OneOf(
        Gen.OneOf("a", "A", "b", "*", "a*", "#", "?", "westeurope", "", "1", "true", "2026-01-01", "[[x]", "[field('name')]", "[concat(field('tags.a'), 'b')]").Select(text => (JsonNode?)JsonValue.Create(text)),
        Gen.Int[-2, 3].Select(number => (JsonNode?)JsonValue.Create(number)), Gen.Bool.Select(flag => (JsonNode?)JsonValue.Create(flag)), Gen.Double[-2, 2].Select(number => (JsonNode?)JsonValue.Create(number)));

    private static readonly Gen<JsonNode?> Values = Gen.Recursive<JsonNode?>((depth, self) => depth > 2 ? Scalars : Gen.OneOf(
        Scalars, Gen.Const(() => (JsonNode?)null), self.Array[0, 3].Select(items => (JsonNode?)new JsonArray([.. items.Select(item => item?.DeepClone())])),
        Gen.Select(Gen.OneOf("k", "z", "a"), self).Array[0, 2].Select(members => (JsonNode?)new JsonObject(members.DistinctBy(one => one.Item1).Select(one => KeyValuePair.Create(one.Item1, one.Item2?.DeepClone()))))));

    private static readonly Gen<JsonObject> Resources = Gen.Select(Gen.OneOf("a", "Ab", "b1"), Gen.OneOf(ImageType, "ControlPlane.BareMetal/racks"), Gen.OneOf("West Europe", "westus"), Values, Values, Values, Values)
        .Select((name, type, location, a, x, z, list) => new JsonObject
        {
            ["name"] = name,
            ["type"] = type,
            ["location"] = location,
            ["tags"] = new JsonObject { ["a"] = a?.DeepClone() },
            ["properties"] = new JsonObject { ["x"] = x?.DeepClone(), ["y"] = new JsonObject { ["z"] = z?.DeepClone() }, ["list"] = list?.DeepClone() },
        });

    private static readonly Gen<JsonObject> Conditions = Gen.Recursive<JsonObject>((depth, self) =>
    {
        var test = Gen.Select(Gen.OneOf(Fields), Gen.OneOf(Operators), Values).Select((field, op, value) => new JsonObject { ["field"] = field, [op] = value?.DeepClone() });
        var list = Gen.Select(Gen.OneOf(Fields), Gen.OneOf("in", "notIn"), Values.Array[0, 3]).Select((field, op, values) => new JsonObject { ["field"] = field, [op] = new JsonArray([.. values.Select(value => value?.DeepClone())]) });
        var exists = Gen.Select(Gen.OneOf(Fields), Gen.Bool).Select((field, there) => new JsonObject { ["field"] = field, ["exists"] = there });
        if (depth > 3)
            return Gen.OneOf(test, list, exists);
        var many = Gen.Select(Gen.OneOf("allOf", "anyOf"), self.Array[1, 3]).Select((op, of) => new JsonObject { [op] = new JsonArray([.. of.Select(one => one.DeepClone())]) });
        var not = self.Select(of => new JsonObject { ["not"] = of.DeepClone() });
        var count = Gen.Select(self, Gen.Int[0, 2]).Select((where, number) => new JsonObject { ["count"] = new JsonObject { ["field"] = $"{ImageType}/list[*]", ["where"] = where.DeepClone() }, ["greaterOrEquals"] = number });
        return depth > 1 ? Gen.OneOf(test, list, exists, many, not) : Gen.OneOf(test, list, exists, many, not, count);
    });

    [Fact]
    public void Evaluation_never_throws_and_agrees_with_a_naive_reading() => Gen.Select(Conditions, Resources).Sample((condition, resource) =>
        Assert.Equal(Naive(condition, resource), Holds(condition.ToJsonString(), Target(resource))), iter: 3000);

    [Fact]
    public void Not_not_is_nothing() => Gen.Select(Conditions, Resources).Sample((condition, resource) =>
    {
        var (plain, target) = (condition.ToJsonString(), Target(resource));
        Assert.Equal(Holds(plain, target), Holds(Not(Not(plain)), target));
        Assert.NotEqual(Holds(plain, target), Holds(Not(plain), target));
    });

    [Fact]
    public void All_and_any_are_each_others_negation() => Gen.Select(Conditions, Conditions, Resources).Sample((a, b, resource) =>
    {
        var (left, right, target) = (a.ToJsonString(), b.ToJsonString(), Target(resource));
        Assert.Equal(Holds(Not(All(left, right)), target), Holds(Any(Not(left), Not(right)), target));
        Assert.Equal(Holds(left, target), Holds(All(left, left), target));
        Assert.Equal(Holds(Any(left, right), target), Holds(Any(right, left), target));
    });

    [Fact]
    public void Modify_is_idempotent() => Gen.Select(Resources, Gen.Select(Gen.OneOf("add", "addOrReplace", "remove"), Gen.OneOf("tags.a", "tags['n']", "location", $"{ImageType}/x", $"{ImageType}/y.z", $"{ImageType}/list[*].k", $"{ImageType}/list[*]"), Gen.OneOf("v", "w")).Array[1, 4])
        .Sample((resource, operations) =>
        {
            var wanted = new JsonArray([.. operations.Select(one => new JsonObject { ["operation"] = one.Item1, ["field"] = one.Item2, ["value"] = one.Item3 })]);
            var policy = Assigned("""{"field":"name","exists":true}""", "{\"effect\":\"modify\",\"details\":{\"operations\":" + wanted.ToJsonString() + "}}");
            var once = PolicyJudgement.Judge(Target(resource), [policy]).Changed ?? resource;
            var twice = PolicyJudgement.Judge(Target(once), [policy]).Changed ?? once;
            Assert.True(JsonNode.DeepEquals(once, twice), $"{once.ToJsonString()}\n{twice.ToJsonString()}");
        });

    [Fact]
    public void Any_JSON_is_read_without_an_exception() => Values.Sample(rule => PolicyRuleReader.Read(JsonSerializer.SerializeToElement(rule), NoParameters, out _));

    /// <summary>The rule read straight off its JSON, without compiling anything.</summary>
    private static bool Naive(JsonObject condition, JsonObject resource, JsonElement? item = null)
    {
        if (condition["not"] is JsonObject not)
            return !Naive(not, resource, item);
        if (condition["allOf"] is JsonArray all)
            return all.All(one => Naive(one!.AsObject(), resource, item));
        if (condition["anyOf"] is JsonArray any)
            return any.Any(one => Naive(one!.AsObject(), resource, item));
        var json = JsonSerializer.SerializeToElement(resource);
        var isIts = (string?)resource["type"] == ImageType;
        var list = isIts && json.GetProperty("properties").TryGetProperty("list", out var found) && found.ValueKind is JsonValueKind.Array ? found.EnumerateArray().ToList() : [];
        if (condition["count"] is JsonObject count)
        {
            // A count within a count of the same list is about the item at hand.
            List<JsonElement> items = !isIts ? [] : item is { } outer ? [outer] : list;
            return items.Count(one => Naive(count["where"]!.AsObject(), resource, one)) >= (int)condition["greaterOrEquals"]!;
        }

        var field = (string)condition["field"]!;
        var (op, operand) = condition.Where(member => member.Key != "field").Select(member => (member.Key, Value: JsonSerializer.SerializeToElement(Computed(member.Value, json)))).Single();
        IEnumerable<JsonElement> values = field switch
        {
            "name" or "type" => [json.GetProperty(field)],
            "location" => [PolicyJson.Of(((string)resource["location"]!).Replace(" ", "").ToLowerInvariant())],
            "tags.a" => [json.GetProperty("tags").GetProperty("a")],
            "tags['b']" => [default],
            _ when !field.StartsWith(ImageType, StringComparison.Ordinal) => [isIts ? default : json.GetProperty("properties").GetProperty("x")],
            _ when item is { } one && field.EndsWith("list[*]", StringComparison.Ordinal) => [one],
            _ when item is { } one && field.EndsWith(".k", StringComparison.Ordinal) => [PolicyJson.Member(one, "k")],
            _ when !isIts => [default],
            _ when field.EndsWith("/x", StringComparison.Ordinal) => [json.GetProperty("properties").GetProperty("x")],
            _ when field.EndsWith(".z", StringComparison.Ordinal) => [json.GetProperty("properties").GetProperty("y").GetProperty("z")],
            _ when field.EndsWith("list[*]", StringComparison.Ordinal) => list,
            _ => list.Select(one => PolicyJson.Member(one, "k")),
        };
        return values.All(value => PolicyComparison.Holds(Enum.Parse<PolicyOperator>(op, ignoreCase: true), value, operand));
    }

    private static JsonNode? Computed(JsonNode? value, JsonElement resource) => value switch
    {
        JsonArray items => new JsonArray([.. items.Select(item => Computed(item, resource)?.DeepClone())]),
        JsonValue text when text.GetValueKind() is JsonValueKind.String => (string)text! switch
        {
            "[[x]" => "[x]",
            "[field('name')]" => resource.GetProperty("name").GetString(),
            "[concat(field('tags.a'), 'b')]" => (resource.GetProperty("tags").GetProperty("a") is var a && a.ValueKind is JsonValueKind.String ? a.GetString() : a.ValueKind is JsonValueKind.Null ? "" : a.GetRawText()) + "b",
            var plain => plain,
        },
        _ => value?.DeepClone(),
    };
}
