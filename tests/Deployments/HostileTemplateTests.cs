using System.Diagnostics;
using System.Globalization;
using ControlPlane.Admission.Deployments;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>No template may use unbounded time or memory: each of these is refused quickly, with the limit it breaks.</summary>
public sealed class HostileTemplateTests
{
    public static TheoryData<string, string> Bombs => new()
    {
        { """{ "resources": [{ "type": "A.B/c", "name": "[format('x{0}', copyIndex())]", "copy": { "name": "l", "count": 1000000 } }] }""", "at most 800" },
        { """{ "resources": [{ "type": "A.B/c", "name": "[format('x{0}', copyIndex())]", "copy": { "name": "l", "count": 800 } }, { "type": "A.B/c", "name": "[format('y{0}', copyIndex())]", "copy": { "name": "l", "count": 800 } }] }""", "800 resources" },
        { $$"""{ "variables": { {{string.Join(',', Enumerable.Range(1, 60).Select(at => $"\"v{at}\": \"[concat(variables('v{at - 1}'), variables('v{at - 1}'))]\""))}}, "v0": "0123456789" }, {{Use("v60")}} }""", "characters" },
        { $$"""{ "variables": { {{string.Join(',', Enumerable.Range(1, 60).Select(at => $"\"v{at}\": [{string.Join(',', Enumerable.Repeat($"\"[variables('v{at - 1}')]\"", 10))}]"))}}, "v0": 1 }, {{Use("v60")}} }""", "characters" },
        { $$"""{ {{Name("[string(range(0, 10000000))]")}} }""", "range" },
        { $$"""{ {{Name("[padLeft('x', 2000000000)]")}} }""", "characters" },
        { $$"""{ {{Name("[string(map(range(0, 9999), lambda('x', map(range(0, 9999), lambda('y', 1)))))]")}} }""", "steps" },
        { $$"""{ {{Name($"[{string.Concat(Enumerable.Repeat("string(", 3000))}1{new string(')', 3000)}]")}} }""", "levels deep" },
        { $$"""{ {{Name($"['{new string('x', 30_000)}']")}} }""", "24,576" },
        { $$"""{ "resources": [{{Nested(100)}}] }""", "levels deep" },
        { new string('[', 100_000), "deep" },
        { $$"""{ "parameters": { {{string.Join(',', Enumerable.Range(0, 300).Select(at => $"\"p{at}\": {{ \"type\": \"int\", \"defaultValue\": 1 }}"))}} }, "resources": [] }""", "at most 256" },
        { $$"""{ "resources": [], "outputs": { {{string.Join(',', Enumerable.Range(0, 65).Select(at => $"\"o{at}\": {{ \"type\": \"int\", \"value\": 1 }}"))}} } }""", "at most 64" },
    };

    [Theory]
    [MemberData(nameof(Bombs))]
    public void A_bomb_is_refused_with_its_limit_in_bounded_time_and_memory(string template, string said)
    {
        var (started, allocated) = (Stopwatch.GetTimestamp(), GC.GetAllocatedBytesForCurrentThread());

        string message;
        try
        {
            message = string.Join(' ', Templates.Faults(template).Select(fault => fault.Message));
        }
        catch (TemplateException failure)
        {
            message = failure.Message;
        }

        Assert.Contains(said, message, StringComparison.Ordinal);
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20), "it took too long");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - allocated < 3L * 1024 * 1024 * 1024, "it allocated too much");
    }

    [Theory]
    [InlineData("x: [")]
    [InlineData("x: {")]
    [InlineData("- [a, {b: [")]
    [InlineData("x: 'open")]
    [InlineData("? [")]
    public void YAML_that_breaks_off_is_a_fault_of_the_template(string text) =>
        Assert.Contains("YAML", Assert.Throws<TemplateException>(() => TemplateYaml.Read(text)).Message, StringComparison.OrdinalIgnoreCase);

    [Fact]
    public void A_few_lines_of_YAML_cannot_stand_for_billions()
    {
        var lines = new List<string> { "a0: &a0 [x, x, x, x, x, x, x, x, x, x]" };
        for (var at = 1; at < 12; at++)
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"a{at}: &a{at} [{string.Join(", ", Enumerable.Repeat($"*a{at - 1}", 10))}]"));

        Assert.Equal(TemplateFault.TooBig, Assert.Throws<TemplateException>(() => TemplateYaml.Read(string.Join('\n', lines))).Code);
    }

    private static string Name(string expression) => $$""" "resources": [{ "type": "A.B/c", "name": "{{expression}}" }] """;

    private static string Use(string variable) => Name($"[string(variables('{variable}'))]");

    private static string Nested(int depth) => depth == 0 ? """{ "type": "A.B/c", "name": "x" }"""
        : $$"""{ "type": "Microsoft.Resources/deployments", "name": "n", "properties": { "mode": "Incremental", "template": { "resources": [{{Nested(depth - 1)}}] } } }""";
}
