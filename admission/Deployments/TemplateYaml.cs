using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ControlPlane.Admission.Deployments;

/// <summary>
/// The same document as YAML 1.2 (core schema). An alias repeats what its anchor holds, and everything repeated counts, so that a few lines cannot stand for billions.
/// </summary>
internal sealed partial class TemplateYaml
{
    private readonly Parser parser;
    private readonly Dictionary<string, object?> anchors = new(StringComparer.Ordinal);
    private int depth;
    private long size;
    private int nodes;

    private TemplateYaml(string text) => parser = new(new StringReader(text));

    public static object? Read(string text)
    {
        if (text.Length > TemplateLimits.DocumentBytes)
            throw new TemplateException(TemplateFault.TooBig, $"the document has more than {TemplateLimits.DocumentBytes:N0} bytes");
        var reader = new TemplateYaml(text);
        try
        {
            reader.parser.Consume<StreamStart>();
            if (reader.parser.TryConsume<StreamEnd>(out _))
                return null;
            reader.parser.Consume<DocumentStart>();
            var value = reader.Value();
            reader.parser.Consume<DocumentEnd>();
            return reader.parser.TryConsume<StreamEnd>(out _) ? value : throw new TemplateException("the text holds more than one YAML document");
        }
        catch (YamlException failure)
        {
            throw new TemplateException($"it is not YAML: {failure.Message} (line {failure.Start.Line}, column {failure.Start.Column})");
        }
    }

    private object? Value()
    {
        if (++nodes > TemplateLimits.DocumentNodes)
            throw new TemplateException(TemplateFault.TooBig, $"the document has more than {TemplateLimits.DocumentNodes:N0} values");
        if (parser.TryConsume<AnchorAlias>(out var alias))
            return Counted(anchors.TryGetValue(alias.Value.Value, out var known) ? known : throw At(alias, $"the alias '*{alias.Value}' names no anchor before it"));
        if (parser.TryConsume<Scalar>(out var scalar))
            return Anchored(scalar, Counted(Plain(scalar)));
        if (parser.TryConsume<SequenceStart>(out var sequence))
        {
            Enter();
            var items = new List<object?>();
            while (!parser.TryConsume<SequenceEnd>(out _))
                items.Add(Value());
            depth--;
            return Anchored(sequence, new TemplateArray(items));
        }

        var mapping = parser.Consume<MappingStart>();
        Enter();
        var members = new List<KeyValuePair<string, object?>>();
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var name = parser.Consume<Scalar>();
            if (!names.Add(name.Value))
                throw At(name, $"the name '{name.Value}' appears twice in one mapping");
            members.Add(new(name.Value, Value()));
        }

        depth--;
        return Anchored(mapping, new TemplateObject(members));
    }

    private void Enter()
    {
        if (++depth > TemplateLimits.DocumentDepth)
            throw new TemplateException(TemplateFault.TooBig, $"the document is nested more than {TemplateLimits.DocumentDepth} levels deep");
    }

    private object? Counted(object? value)
    {
        size += TemplateValue.Size(value);
        return size <= TemplateLimits.DocumentBytes ? value
            : throw new TemplateException(TemplateFault.TooBig, $"the document has more than {TemplateLimits.DocumentBytes:N0} bytes once its aliases are written out");
    }

    private object? Anchored(NodeEvent node, object? value)
    {
        if (!node.Anchor.IsEmpty)
            anchors[node.Anchor.Value] = value;
        return value;
    }

    private static object? Plain(Scalar scalar) => scalar.Style is not ScalarStyle.Plain || scalar.Tag is { IsEmpty: false, IsNonSpecific: false, Value: "tag:yaml.org,2002:str" } ? scalar.Value
        : scalar.Value switch
        {
            "" or "~" or "null" or "Null" or "NULL" => null,
            "true" or "True" or "TRUE" => true,
            "false" or "False" or "FALSE" => false,
            var text when Integer().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
            var text when Fraction().IsMatch(text) && double.TryParse(text, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
            var text => text,
        };

    private static TemplateException At(ParsingEvent place, string what) => new($"{what} (line {place.Start.Line}, column {place.Start.Column})");

    [GeneratedRegex(@"^[-+]?[0-9]+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Integer();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Fraction();
}
