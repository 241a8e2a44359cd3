using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Policy;

/// <summary>The resource that is judged, as a reader would see it, and the group that it is in.</summary>
internal sealed record PolicyTarget(JsonElement Resource, JsonElement Group)
{
    public string Type => PolicyJson.Text(PolicyJson.Member(Resource, "type")) ?? "";
}

/// <summary>What an expression may look at: the target, and inside a count the item at hand.</summary>
internal sealed record PolicyScope(PolicyTarget Target, PolicyItem? Item = null);

/// <summary>An item of the array that a count runs through; <paramref name="Name"/> is what <c>current()</c> calls it.</summary>
internal sealed record PolicyItem(string Name, JsonElement Value, PolicyItem? Outer);

/// <summary>JSON as rules see it: names and texts differ in more than case, and null is the same as absent.</summary>
internal static class PolicyJson
{
    public static JsonElement True { get; } = JsonSerializer.SerializeToElement(true);
    public static JsonElement False { get; } = JsonSerializer.SerializeToElement(false);

    public static JsonElement Of(bool value) => value ? True : False;

    public static JsonElement Of(string value) => JsonSerializer.SerializeToElement(value);

    public static JsonElement Of(IEnumerable<JsonElement> items) => JsonSerializer.SerializeToElement(items.Select(item => IsMissing(item) ? (JsonElement?)null : item));

    public static bool IsMissing(JsonElement json) => json.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    public static string? Text(JsonElement json) => json.ValueKind is JsonValueKind.String ? json.GetString() : null;

    public static bool IsTrue(JsonElement json) => json.ValueKind is JsonValueKind.True || (json.ValueKind is JsonValueKind.String && "true".Equals(json.GetString(), StringComparison.OrdinalIgnoreCase));

    public static JsonElement Member(JsonElement json, string name)
    {
        if (json.ValueKind is not JsonValueKind.Object)
            return default;
        if (json.TryGetProperty(name, out var exact))
            return exact;
        foreach (var member in json.EnumerateObject())
        {
            if (member.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                return member.Value;
        }

        return default;
    }
}

/// <summary>Stored resources as rules see them.</summary>
internal static class PolicyTargets
{
    /// <summary>A resource as its readers see it; a connected cluster with all that it was last seen to be as <c>inventory</c> among its properties.</summary>
    public static JsonElement Resource(string id, string? location, string tags, string properties, string status, string? inventory = null)
    {
        var parsed = ResourceId.Parse(id);
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("name", parsed.Name);
            json.WriteString("fullName", string.Join('/', parsed.Names));
            json.WriteString("type", parsed.Type.ToString());
            if (location is not null)
                json.WriteString("location", location);
            json.WritePropertyName("tags");
            json.WriteRawValue(tags);
            json.WriteStartObject("properties");
            foreach (var document in (string[])[properties, status])
            {
                using var members = JsonDocument.Parse(document);
                foreach (var member in members.RootElement.EnumerateObject().Where(member => inventory is null || !member.NameEquals("inventory")))
                    member.WriteTo(json);
            }

            if (inventory is not null)
            {
                json.WritePropertyName("inventory");
                json.WriteRawValue(inventory);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return JsonSerializer.Deserialize<JsonElement>(buffer.ToArray());
    }

    /// <summary>What <c>resourceGroup()</c> is.</summary>
    public static JsonElement Group(string id, string? location, string tags) =>
        Json.Element(new { id, name = ResourceId.Parse(id).Name, location, tags = Json.Read<JsonElement>(tags) });
}
