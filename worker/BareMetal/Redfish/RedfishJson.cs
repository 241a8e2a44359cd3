using System.Text.Json;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Reads Redfish's JSON forgivingly: a property of another kind than the schema's counts as absent.</summary>
internal static class RedfishJson
{
    public static JsonElement At(this JsonElement from, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (from.ValueKind != JsonValueKind.Object || !from.TryGetProperty(name, out from)) return default;
        }

        return from;
    }

    /// <summary>Trimmed; null for absent, null, empty or not a string.</summary>
    public static string? Text(this JsonElement from, params ReadOnlySpan<string> path) =>
        from.At(path) is { ValueKind: JsonValueKind.String } value && value.GetString()?.Trim() is { Length: > 0 } text ? text : null;

    public static double? Number(this JsonElement from, params ReadOnlySpan<string> path) =>
        from.At(path) is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out var number) ? number : null;

    public static int? Integer(this JsonElement from, params ReadOnlySpan<string> path) =>
        from.Number(path) is { } number && number is >= int.MinValue and <= int.MaxValue ? (int)number : null;

    public static long? Long(this JsonElement from, params ReadOnlySpan<string> path) =>
        from.At(path) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;

    public static bool? Flag(this JsonElement from, params ReadOnlySpan<string> path) =>
        from.At(path) is { ValueKind: JsonValueKind.True or JsonValueKind.False } value ? value.GetBoolean() : null;

    public static string[] Texts(this JsonElement from, params ReadOnlySpan<string> path) =>
        [.. from.Items(path).Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString() ?? "")];

    public static IEnumerable<JsonElement> Items(this JsonElement from, params ReadOnlySpan<string> path) =>
        from.At(path) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];

    /// <summary>The @odata.id of what a property links to.</summary>
    public static string? Link(this JsonElement from, params ReadOnlySpan<string> path) => from.At(path).Text("@odata.id");
}
