namespace ControlPlane.Admission.Deployments;

/// <summary>Azure's bounds of a template, and ours where Azure names none: nobody's template may use unbounded time or memory.</summary>
internal static class TemplateLimits
{
    public const int DocumentBytes = 4 * 1024 * 1024;
    public const int DocumentDepth = 64;

    /// <summary>Of the value of an expression or parameter, so that it can stand inside of what is stored and shown.</summary>
    public const int ValueDepth = 40;

    /// <summary>Of a resource with everything evaluated: what the strict reader of the front door takes.</summary>
    public const int BodyDepth = 56;
    public const int DocumentNodes = 500_000;
    public const int Parameters = 256;
    public const int Variables = 256;
    public const int Outputs = 64;
    public const int Resources = 800;
    public const int CopyCount = 800;
    public const int ExpressionLength = 24_576;
    public const int ExpressionDepth = 64;
    public const int NestedDeployments = 20;

    /// <summary>Of a template with all deployments nested in it.</summary>
    public const int TreeResources = 8_000;

    /// <summary>Calls, accesses and copied items that one evaluation of a whole template may make.</summary>
    public const int Steps = 2_000_000;

    /// <summary>The size of any one value, as it would be written; shared parts count each time.</summary>
    public const long ValueSize = 4 * 1024 * 1024;

    /// <summary>The size of all values that one evaluation makes.</summary>
    public const long TotalSize = 128L * 1024 * 1024;
}

/// <summary>What one evaluation may still use.</summary>
internal sealed class TemplateBudget
{
    private long steps;
    private long size;

    public void Step(long count = 1)
    {
        steps += count;
        if (steps > TemplateLimits.Steps)
            throw new TemplateException(TemplateFault.TooBig, $"the template asks for more than {TemplateLimits.Steps:N0} evaluation steps; use fewer or smaller loops");
    }

    /// <summary>Accounts for a value that was made, before anything else is made of it.</summary>
    public object? Made(object? value)
    {
        Reserve(TemplateValue.Size(value));
        if (value is string text && text.Contains('\0', StringComparison.Ordinal))
            throw new TemplateException("a value holds U+0000, which cannot be stored");
        return TemplateValue.Depth(value) <= TemplateLimits.ValueDepth ? value
            : throw new TemplateException(TemplateFault.TooBig, $"a value is nested more than {TemplateLimits.ValueDepth} levels deep");
    }

    /// <summary>Refuses a size before the memory for it is asked for.</summary>
    public void Reserve(long wanted)
    {
        if (wanted > TemplateLimits.ValueSize)
            throw new TemplateException(TemplateFault.TooBig, $"a value would have more than {TemplateLimits.ValueSize:N0} characters");
        size += wanted;
        if (size > TemplateLimits.TotalSize)
            throw new TemplateException(TemplateFault.TooBig, $"the values of the template would have more than {TemplateLimits.TotalSize:N0} characters in all");
    }
}
