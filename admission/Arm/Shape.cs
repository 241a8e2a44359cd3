using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>
/// Compares JSON that a client sent with the .NET type that it should become, and reports every fault with its path. The deserializer itself stops at the first one.
/// </summary>
internal static class Shape
{
    /// <summary>Every fault of <paramref name="json"/> as a <paramref name="type"/>; secrets met on the way are put into <paramref name="secrets"/> by path.</summary>
    public static List<ErrorBody> Faults(JsonElement json, Type type, string path, Dictionary<string, string>? secrets = null, Func<string, JsonElement, bool>? isReadOnlyEcho = null)
    {
        var faults = new List<ErrorBody>();
        new Walk(faults, secrets, path, isReadOnlyEcho).Visit(json, type, path);
        return faults;
    }

    public static ErrorBody Fault(string target, string message) => new("InvalidProperty", $"'{target}' {message}{(message.EndsWith('?') ? "" : ".")}", target);

    private sealed class Walk(List<ErrorBody> faults, Dictionary<string, string>? secrets, string root, Func<string, JsonElement, bool>? isReadOnlyEcho)
    {
        public void Visit(JsonElement json, Type type, string path)
        {
            type = Nullable.GetUnderlyingType(type) ?? type;
            if (type == typeof(JsonElement))
                return;
            var info = Json.Options.GetTypeInfo(type);
            switch (info.Kind)
            {
                case JsonTypeInfoKind.Object:
                    VisitObject(json, info, path);
                    return;
                case JsonTypeInfoKind.Enumerable when json.ValueKind is JsonValueKind.Array:
                    var index = 0;
                    foreach (var item in json.EnumerateArray())
                        Visit(item, info.ElementType!, $"{path}[{index++}]");
                    return;
                case JsonTypeInfoKind.Enumerable:
                    faults.Add(Fault(path, $"must be an array, not {Kind(json)}"));
                    return;
                case JsonTypeInfoKind.Dictionary when json.ValueKind is JsonValueKind.Object:
                    foreach (var entry in json.EnumerateObject())
                        Visit(entry.Value, info.ElementType!, $"{path}.{entry.Name}");
                    return;
                case JsonTypeInfoKind.Dictionary:
                    faults.Add(Fault(path, $"must be an object, not {Kind(json)}"));
                    return;
                default:
                    VisitValue(json, type, path);
                    return;
            }
        }

        private void VisitObject(JsonElement json, JsonTypeInfo info, string path)
        {
            if (json.ValueKind is not JsonValueKind.Object)
            {
                faults.Add(Fault(path, $"must be an object, not {Kind(json)}"));
                return;
            }

            var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            foreach (var member in json.EnumerateObject())
            {
                var target = $"{path}.{member.Name}";
                var property = info.Properties.FirstOrDefault(p => IsWritable(p) && p.Name.Equals(member.Name, StringComparison.OrdinalIgnoreCase));
                if (property is null)
                {
                    if (path != root || isReadOnlyEcho is null || !isReadOnlyEcho(member.Name, member.Value))
                        faults.Add(Unknown(target, member.Name, info));
                    continue;
                }

                if (!seen.Add(property.Name))
                    faults.Add(Fault(target, "appears twice; names differ in more than case"));
                if (member.Value.ValueKind is JsonValueKind.Null)
                {
                    if (property.IsRequired || !property.IsSetNullable)
                        faults.Add(Fault(target, "must not be null"));
                    continue;
                }

                Visit(member.Value, property.PropertyType, target);
                if (secrets is not null && Json.IsSecret(property) && member.Value.ValueKind is JsonValueKind.String)
                    secrets[target[(root.Length + 1)..]] = member.Value.GetString()!;
            }

            faults.AddRange(info.Properties.Where(p => p.IsRequired && !seen.Contains(p.Name)).Select(p => Fault($"{path}.{p.Name}", "is required")));
        }

        private void VisitValue(JsonElement json, Type type, string path)
        {
            if (type.IsEnum)
            {
                if (json.ValueKind is not JsonValueKind.String || !Enum.TryParse(type, json.GetString(), ignoreCase: true, out var value) || !Enum.IsDefined(type, value))
                    faults.Add(Fault(path, $"must be one of {string.Join(", ", Enum.GetNames(type))}"));
                return;
            }

            try
            {
                json.Deserialize(type, Json.Options);
            }
            catch (Exception failure) when (failure is JsonException or FormatException or InvalidOperationException)
            {
                faults.Add(Fault(path, $"must be {Expected(type)}, not {Kind(json)}"));
            }
        }
    }

    private static bool IsWritable(JsonPropertyInfo property) => property.Set is not null || property.AssociatedParameter is not null;

    private static ErrorBody Unknown(string target, string name, JsonTypeInfo info)
    {
        var near = info.Properties.Where(IsWritable).Select(p => p.Name).Where(known => Distance(known, name) <= 2).ToList();
        return Fault(target, near.Count > 0 ? $"is not known; did you mean '{near[0]}'?" : $"is not known; known are {string.Join(", ", info.Properties.Where(IsWritable).Select(p => p.Name))}");
    }

    private static string Expected(Type type) => type switch
    {
        _ when type == typeof(string) => "a string",
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(Uri) => "an address",
        _ when type == typeof(Guid) => "a GUID",
        _ when type == typeof(DateTimeOffset) => "a time such as 2026-06-01T00:00:00Z",
        _ when type == typeof(int) || type == typeof(long) => "a whole number in range",
        _ when type.IsPrimitive || type == typeof(decimal) => "a number",
        _ => $"a {type.Name}",
    };

    private static string Kind(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Array => "an array",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => $"the number {json.GetRawText()}",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    /// <summary>Levenshtein distance, for "did you mean".</summary>
    public static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 2)
            return 3;
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0]++;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1;
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + cost));
            }
        }

        return row[^1];
    }
}
