using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ControlPlane.Contracts.Clusters;

/// <summary>As much of YAML as a kubeconfig needs: mappings, lists and texts, within bounds, and no aliases, by which a few lines stand for billions.</summary>
internal sealed class KubeconfigYaml
{
    private const int MostCharacters = 256 * 1024;
    private const int MostNodes = 10_000;
    private const int Deepest = 16;

    private readonly Parser parser;
    private int nodes;
    private int depth;

    private KubeconfigYaml(string text) => parser = new(new StringReader(text));

    /// <summary>A <see cref="Mapping"/>, a list, a text or null.</summary>
    /// <exception cref="FormatException">It is too big, or uses what a kubeconfig does not.</exception>
    /// <exception cref="YamlException">It is not YAML.</exception>
    public static object? Read(string text)
    {
        if (text.Length > MostCharacters)
            throw new FormatException($"has more than {MostCharacters:N0} characters; kubectl config view --raw --minify --flatten gives what the current context needs");
        var reader = new KubeconfigYaml(text);
        reader.parser.Consume<StreamStart>();
        if (reader.parser.TryConsume<StreamEnd>(out _))
            return null;
        reader.parser.Consume<DocumentStart>();
        var value = reader.Value();
        reader.parser.Consume<DocumentEnd>();
        return reader.parser.TryConsume<StreamEnd>(out _) ? value : throw new FormatException("has more than one YAML document");
    }

    private object? Value()
    {
        if (++nodes > MostNodes)
            throw new FormatException($"has more than {MostNodes:N0} values");
        if (depth > Deepest)
            throw new FormatException($"is nested more than {Deepest} levels deep");
        if (parser.TryConsume<AnchorAlias>(out var alias))
            throw new FormatException($"has an alias '*{alias.Value}', which no kubeconfig needs");
        if (parser.TryConsume<Scalar>(out var scalar))
            return scalar.Style is ScalarStyle.Plain && scalar.Value is "" or "~" or "null" ? null : scalar.Value;
        depth++;
        object value = parser.TryConsume<SequenceStart>(out _) ? List() : Members();
        depth--;
        return value;
    }

    private List<object?> List()
    {
        var items = new List<object?>();
        while (!parser.TryConsume<SequenceEnd>(out _))
            items.Add(Value());
        return items;
    }

    private Mapping Members()
    {
        parser.Consume<MappingStart>();
        var members = new Dictionary<string, object?>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var name = parser.Consume<Scalar>();
            if (!members.TryAdd(name.Value, Value()))
                throw new FormatException($"has '{name.Value}' twice in one mapping (line {name.Start.Line})");
        }

        return new(members);
    }

    public sealed class Mapping(IReadOnlyDictionary<string, object?> members)
    {
        public object? Find(string name) => members.GetValueOrDefault(name);

        public bool Has(string name) => Find(name) is not null;

        /// <summary>Null when it is not there.</summary>
        public string? Text(string name) => Find(name) is { } value ? value as string ?? throw new FormatException($"has a '{name}' that is no text") : null;
    }
}
