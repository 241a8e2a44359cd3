namespace ControlPlane.Admission.Deployments;

/// <summary>What a template says of one of its parameters.</summary>
internal sealed record ParameterDefinition(string Name, string Type, TemplateObject Declared)
{
    private static readonly string[] Types = ["string", "securestring", "int", "bool", "object", "secureobject", "array"];
    private static readonly string[] Known = ["type", "defaultValue", "allowedValues", "minValue", "maxValue", "minLength", "maxLength", "metadata", "nullable"];

    /// <summary>Never shown, and never stored in clear.</summary>
    public bool IsSecure => IsSecureType(Type);

    public bool HasDefault => Declared.Has("defaultValue");
    public bool IsNullable => Declared["nullable"] is true;

    public static bool IsSecureType(string type) => type is "securestring" or "secureobject";

    /// <summary>The type in lower case; null, with a fault, when there is no such type.</summary>
    public static string? TypeOf(object? declared, string path, TemplateFaults faults)
    {
        if (declared is string type && Types.Contains(type.ToLowerInvariant(), StringComparer.Ordinal))
            return type.ToLowerInvariant();
        faults.Add(path, "must be one of string, secureString, int, bool, object, secureObject, array");
        return null;
    }

    public static ParameterDefinition? Read(string name, object? declared, string path, TemplateFaults faults)
    {
        if (declared is not TemplateObject members)
        {
            faults.Add(path, "must be an object with a 'type'");
            return null;
        }

        foreach (var (member, _) in members.Members.Where(member => !Known.Contains(member.Key, StringComparer.OrdinalIgnoreCase)))
            faults.Add($"{path}.{member}", $"is not known; a parameter has {string.Join(", ", Known)}", member is "$ref" ? TemplateFault.Unsupported : TemplateFault.Invalid);
        return TypeOf(members["type"], $"{path}.type", faults) is { } type ? new(name, type, members) : null;
    }

    /// <summary>Every rule that the value breaks.</summary>
    public IEnumerable<string> Faults(object? value)
    {
        if (value is null && IsNullable)
            yield break;
        if (TemplateValue.Depth(value) > TemplateLimits.ValueDepth)
            yield return $"is nested more than {TemplateLimits.ValueDepth} levels deep";
        if (!IsOfType(Type, value))
        {
            yield return $"must be of type {Type}, not {TemplateValue.Kind(value)}";
            yield break;
        }

        if (Declared["allowedValues"] is TemplateArray allowed
            && !(value is TemplateArray several ? several.Items : [value]).All(item => allowed.Items.Any(one => TemplateValue.AreEqual(one, item) || TemplateValue.AreEqual(one, value))))
            yield return $"must be one of the allowed values {(IsSecure ? "" : string.Join(", ", allowed.Items.Select(TemplateValue.Text)))}".TrimEnd();
        if (value is long number)
        {
            if (Declared["minValue"] is long least && number < least)
                yield return $"must be at least {least}";
            if (Declared["maxValue"] is long most && number > most)
                yield return $"must be at most {most}";
        }

        var length = value switch { string text => text.Length, TemplateArray array => array.Items.Count, _ => -1 };
        if (length >= 0 && Declared["minLength"] is long shortest && length < shortest)
            yield return $"must have a length of at least {shortest}";
        if (length >= 0 && Declared["maxLength"] is long longest && length > longest)
            yield return $"must have a length of at most {longest}";
    }

    public static bool IsOfType(string type, object? value) => type switch
    {
        "string" or "securestring" => value is string,
        "int" => value is long,
        "bool" => value is bool,
        "array" => value is TemplateArray,
        "object" => value is TemplateObject,
        _ => value is TemplateObject or TemplateArray or string or long or bool,
    };
}
