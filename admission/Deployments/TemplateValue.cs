using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Deployments;

/// <summary>An array of a template; it never changes, so parts are shared freely.</summary>
internal sealed class TemplateArray(IReadOnlyList<object?> items)
{
    public static TemplateArray Empty { get; } = new([]);

    public IReadOnlyList<object?> Items { get; } = items;

    /// <summary>As it would be written: what is shared counts each time.</summary>
    public long Size { get; } = 2 + items.Sum(item => TemplateValue.Size(item) + 1);

    public int Depth { get; } = 1 + items.Select(TemplateValue.Depth).DefaultIfEmpty(0).Max();
}

/// <summary>An object of a template: names differ in more than case and keep their order. It never changes.</summary>
internal sealed class TemplateObject
{
    private readonly Dictionary<string, object?> byName;

    public TemplateObject(IReadOnlyList<KeyValuePair<string, object?>> members)
    {
        byName = new(members.Count, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in members)
            byName[name] = value;
        Members = byName.Count == members.Count ? members : [.. byName];
        Size = 2 + Members.Sum(member => member.Key.Length + 4 + TemplateValue.Size(member.Value));
        Depth = 1 + Members.Select(member => TemplateValue.Depth(member.Value)).DefaultIfEmpty(0).Max();
    }

    public static TemplateObject Empty { get; } = new([]);

    public IReadOnlyList<KeyValuePair<string, object?>> Members { get; }

    public long Size { get; }

    public int Depth { get; }

    public bool TryGet(string name, out object? value) => byName.TryGetValue(name, out value);

    public object? this[string name] => byName.GetValueOrDefault(name);

    public bool Has(string name) => byName.ContainsKey(name);

    public TemplateObject With(string name, object? value) =>
        new([.. Members.Where(member => !member.Key.Equals(name, StringComparison.OrdinalIgnoreCase)), new(name, value)]);

    public TemplateObject Without(params ReadOnlySpan<string> names)
    {
        var dropped = new HashSet<string>(names.ToArray(), StringComparer.OrdinalIgnoreCase);
        return new([.. Members.Where(member => !dropped.Contains(member.Key))]);
    }
}

/// <summary>
/// The values of a template: null, <see cref="bool"/>, <see cref="long"/>, <see cref="double"/> for other numbers, <see cref="string"/>,
/// <see cref="TemplateArray"/> and <see cref="TemplateObject"/>.
/// </summary>
internal static class TemplateValue
{
    public static long Size(object? value) => value switch
    {
        string text => text.Length + 2,
        TemplateArray array => array.Size,
        TemplateObject members => members.Size,
        _ => 8,
    };

    public static int Depth(object? value) => value switch
    {
        TemplateArray array => array.Depth,
        TemplateObject members => members.Depth,
        _ => 0,
    };

    public static string Kind(object? value) => value switch
    {
        null => "null",
        bool => "a boolean",
        long => "an integer",
        double => "a number",
        string => "a string",
        TemplateArray => "an array",
        TemplateObject => "an object",
        _ => "a function",
    };

    /// <summary>The name of its type as outputs and parameters say it.</summary>
    public static string TypeName(object? value) => value switch
    {
        bool => "Bool",
        long or double => "Int",
        string => "String",
        TemplateArray => "Array",
        _ => "Object",
    };

    public static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (string a, string b) => a == b,
        (bool a, bool b) => a == b,
        (long a, long b) => a == b,
        (double or long, double or long) => Convert.ToDouble(left, CultureInfo.InvariantCulture).Equals(Convert.ToDouble(right, CultureInfo.InvariantCulture)),
        (TemplateArray a, TemplateArray b) => ReferenceEquals(a, b) || (a.Size == b.Size && a.Items.Count == b.Items.Count && a.Items.Zip(b.Items).All(pair => AreEqual(pair.First, pair.Second))),
        (TemplateObject a, TemplateObject b) => ReferenceEquals(a, b) || (a.Members.Count == b.Members.Count && a.Members.All(member => b.TryGet(member.Key, out var other) && AreEqual(member.Value, other))),
        _ => false,
    };

    public static object? From(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => json.TryGetInt64(out var whole) ? (object)whole : json.GetDouble(),
        JsonValueKind.Array => new TemplateArray([.. json.EnumerateArray().Select(From)]),
        JsonValueKind.Object => new TemplateObject([.. json.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, From(member.Value)))]),
        _ => null,
    };

    public static object? Parse(string json)
    {
        using var document = JsonDocument.Parse(json, new() { MaxDepth = TemplateLimits.DocumentDepth * 2 });
        return From(document.RootElement);
    }

    public static string ToJson(object? value)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new() { Encoder = Json.Options.Encoder, MaxDepth = TemplateLimits.DocumentDepth * 4 }))
            Write(writer, value);
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    public static JsonElement ToElement(object? value)
    {
        using var document = JsonDocument.Parse(ToJson(value), new() { MaxDepth = TemplateLimits.DocumentDepth * 4 });
        return document.RootElement.Clone();
    }

    public static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool yes:
                writer.WriteBooleanValue(yes);
                break;
            case long whole:
                writer.WriteNumberValue(whole);
                break;
            case double number:
                writer.WriteNumberValue(number);
                break;
            case TemplateArray array:
                writer.WriteStartArray();
                foreach (var item in array.Items)
                    Write(writer, item);
                writer.WriteEndArray();
                break;
            case TemplateObject members:
                writer.WriteStartObject();
                foreach (var (name, item) in members.Members)
                {
                    writer.WritePropertyName(name);
                    Write(writer, item);
                }

                writer.WriteEndObject();
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }

    /// <summary>The text of a value as <c>concat</c>, <c>string</c> and <c>format</c> write it.</summary>
    public static string Text(object? value) => value switch
    {
        null => "",
        string text => text,
        bool yes => yes ? "True" : "False",
        long whole => whole.ToString(CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        _ => ToJson(value),
    };

    public static bool TryText(object? value, [NotNullWhen(true)] out string? text) => (text = value as string) is not null;

    public static TemplateObject Object(params ReadOnlySpan<(string Name, object? Value)> members)
    {
        var list = new List<KeyValuePair<string, object?>>(members.Length);
        foreach (var (name, value) in members)
            list.Add(new(name, value));
        return new(list);
    }

    public static TemplateArray Array(IEnumerable<object?> items) => new(items as IReadOnlyList<object?> ?? new ReadOnlyCollection<object?>([.. items]));
}
