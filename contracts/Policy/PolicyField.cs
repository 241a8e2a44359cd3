namespace ControlPlane.Contracts.Policy;

/// <summary>What a rule calls a field: a part of the envelope, a tag, or an alias <c>{namespace}/{type}/{property.path}</c> in which <c>[*]</c> stands for every item of an array.</summary>
public sealed record PolicyField
{
    /// <summary>The parts of the envelope that have a name of their own.</summary>
    public static IReadOnlyList<string> Envelope { get; } = ["name", "fullName", "kind", "type", "location", "id", "identity.type", "tags"];

    private PolicyField(string text) => Text = text;

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>One of <see cref="Envelope"/>, or null.</summary>
    public string? Part { get; private init; }

    /// <summary>The name of a tag, or null.</summary>
    public string? Tag { get; private init; }

    /// <summary>The resource type of an alias, or null.</summary>
    public string? AliasType { get; private init; }

    /// <summary>The steps of an alias below <c>properties</c>.</summary>
    public IReadOnlyList<PolicyStep> Path { get; private init; } = [];

    /// <summary>True when it stands for several values.</summary>
    public bool IsMany => Path.Any(step => step.IsEach);

    /// <summary>The field, or null and why not.</summary>
    public static PolicyField? Read(string text, out string why)
    {
        why = "";
        if (Envelope.FirstOrDefault(known => known.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } part)
            return new(text) { Part = part };
        if (TagOf(text) is { Length: > 0 } tag)
            return new(text) { Tag = tag };
        var slash = text.LastIndexOf('/');
        if (slash <= 0 || !text[..slash].Contains('/', StringComparison.Ordinal))
        {
            why = $"'{text}' is not a field: it is one of {string.Join(", ", Envelope)}, tags['name'], or an alias such as ControlPlane.BareMetal/racks/property.path";
            return null;
        }

        return Steps(text[(slash + 1)..]) is { } path ? new(text) { AliasType = text[..slash], Path = path } : Refuse(text, out why);
    }

    /// <summary>The steps of a path such as <c>.disks[*].size</c> or <c>disks[*]</c>; null when it is none.</summary>
    public static IReadOnlyList<PolicyStep>? Steps(string path)
    {
        var steps = new List<PolicyStep>();
        foreach (var word in path.TrimStart('.').Split('.'))
        {
            var name = word;
            var each = 0;
            while (name.EndsWith("[*]", StringComparison.Ordinal))
                (name, each) = (name[..^3], each + 1);
            if ((name.Length == 0 && (each == 0 || steps.Count > 0)) || name.AsSpan().IndexOfAny("[]*'\"") >= 0)
                return null;
            if (name.Length > 0)
                steps.Add(new(name));
            steps.AddRange(Enumerable.Repeat(PolicyStep.Each, each));
        }

        return steps.Count <= 32 ? steps : null;
    }

    private static PolicyField? Refuse(string text, out string why)
    {
        why = $"'{text}' does not end in a path of properties, such as a.b or a[*].b";
        return null;
    }

    private static string? TagOf(string text)
    {
        if (text.StartsWith("tags.", StringComparison.OrdinalIgnoreCase))
            return text[5..];
        if (!text.StartsWith("tags[", StringComparison.OrdinalIgnoreCase) || text[^1] != ']')
            return null;
        var name = text[5..^1];
        return name.Length > 1 && name[0] == '\'' && name[^1] == '\'' ? name[1..^1].Replace("''", "'", StringComparison.Ordinal) : name;
    }
}

/// <summary>One step of a path: into a property by name, or into every item of an array.</summary>
public sealed record PolicyStep(string Name)
{
    /// <summary>Into every item.</summary>
    public static PolicyStep Each { get; } = new("[*]");

    public bool IsEach => ReferenceEquals(this, Each);
}
