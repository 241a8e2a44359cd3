using System.Globalization;
using System.Text;

namespace ControlPlane.Admission.Deployments.Functions;

internal static class TextFunctions
{
    public static IReadOnlyList<Function> All { get; } =
    [
        new("concat", 1, Function.Any, Concat),
        new("format", 1, Function.Any, Format),
        new("string", 1, 1, call => call[0] is string text ? text : TemplateValue.Text(call[0])),
        new("toLower", 1, 1, call => call.Text(0).ToLowerInvariant()),
        new("toUpper", 1, 1, call => call.Text(0).ToUpperInvariant()),
        new("trim", 1, 1, call => call.Text(0).Trim()),
        new("startsWith", 2, 2, call => call.Text(0).StartsWith(call.Text(1), StringComparison.OrdinalIgnoreCase)),
        new("endsWith", 2, 2, call => call.Text(0).EndsWith(call.Text(1), StringComparison.OrdinalIgnoreCase)),
        new("substring", 2, 3, Substring),
        new("replace", 3, 3, Replace),
        new("split", 2, 2, Split),
        new("join", 2, 2, Join),
        new("padLeft", 2, 3, PadLeft),
    ];

    private static object? Concat(Arguments call)
    {
        if (call[0] is TemplateArray)
            return new TemplateArray([.. Enumerable.Range(0, call.Count).SelectMany(at => call.Array(at).Items)]);
        foreach (var value in call.Values)
        {
            if (value is TemplateArray or TemplateObject)
                throw call.Fault($"joins strings or arrays, not {TemplateValue.Kind(value)} and {TemplateValue.Kind(call[0])}");
        }

        return string.Concat(call.Values.Select(TemplateValue.Text));
    }

    private static object? Substring(Arguments call)
    {
        var (text, start) = (call.Text(0), call.Place(1));
        if (start > text.Length)
            throw call.Fault($"starts at {start}, but the text has {text.Length} characters");
        var length = call.Has(2) ? call.Place(2) : text.Length - start;
        return (long)start + length <= text.Length ? text.Substring(start, length) : throw call.Fault($"asks for {length} characters from {start} on, but the text has {text.Length}");
    }

    private static object? Replace(Arguments call)
    {
        var (text, old, wanted) = (call.Text(0), call.Text(1), call.Text(2));
        if (old.Length == 0)
            throw call.Fault("needs some text to replace as argument 2");
        var times = text.AsSpan().Count(old);
        call.Scope.Budget.Reserve(text.Length + ((long)times * Math.Max(0, wanted.Length - old.Length)));
        return text.Replace(old, wanted, StringComparison.Ordinal);
    }

    private static object? Split(Arguments call)
    {
        string[] separators = call[1] is TemplateArray several ? [.. several.Items.OfType<string>()] : [call.Text(1)];
        if (separators.Length == 0 || separators.Any(separator => separator.Length == 0))
            throw call.Fault("needs one or more separators as argument 2, none of them empty");
        return new TemplateArray([.. call.Text(0).Split(separators, StringSplitOptions.None)]);
    }

    private static object? Join(Arguments call)
    {
        var (items, separator) = (call.Array(0).Items, call.Text(1));
        call.Scope.Budget.Reserve(call.Array(0).Size + ((long)items.Count * separator.Length));
        return string.Join(separator, items.Select(TemplateValue.Text));
    }

    private static object? PadLeft(Arguments call)
    {
        var (text, width) = (TemplateValue.Text(call[0]), call.Place(1));
        var fill = call.Has(2) ? call.Text(2) : " ";
        if (fill.Length != 1)
            throw call.Fault("needs one character as argument 3");
        call.Scope.Budget.Reserve(width);
        return text.PadLeft(width, fill[0]);
    }

    /// <summary>.NET's composite format, with widths and precisions that cannot grow without bound.</summary>
    private static object? Format(Arguments call)
    {
        var (text, built) = (call.Text(0), new StringBuilder());
        for (var at = 0; at < text.Length; at++)
        {
            var next = text[at];
            if (next is '{' or '}' && at + 1 < text.Length && text[at + 1] == next)
            {
                built.Append(next);
                at++;
            }
            else if (next == '{')
            {
                var end = text.IndexOf('}', at);
                if (end < 0)
                    throw call.Fault("has a '{' without its '}'");
                built.Append(Placed(call, text[(at + 1)..end]));
                at = end;
            }
            else if (next == '}')
            {
                throw call.Fault("has a '}' without its '{'");
            }
            else
            {
                built.Append(next);
            }

            if (built.Length > TemplateLimits.ValueSize)
                call.Scope.Budget.Reserve(built.Length);
        }

        return built.ToString();
    }

    private static string Placed(Arguments call, string item)
    {
        var (rest, format) = item.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0 ? (item[..colon], item[(colon + 1)..]) : (item, "");
        var (index, width) = rest.IndexOf(',', StringComparison.Ordinal) is var comma and >= 0 ? (rest[..comma], rest[(comma + 1)..]) : (rest, "0");
        if (!int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var at) || at >= call.Count - 1)
            throw call.Fault($"has a place '{{{item}}}' for which there is no argument");
        if (!int.TryParse(width, NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture, out var wide) || Math.Abs((long)wide) > 1000)
            throw call.Fault($"has a place '{{{item}}}' whose width is not from -1000 to 1000");
        var text = Formatted(call, call[at + 1], format);
        return wide < 0 ? text.PadRight(-wide) : text.PadLeft(wide);
    }

    private static string Formatted(Arguments call, object? value, string format)
    {
        if (format.Length == 0 || value is not (long or double))
            return TemplateValue.Text(value);
        if (format.Length > 32 || format.Count(char.IsAsciiDigit) > 2)
            throw call.Fault($"has the format '{format}', which is longer than 32 characters or asks for more than 99 digits");
        try
        {
            return ((IFormattable)value).ToString(format, CultureInfo.InvariantCulture);
        }
        catch (FormatException)
        {
            throw call.Fault($"has the format '{format}', which numbers do not know");
        }
    }
}
