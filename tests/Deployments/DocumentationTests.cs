using System.Text.RegularExpressions;
using ControlPlane.Admission.Deployments;
using ControlPlane.Admission.Deployments.Functions;
using ControlPlane.Tests.Architecture;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>docs/deployments.md says what is so.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string Page = Product.Read("docs/deployments.md");

    [Fact]
    public void Its_examples_can_be_deployed()
    {
        var examples = Example().Matches(Page).Select(match => (Language: match.Groups["language"].Value, Text: match.Groups["text"].Value)).ToList();

        Assert.Equal(["json", "yaml"], examples.Select(example => example.Language));
        Assert.All(examples, example =>
        {
            var template = (TemplateObject)(example.Language == "yaml" ? TemplateYaml.Read(example.Text) : LenientJson.Read(example.Text))!;
            Assert.NotEmpty(Planner.Plan(new() { Template = template, Parameters = TemplateObject.Empty, Context = Templates.Context }, () => Guid.Empty).Deployed);
        });
    }

    [Fact]
    public void It_lists_every_function()
    {
        var section = Page[Page.IndexOf("## Functions", StringComparison.Ordinal)..Page.IndexOf("`newGuid` and `utcNow` only", StringComparison.Ordinal)];
        Assert.Equal(FunctionTable.Names, Name().Matches(section).Select(match => match.Groups["name"].Value).Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("```(?<language>json|yaml)\n(?<text>.*?)```", RegexOptions.Singleline, 1000)]
    private static partial Regex Example();

    [GeneratedRegex("`(?<name>[a-zA-Z0-9]+)`", RegexOptions.None, 1000)]
    private static partial Regex Name();
}
