using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Api.Arm;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Arm;

public sealed class MergePatchTests
{
    /// <summary>RFC 7396, appendix A.</summary>
    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", "{}")]
    [InlineData("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""["a","b"]""", """["c","d"]""", """["c","d"]""")]
    [InlineData("""{"a":"b"}""", """["c"]""", """["c"]""")]
    [InlineData("""{"a":"foo"}""", "null", "null")]
    [InlineData("""{"a":"foo"}""", "\"bar\"", "\"bar\"")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"e":null,"a":1}""")]
    [InlineData("[1,2]", """{"a":"b","c":null}""", """{"a":"b"}""")]
    [InlineData("{}", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    public void Every_example_of_the_RFC_holds(string target, string patch, string result) =>
        Assert.Equal(result, Apply(JsonNode.Parse(target), patch));

    [Fact]
    public void A_patch_applied_twice_is_a_patch_applied_once() =>
        Gen.Select(Document(3), Document(3)).Sample((target, patch) =>
        {
            var once = Apply(JsonNode.Parse(target), patch);
            Assert.Equal(once, Apply(JsonNode.Parse(once), patch));
        });

    private static string Apply(JsonNode? target, string patch)
    {
        using var parsed = JsonDocument.Parse(patch);
        return MergePatch.Apply(target, parsed.RootElement)?.ToJsonString() ?? "null";
    }

    /// <summary>Objects of few names, so that target and patch meet.</summary>
    private static Gen<string> Document(int depth) => depth == 0 ? Gen.OneOf(Gen.Const("1"), Gen.Const("\"x\""), Gen.Const("null"), Gen.Const("[1,null]"))
        : Gen.OneOf(Gen.OneOf(Gen.Const("2"), Gen.Const("null")), Gen.Select(Document(depth - 1), Document(depth - 1), (a, b) => $$"""{"a":{{a}},"b":{{b}}}"""), Document(depth - 1).Select(a => $$"""{"c":{{a}}}"""));
}
