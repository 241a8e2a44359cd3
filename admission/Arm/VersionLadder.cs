using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>
/// The api-versions of one type. What is stored is as the newest knows it; an older one neither shows nor changes what later ones added. A version of which the type
/// knows nothing, such as that of a list of all types, is as good as the newest one before it.
/// </summary>
internal sealed class VersionLadder(IReadOnlyList<ApiVersionStep> steps)
{
    public IReadOnlyList<ApiVersionStep> Steps => steps;

    /// <summary>What a client of a version wrote, as the newest version would have written it: what the client does not know stays as it is stored, or is what it was before it could be written.</summary>
    /// <param name="version">Null is the newest.</param>
    /// <param name="stored">The properties as stored; null on create.</param>
    public JsonElement Up(string? version, JsonElement written, string? stored, List<ErrorBody> faults)
    {
        if (version is null || written.ValueKind is not JsonValueKind.Object || !steps.Any(step => IsUnknown(step, version)))
            return written;
        var current = stored is null ? default : JsonSerializer.Deserialize<JsonElement>(stored);
        var completed = new JsonObject();
        foreach (var member in written.EnumerateObject())
        {
            if (steps.FirstOrDefault(step => IsUnknown(step, version) && step.Added.Keys.Contains(member.Name, StringComparer.OrdinalIgnoreCase)) is { } later)
                faults.Add(Shape.Fault($"properties.{member.Name}", $"is not known to api-version {version}; {later.Version} is the first that has it"));
            else
                completed[member.Name] = JsonNode.Parse(member.Value.GetRawText());
        }

        foreach (var (name, before) in steps.Where(step => IsUnknown(step, version)).SelectMany(step => step.Added))
            completed[name] = JsonNode.Parse((current.ValueKind is JsonValueKind.Object && current.TryGetProperty(name, out var kept) ? kept : before).GetRawText());
        return JsonSerializer.SerializeToElement(completed);
    }

    /// <summary>What a client of a version reads of stored properties: without what later versions added, and with what was not there yet when they were stored.</summary>
    /// <param name="version">Null is the newest.</param>
    public IEnumerable<(string Name, JsonElement Value)> Down(string? version, JsonElement stored)
    {
        foreach (var member in stored.EnumerateObject())
        {
            if (version is null || !steps.Any(step => IsUnknown(step, version) && step.Added.ContainsKey(member.Name)))
                yield return (member.Name, member.Value);
        }

        foreach (var (name, before) in steps.Where(step => version is null || !IsUnknown(step, version)).SelectMany(step => step.Added))
        {
            if (!stored.TryGetProperty(name, out _))
                yield return (name, before);
        }
    }

    private static bool IsUnknown(ApiVersionStep step, string version) => ApiVersions.IsBefore(version, step.Version);
}
