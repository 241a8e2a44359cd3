using System.Text.Json;
using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Policy;

namespace ControlPlane.Admission.Policy;

/// <summary>What a field is in a resource.</summary>
internal static class PolicyFields
{
    /// <summary>The value of a field; of one with <c>[*]</c> an array of its values.</summary>
    public static JsonElement Value(PolicyField field, PolicyScope scope)
    {
        if (!field.IsMany)
            return Values(field, scope)[0];
        return PolicyJson.Of(Values(field, scope));
    }

    /// <summary>
    /// Every value of a field: one, which may be missing, unless it goes through an array, which may be empty. Inside a count the array that is counted stands for its item at hand.
    /// A field of another type is one value that is missing.
    /// </summary>
    public static List<JsonElement> Values(PolicyField field, PolicyScope scope)
    {
        if (field.AliasType is null)
            return [Single(field, scope.Target.Resource)];
        for (var item = scope.Item; item is not null; item = item.Outer)
        {
            if (field.Text.StartsWith(item.Name, StringComparison.OrdinalIgnoreCase) && item.Name.EndsWith("[*]", StringComparison.Ordinal))
                return PolicyField.Steps(field.Text[item.Name.Length..]) is { } rest && field.Text.Length > item.Name.Length ? Walk(item.Value, rest) : [item.Value];
        }

        return field.AliasType.Equals(scope.Target.Type, StringComparison.OrdinalIgnoreCase) ? Walk(PolicyJson.Member(scope.Target.Resource, "properties"), field.Path) : [default];
    }

    private static JsonElement Single(PolicyField field, JsonElement resource)
    {
        if (field.Tag is { } tag)
            return PolicyJson.Member(PolicyJson.Member(resource, "tags"), tag);
        return field.Part switch
        {
            "location" when PolicyJson.Text(PolicyJson.Member(resource, "location")) is { } location => PolicyJson.Of(Locations.Normalise(location)),
            "fullName" => PolicyJson.Member(resource, "fullName") is { ValueKind: not JsonValueKind.Undefined } full ? full : PolicyJson.Member(resource, "name"),
            "identity.type" => PolicyJson.Member(PolicyJson.Member(resource, "identity"), "type"),
            var part => PolicyJson.Member(resource, part!),
        };
    }

    private static List<JsonElement> Walk(JsonElement from, IReadOnlyList<PolicyStep> path)
    {
        List<JsonElement> at = [from];
        foreach (var step in path)
            at = step.IsEach ? [.. at.Where(one => one.ValueKind is JsonValueKind.Array).SelectMany(one => one.EnumerateArray())] : [.. at.Select(one => PolicyJson.Member(one, step.Name))];
        return at;
    }
}
