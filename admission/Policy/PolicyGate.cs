using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Policy;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Policy;

/// <summary>
/// Lets the policies in force have their say about a write before its body is checked: they may change it or refuse it. Without an assignment at the resource or above it
/// nothing is done here. A write that was decided before an assignment was stored is found by the next evaluation instead.
/// </summary>
internal sealed class PolicyGate(PolicyCatalogue catalogue)
{
    private static readonly string[] Governed = ["location", "tags", "properties"];

    private readonly GenerationalCache<(string Group, long Version, DateTimeOffset CreatedAt), JsonElement> groups = new(10_000);

    /// <summary>The body of a PUT, as policies want it.</summary>
    public async ValueTask<JsonElement> PutAsync(RegisteredType type, Surroundings around, JsonElement body, CancellationToken cancel)
    {
        if (type.Type == PolicyAssignment.Type)
            await DemandParametersAsync(body, cancel);
        if (Judge(type, around, () => body) is not { } changed)
            return body;
        return Object(result =>
        {
            foreach (var member in body.EnumerateObject().Where(member => !Governed.Contains(member.Name, StringComparer.Ordinal) || changed[member.Name] is null))
                member.WriteTo(result);
            foreach (var name in Governed)
            {
                if (changed[name] is not { } value)
                    continue;
                result.WritePropertyName(name);
                value.WriteTo(result);
            }
        });
    }

    /// <summary>The merge patch that leads to the resource as policies want it.</summary>
    public async ValueTask<JsonElement> PatchAsync(RegisteredType type, Surroundings around, JsonElement patch, CancellationToken cancel)
    {
        var current = around.Current!;
        JsonObject Patched() => new()
        {
            ["location"] = current.Location,
            ["tags"] = patch.TryGetProperty("tags", out var tags) ? JsonNode.Parse(tags.GetRawText()) : JsonNode.Parse(current.Tags),
            ["properties"] = patch.TryGetProperty("properties", out var properties) ? MergePatch.Apply(JsonNode.Parse(current.Properties), properties) : JsonNode.Parse(current.Properties),
        };
        if (type.Type == PolicyAssignment.Type)
            await DemandParametersAsync(JsonSerializer.SerializeToElement(Patched()), cancel);
        if (Judge(type, around, () => JsonSerializer.SerializeToElement(Patched())) is not { } changed)
            return patch;
        var result = JsonObject.Create(patch)!;
        result["tags"] = changed["tags"]?.DeepClone();
        var difference = MergePatch.Between(JsonNode.Parse(current.Properties) as JsonObject, changed["properties"] as JsonObject);
        if (difference.Count > 0 || patch.TryGetProperty("properties", out _))
            result["properties"] = difference;
        return JsonSerializer.SerializeToElement(result);
    }

    /// <summary>The tags, as policies want them.</summary>
    public string Tag(RegisteredType type, Surroundings around, string tags)
    {
        var current = around.Current!;
        JsonElement Tagged() => JsonSerializer.SerializeToElement(new JsonObject { ["location"] = current.Location, ["tags"] = JsonNode.Parse(tags), ["properties"] = JsonNode.Parse(current.Properties) });
        return Judge(type, around, Tagged) is { } changed ? changed["tags"]?.ToJsonString() ?? "{}" : tags;
    }

    /// <summary>What policies changed, or null; what they refuse is thrown.</summary>
    private JsonObject? Judge(RegisteredType type, Surroundings around, Func<JsonElement> wanted)
    {
        if (around.Governing.Assignments.Count == 0)
            return null;
        var policies = catalogue.Enforced(around.Governing).Where(policy => policy.Judges(type.Type, type.IsTracked) && !policy.Excludes(around.Id.Key)).ToList();
        if (policies.Count == 0)
            return null;
        var verdict = PolicyJudgement.Judge(new(Candidate(around.Id, wanted(), around.Current), Group(around)), policies);
        return verdict.Denials.Count > 0 ? throw Disallowed(around.Id, verdict.Denials) : verdict.Changed;
    }

    private static JsonElement Candidate(ResourceId id, JsonElement wanted, ResourceRow? current) => Object(candidate =>
    {
        candidate.WriteString("id", id.Text);
        candidate.WriteString("name", id.Name);
        candidate.WriteString("fullName", string.Join('/', id.Names));
        candidate.WriteString("type", id.Type.ToString());
        foreach (var name in Governed)
        {
            if (wanted.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null)
            {
                candidate.WritePropertyName(name);
                value.WriteTo(candidate);
            }
            else if (name == "location" && current?.Location is { } location)
                candidate.WriteString(name, location);
        }
    });

    private JsonElement Group(Surroundings around)
    {
        if (around.Id.GroupId is not { } id || around.Ancestors.FirstOrDefault(row => row.Key == id.Key) is not { } row)
            return default;
        var version = (row.Key, row.Version, row.CreatedAt);
        if (!groups.TryGet(version, out var group))
            groups.Set(version, group = PolicyTargets.Group(row.Id, row.Location, row.Tags));
        return group;
    }

    /// <summary>An object of what is written into it.</summary>
    private static JsonElement Object(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return JsonElement.Parse(buffer.WrittenSpan);
    }

    /// <summary>An assignment's parameters must be those that its definition asks for. A definition that is missing is reported with the other references.</summary>
    private async Task DemandParametersAsync(JsonElement body, CancellationToken cancel)
    {
        var properties = PolicyJson.Member(body, "properties");
        if (!ResourceId.TryParse(PolicyJson.Text(PolicyJson.Member(properties, "policyDefinitionId")), out var id) || !(await catalogue.FindAsync([id.Key], cancel)).TryGetValue(id.Key, out var definition))
            return;
        var declared = definition.Properties.Parameters.DistinctBy(one => one.Key, StringComparer.OrdinalIgnoreCase).ToDictionary(one => one.Key, one => one.Value, StringComparer.OrdinalIgnoreCase);
        var given = PolicyJson.Member(properties, "parameters") is { ValueKind: JsonValueKind.Object } parameters
            ? parameters.EnumerateObject().DistinctBy(one => one.Name, StringComparer.OrdinalIgnoreCase).ToDictionary(one => one.Name, one => PolicyJson.Member(one.Value, "value"), StringComparer.OrdinalIgnoreCase) : [];
        var faults = given.Keys.Where(name => !declared.ContainsKey(name))
            .Select(name => new ErrorBody("UndefinedPolicyParameter", $"The definition '{definition.Id}' has no parameter '{name}'; it has {string.Join(", ", declared.Keys)}.", $"properties.parameters.{name}")).ToList();
        foreach (var (name, parameter) in declared)
        {
            if (given.TryGetValue(name, out var value) && !PolicyJson.IsMissing(value))
            {
                if (PolicyParameters.WhyNot(parameter, value) is { } why)
                    faults.Add(new("InvalidPolicyParameters", $"The parameter '{name}' {why}.", $"properties.parameters.{name}"));
            }
            else if (parameter.DefaultValue is null)
                faults.Add(new("MissingPolicyParameter", $"The definition '{definition.Id}' needs a value for its parameter '{name}'.", $"properties.parameters.{name}"));
        }

        if (faults.Count > 0)
            throw ArmErrors.Invalid(faults);
    }

    private static ArmException Disallowed(ResourceId id, IReadOnlyList<AssignedPolicy> denials)
    {
        var policies = denials.DistinctBy(policy => policy.Row.Key, StringComparer.Ordinal).ToList();
        var reasons = policies.Select(policy => policy.Assignment.NonComplianceMessages is [var first, ..] ? first.Message : null).OfType<string>().ToList();
        var identifiers = policies.Select(policy => new
        {
            policyAssignment = new { name = policy.Assignment.DisplayName ?? policy.Row.Name, id = policy.Row.Id },
            policyDefinition = new { name = policy.Definition.Properties.DisplayName ?? policy.Definition.Name, id = policy.Definition.Id },
        });
        var message = reasons.Count > 0 ? $"Resource '{id.Name}' was disallowed by policy. Reasons: '{string.Join("', '", reasons)}'. See error details for policy resource IDs."
            : $"Resource '{id.Name}' was disallowed by policy. Policy identifiers: '{Json.Write(identifiers)}'.";
        return new(403, new("RequestDisallowedByPolicy", message, id.Name, AdditionalInfo: [.. policies.Select(policy => new ErrorInfo("PolicyViolation", Json.Element(new
        {
            policyDefinitionDisplayName = policy.Definition.Properties.DisplayName,
            policyDefinitionId = policy.Definition.Id,
            policyDefinitionName = policy.Definition.Name,
            policyDefinitionEffect = policy.EffectName,
            policyAssignmentId = policy.Row.Id,
            policyAssignmentName = policy.Row.Name,
            policyAssignmentDisplayName = policy.Assignment.DisplayName,
            policyAssignmentScope = policy.Row.ResourceId.Scope?.Text,
            policyAssignmentParameters = policy.Assignment.Parameters,
        })))]));
    }
}
