using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>What a PUT or PATCH asks for, once every rule of envelope and type has been checked.</summary>
internal sealed record WantedResource(string? Location, string Tags, BoundProperties Properties);

/// <summary>What is done with the tags that are given (Microsoft.Resources/tags).</summary>
internal enum TagOperation { Merge, Replace, Delete }

/// <summary>The envelope's rules (ARM RPC, resource API): everything that is the same for every type.</summary>
internal sealed partial class ResourceEnvelope(Locations locations)
{
    private static readonly SearchValues<char> ForbiddenInTags = SearchValues.Create("<>%&\\?/");
    private static readonly string[] Known = ["id", "name", "type", "location", "tags", "properties", "etag", "systemData"];
    private static readonly string[] Patchable = ["tags", "properties"];

    /// <summary>A whole resource: what is left out returns to its default.</summary>
    public WantedResource Put(RegisteredType type, string? version, ResourceId id, JsonElement body, ResourceRow? current)
    {
        var faults = new List<ErrorBody>();
        foreach (var member in body.EnumerateObject())
        {
            switch (member.Name)
            {
                case "id" when !SameText(member.Value, id.Text):
                case "name" when !SameText(member.Value, id.Name):
                case "type" when !SameText(member.Value, id.Type.ToString()):
                    faults.Add(new("InvalidRequestContent", $"'{member.Name}' in the body must equal the resource in the URL.", member.Name));
                    break;
                case var name when !Known.Contains(name, StringComparer.Ordinal) && !type.IgnoredMembers.Contains(name, StringComparer.Ordinal):
                    faults.Add(new("InvalidRequestContent", $"Could not find member '{name}' on a resource; known are {string.Join(", ", Known)}.", name));
                    break;
            }
        }

        var location = type.IsTracked || body.TryGetProperty("location", out _) ? Location(body, current, faults, id) : current?.Location;
        var tags = body.TryGetProperty("tags", out var given) ? Tags(given, faults) : "{}";
        var written = body.TryGetProperty("properties", out var wanted) ? wanted : JsonSerializer.SerializeToElement(new { });
        var properties = type.Ladder.Up(version, written, current?.Properties, faults);
        var bound = type.Bind(id, properties, current, (name, value) => IsEcho(type, current, name, value, faults), faults);
        return bound is null || faults.Count > 0 ? throw ArmErrors.Invalid(faults) : new(location, tags, bound);
    }

    /// <summary>RFC 7396 on <c>properties</c>; <c>tags</c> replaces all tags.</summary>
    public static WantedResource Patch(RegisteredType type, string? version, JsonElement body, ResourceRow current)
    {
        var faults = new List<ErrorBody>();
        foreach (var member in body.EnumerateObject().Where(member => !Patchable.Contains(member.Name, StringComparer.Ordinal) && !type.IgnoredMembers.Contains(member.Name, StringComparer.Ordinal) && !IsEnvelopeEcho(member, current)))
            faults.Add(new("InvalidRequestContent", $"'{member.Name}' cannot be patched; only {string.Join(" and ", Patchable)} can.", member.Name));
        var tags = body.TryGetProperty("tags", out var given) ? Tags(given, faults) : current.Tags;
        var properties = current.Properties;
        if (body.TryGetProperty("properties", out var patch))
        {
            if (patch.ValueKind is not JsonValueKind.Object)
                faults.Add(Shape.Fault("properties", "must be an object"));
            else
                properties = MergePatch.Apply(JsonNode.Parse(current.Properties), type.Ladder.Up(version, patch, current.Properties, faults))!.ToJsonString();
        }

        using var merged = JsonDocument.Parse(properties);
        var bound = type.Bind(current.ResourceId, merged.RootElement, current, (name, value) => IsEcho(type, current, name, value, faults), faults);
        return bound is null || faults.Count > 0 ? throw ArmErrors.Invalid(faults) : new(current.Location, tags, bound);
    }

    /// <summary>The tags after some were merged into them, took their place, or were removed; names are the same whatever their case.</summary>
    public static string Retag(string current, JsonElement given, TagOperation operation)
    {
        var faults = new List<ErrorBody>();
        var wanted = Json.Read<Dictionary<string, string>>(Tags(given, faults));
        var tags = new Dictionary<string, string>(operation is TagOperation.Replace ? [] : Json.Read<Dictionary<string, string>>(current), StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in wanted)
        {
            if (operation is TagOperation.Delete)
                tags.Remove(name);
            else
                tags[name] = value;
        }

        var merged = Tags(JsonSerializer.SerializeToElement(tags, Json.Options), faults);
        return faults.Count > 0 ? throw ArmErrors.Invalid(faults) : merged;
    }

    private string? Location(JsonElement body, ResourceRow? current, List<ErrorBody> faults, ResourceId id)
    {
        if (!body.TryGetProperty("location", out var given))
        {
            if (current is null)
                faults.Add(new("LocationRequired", "The location property is required for this definition.", "location"));
            return current?.Location;
        }

        var wanted = given.ValueKind is JsonValueKind.String ? Locations.Normalise(given.GetString()!) : "";
        if (!locations.Names.Contains(wanted, StringComparer.Ordinal))
        {
            faults.Add(new("LocationNotAvailableForResourceType", $"The provided location '{given}' is not available. Available are {string.Join(", ", locations.Names)}.", "location"));
            return null;
        }

        if (current?.Location is { } stored && stored != wanted)
            throw ArmErrors.LocationChanged(id, stored, wanted);
        return wanted;
    }

    private static string Tags(JsonElement given, List<ErrorBody> faults)
    {
        if (given.ValueKind is JsonValueKind.Null)
            return "{}";
        if (given.ValueKind is not JsonValueKind.Object)
        {
            faults.Add(Shape.Fault("tags", "must be an object of strings"));
            return "{}";
        }

        var tags = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var tag in given.EnumerateObject())
        {
            var value = tag.Value.ValueKind is JsonValueKind.String ? tag.Value.GetString()! : null;
            if (tag.Name.Length is 0 or > 512 || tag.Name.AsSpan().IndexOfAny(ForbiddenInTags) >= 0)
                faults.Add(new("InvalidTagNameCharacters", $"The tag name '{tag.Name}' must have 1 to 512 characters, none of < > % & \\ ? /.", $"tags.{tag.Name}"));
            if (value is null || value.Length > 256)
                faults.Add(new("InvalidTagValue", $"The value of tag '{tag.Name}' must be a string of at most 256 characters.", $"tags.{tag.Name}"));
            if (!tags.TryAdd(tag.Name, value ?? ""))
                faults.Add(new("DuplicateTag", $"The tag '{tag.Name}' appears twice; tag names differ in more than case.", $"tags.{tag.Name}"));
        }

        if (tags.Count > 50)
            faults.Add(new("InvalidTags", $"A resource has at most 50 tags; {tags.Count} were given.", "tags"));
        return JsonSerializer.Serialize(tags, Json.Options);
    }

    /// <summary>Clients that change what they read and PATCH all of it (.NET's <c>GenericResource.UpdateAsync</c>) repeat what cannot be patched.</summary>
    private static bool IsEnvelopeEcho(JsonProperty member, ResourceRow current) => member.Name switch
    {
        "id" => SameText(member.Value, current.Id),
        "name" => SameText(member.Value, current.Name),
        "type" => SameText(member.Value, current.Type),
        "location" => member.Value.ValueKind is JsonValueKind.String && Locations.Normalise(member.Value.GetString()!) == current.Location,
        _ => false,
    };

    /// <summary>A property that only the control plane writes may be sent back unchanged, as clients that GET and then PUT do.</summary>
    private static bool IsEcho(RegisteredType type, ResourceRow? current, string name, JsonElement value, List<ErrorBody> faults)
    {
        if (name == "provisioningState")
        {
            if (current is null || !SameText(value, current.State.ToString()))
                faults.Add(ReadOnly(name));
            return true;
        }

        if (!IsStatus(type, name))
            return false;
        using var status = JsonDocument.Parse(current?.Status ?? "{}");
        if (!status.RootElement.TryGetProperty(name, out var stored) || !JsonElement.DeepEquals(stored, value))
            faults.Add(ReadOnly(name));
        return true;
    }

    private static bool IsStatus(RegisteredType type, string name) => Json.Options.GetTypeInfo(type.StatusType).Properties.Any(p => p.Name == name);

    private static ErrorBody ReadOnly(string name) =>
        new("PropertyChangeNotAllowed", $"'properties.{name}' is read-only: leave it out, or send back the value that was read.", $"properties.{name}");

    private static bool SameText(JsonElement value, string text) =>
        value.ValueKind is JsonValueKind.Null || (value.ValueKind is JsonValueKind.String && string.Equals(value.GetString(), text, StringComparison.OrdinalIgnoreCase));

    public static bool IsName(string name) => name.Length is > 0 and <= 260 && !Forbidden().IsMatch(name) && name[^1] is not ('.' or ' ');

    [GeneratedRegex(@"[<>%&:\\?/\p{Cc}]", RegexOptions.None, 1000)]
    private static partial Regex Forbidden();
}
