using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Arm;

/// <summary>Three api-versions of a type that does not exist, on properties made up at random.</summary>
public sealed class VersionLadderTests
{
    private const string First = "2026-01-01";
    private const string Second = "2026-06-01";
    private const string Third = "2026-11-01";

    private static readonly VersionLadder Ladder = new([new(Third, ("newest", "blue"), ("list", new[] { 1 })), new(Second, ("newer", 7))]);

    private static readonly Gen<JsonNode?> Value = Gen.OneOf(
        Gen.Int.Select(number => (JsonNode?)number), Gen.String[Gen.Char.AlphaNumeric, 0, 5].Select(text => (JsonNode?)text), Gen.Bool.Select(yes => (JsonNode?)yes),
        Gen.Const(0).Select(_ => (JsonNode?)null), Gen.Int[0, 3].List[0, 3].Select(items => (JsonNode?)new JsonArray([.. items.Select(item => (JsonNode?)item)])),
        Gen.Int.Select(number => (JsonNode?)new JsonObject { ["inner"] = number }));

    private static readonly string?[] Versions = [First, "2026-03-01", Second + "-preview", Second, Third + "-preview", Third, null];

    private static readonly Gen<string?> Version = Gen.Int[0, Versions.Length - 1].Select(at => Versions[at]);

    [Fact]
    public void What_an_older_version_writes_it_reads_back_whatever_is_stored() =>
        (from written in Of("a", "b", "c") from stored in Of("a", "b", "newer", "newest", "list") select (written, stored)).Sample(given =>
        {
            Assert.Equal(Text(given.written), Text(Down(First, Up(First, given.written, null))));
            Assert.Equal(Text(given.written), Text(Down(First, Up(First, given.written, given.stored))));
        });

    [Fact]
    public void What_is_read_in_any_version_and_sent_back_changes_nothing() =>
        (from stored in Of("a", "b", "newer", "newest", "list") from version in Version select (stored, version)).Sample(given =>
        {
            var read = Down(given.version, given.stored);
            // What was stored before a version is as that version says it was.
            Assert.Equal(Text(Down(null, given.stored)), Text(Down(null, Up(given.version, read, given.stored))));
        });

    [Fact]
    public void What_a_version_cannot_say_is_for_a_new_resource_what_it_always_was() =>
        Of("a", "b").Sample(written =>
        {
            var made = Up(First, written, null);
            Assert.Equal((7, "blue", "[1]"), ((int)made["newer"]!, (string?)made["newest"], made["list"]!.ToJsonString()));
            Assert.False(Up(Second, written, null).ContainsKey("newer"));
            Assert.Equal("blue", (string?)Up(Second, written, null)["newest"]);
            Assert.Equal(Text(written), Text(Up(Third, written, null)));
        });

    [Fact]
    public void What_a_version_does_not_know_it_refuses_and_says_which_one_does()
    {
        var faults = new List<ErrorBody>();
        Ladder.Up(First, Element(new() { ["a"] = 1, ["Newest"] = "red", ["newer"] = null }), stored: null, faults);
        Assert.Equal(["properties.Newest", "properties.newer"], faults.Select(fault => fault.Target));
        Assert.Contains($"not known to api-version {First}; {Third} is the first that has it", faults[0].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-06-01", "2026-11-01", true)]
    [InlineData("2026-11-01", "2026-06-01", false)]
    [InlineData("2026-11-01", "2026-11-01", false)]
    [InlineData("2026-11-01-preview", "2026-11-01", true)]
    [InlineData("2026-11-01", "2026-11-01-preview", false)]
    [InlineData("2026-11-02-preview", "2026-11-01", false)]
    public void Versions_are_ordered_by_date_and_a_preview_is_before_what_it_previews(string version, string other, bool before) =>
        Assert.Equal(before, ApiVersions.IsBefore(version, other));

    [Fact]
    public void The_steps_of_every_type_belong_to_its_versions_and_add_properties_that_it_has()
    {
        foreach (var type in ResourceTypes.All)
        {
            var names = Json.Options.GetTypeInfo(type.PropertiesType).Properties.Select(property => property.Name).ToList();
            Assert.All(type.Ladder.Steps, step => Assert.Contains(step.Version, type.ApiVersions.SkipLast(1)));
            Assert.All(type.Ladder.Steps.SelectMany(step => step.Added.Keys), name => Assert.Contains(name, names));
        }
    }

    private static JsonObject Up(string? version, JsonObject written, JsonObject? stored)
    {
        var faults = new List<ErrorBody>();
        var completed = Ladder.Up(version, Element(written), stored?.ToJsonString(), faults);
        Assert.Empty(faults);
        return JsonNode.Parse(completed.GetRawText())!.AsObject();
    }

    private static JsonObject Down(string? version, JsonObject stored) =>
        new(Ladder.Down(version, Element(stored)).Select(member => KeyValuePair.Create(member.Name, JsonNode.Parse(member.Value.GetRawText()))));

    private static Gen<JsonObject> Of(params string[] names) =>
        from values in Value.Array[names.Length] from there in Gen.Bool.Array[names.Length]
        select new JsonObject(names.Zip(values).Where((_, at) => there[at]).Select(pair => KeyValuePair.Create(pair.First, pair.Second?.DeepClone())));

    private static JsonElement Element(JsonObject json) => JsonSerializer.SerializeToElement(json);

    /// <summary>The same text for the same members in any order.</summary>
    private static string Text(JsonObject json) => new JsonObject(json.OrderBy(member => member.Key, StringComparer.Ordinal).Select(member => KeyValuePair.Create(member.Key, member.Value?.DeepClone()))).ToJsonString();
}
