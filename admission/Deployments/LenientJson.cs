using System.Globalization;
using System.Text;

namespace ControlPlane.Admission.Deployments;

/// <summary>
/// Reads templates as people and <c>az</c> write them: JSON with comments, trailing commas, strings over several lines, and names without quotes (<c>az deployment</c>
/// sends the raw file behind an unquoted <c>template:</c>). Everything else is strict, and size, depth and count are bounded.
/// </summary>
internal sealed class LenientJson
{
    private readonly string text;
    private int at;
    private int depth;
    private int nodes;

    private LenientJson(string text) => this.text = text;

    public static object? Read(string text)
    {
        if (text.Length > TemplateLimits.DocumentBytes)
            throw new TemplateException(TemplateFault.TooBig, $"the document has more than {TemplateLimits.DocumentBytes:N0} bytes");
        var reader = new LenientJson(text.StartsWith('\uFEFF') ? text[1..] : text);
        var value = reader.Value();
        reader.Blank();
        return reader.at == reader.text.Length ? value : throw reader.Fault("there is text behind the end of the document");
    }

    private char Peek => at < text.Length ? text[at] : '\0';

    private object? Value()
    {
        Blank();
        if (++nodes > TemplateLimits.DocumentNodes)
            throw new TemplateException(TemplateFault.TooBig, $"the document has more than {TemplateLimits.DocumentNodes:N0} values");
        return Peek switch
        {
            '{' => Object(),
            '[' => Array(),
            '"' => String(),
            '-' or (>= '0' and <= '9') => Number(),
            't' or 'f' or 'n' => Word(),
            _ => throw Fault(at >= text.Length ? "the document ends where a value should be" : $"'{Peek}' begins no value"),
        };
    }

    private TemplateObject Object()
    {
        Enter();
        var members = new List<KeyValuePair<string, object?>>();
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (true)
        {
            Blank();
            if (Take('}'))
                break;
            var name = Peek == '"' ? String() : Name();
            if (!names.Add(name))
                throw Fault($"the name '{name}' appears twice in one object");
            Blank();
            if (!Take(':'))
                throw Fault($"a colon is missing behind the name '{name}'");
            members.Add(new(name, Value()));
            Blank();
            if (Take(','))
                continue;
            if (Take('}'))
                break;
            throw Fault("a comma or a closing brace is missing");
        }

        depth--;
        return new(members);
    }

    private TemplateArray Array()
    {
        Enter();
        var items = new List<object?>();
        while (true)
        {
            Blank();
            if (Take(']'))
                break;
            items.Add(Value());
            Blank();
            if (Take(','))
                continue;
            if (Take(']'))
                break;
            throw Fault("a comma or a closing bracket is missing");
        }

        depth--;
        return new(items);
    }

    private void Enter()
    {
        at++;
        if (++depth > TemplateLimits.DocumentDepth)
            throw new TemplateException(TemplateFault.TooBig, $"the document is nested more than {TemplateLimits.DocumentDepth} levels deep");
    }

    private string Name()
    {
        var start = at;
        while (char.IsAsciiLetterOrDigit(Peek) || Peek is '_' or '$' or '-')
            at++;
        return at > start ? text[start..at] : throw Fault(at >= text.Length ? "the document ends inside an object" : $"'{Peek}' begins no name");
    }

    private string String()
    {
        at++;
        var built = new StringBuilder();
        while (true)
        {
            if (at >= text.Length)
                throw Fault("a string has no end");
            var next = text[at++];
            if (next == '"')
                break;
            built.Append(next == '\\' ? Escape() : next == '\0' ? throw Fault("a string holds U+0000") : next);
        }

        var value = built.ToString();
        return IsWellFormed(value) ? value : throw Fault("a string holds half of a surrogate pair");
    }

    private char Escape()
    {
        var kind = at < text.Length ? text[at++] : '\0';
        switch (kind)
        {
            case '"' or '\\' or '/':
                return kind;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u' when at + 4 <= text.Length && ushort.TryParse(text.AsSpan(at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) && code != 0:
                at += 4;
                return (char)code;
            default:
                throw Fault($"'\\{kind}' is no escape that JSON knows");
        }
    }

    private static bool IsWellFormed(string value)
    {
        for (var i = 0; i < value.Length; i++)
        {
            if (char.IsHighSurrogate(value[i]) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1]))
                i++;
            else if (char.IsSurrogate(value[i]))
                return false;
        }

        return true;
    }

    private object Number()
    {
        var start = at;
        while (char.IsAsciiDigit(Peek) || Peek is '-' or '+' or '.' or 'e' or 'E')
            at++;
        var digits = text.AsSpan(start, at - start);
        if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole))
            return whole;
        return double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : throw Fault($"'{digits}' is no number");
    }

    private object? Word()
    {
        var start = at;
        while (char.IsAsciiLetter(Peek))
            at++;
        return text[start..at] switch
        {
            "true" => true,
            "false" => false,
            "null" => null,
            var other => throw Fault($"'{other}' is no value; a string needs quotes"),
        };
    }

    private void Blank()
    {
        while (at < text.Length)
        {
            if (char.IsWhiteSpace(text[at]))
                at++;
            else if (text[at] == '/' && at + 1 < text.Length && text[at + 1] == '/')
                at = text.IndexOf('\n', at) is var line && line < 0 ? text.Length : line + 1;
            else if (text[at] == '/' && at + 1 < text.Length && text[at + 1] == '*')
                at = text.IndexOf("*/", at + 2, StringComparison.Ordinal) is var end && end < 0 ? throw Fault("a comment has no end") : end + 2;
            else
                return;
        }
    }

    private bool Take(char wanted)
    {
        if (Peek != wanted || at >= text.Length)
            return false;
        at++;
        return true;
    }

    private TemplateException Fault(string what)
    {
        var before = text.AsSpan(0, Math.Min(at, text.Length));
        return new($"{what} (line {before.Count('\n') + 1}, column {before.Length - before.LastIndexOf('\n')})");
    }
}
