using System.Collections.Immutable;
using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Policy;

/// <summary>A rule that resources should keep, and what happens to those that do not (Azure Policy).</summary>
public sealed record PolicyDefinition : IResource<PolicyDefinition, NoStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.Authorization", "policyDefinitions");
    public static IReadOnlyList<string> ApiVersions => PolicyApi.Versions;
    public static ResourceScopes Scopes => ResourceScopes.Tenant | ResourceScopes.Subscription;
    public static bool IsTracked => false;
    public static bool CompletesOnWrite => true;
    public static bool AlwaysAnswersCreated => true;
    public static IReadOnlyDictionary<string, PolicyDefinition> BuiltIns => BuiltInPolicies.ByName;

    public string? DisplayName { get; init; }
    public string? Description { get; init; }

    /// <summary>Custom; BuiltIn for those that every tenant has.</summary>
    public PolicyType PolicyType { get; init; }

    /// <summary><c>All</c> judges every type; <c>Indexed</c> only those with tags and location.</summary>
    public string Mode { get; init; } = "All";

    public JsonElement? Metadata { get; init; }
    public string? Version { get; init; }
    public IReadOnlyDictionary<string, PolicyParameter> Parameters { get; init; } = ImmutableDictionary<string, PolicyParameter>.Empty;

    /// <summary><c>{"if": condition, "then": {"effect": …, "details": …}}</c>.</summary>
    public required JsonElement PolicyRule { get; init; }

    public static IEnumerable<Violation> Violations(PolicyDefinition wanted, PolicyDefinition? current)
    {
        if (wanted.PolicyType is Policy.PolicyType.BuiltIn)
            yield return new("policyType", "must be Custom: built-in definitions come with the control plane");
        if (!wanted.Mode.Equals("All", StringComparison.OrdinalIgnoreCase) && !wanted.Mode.Equals("Indexed", StringComparison.OrdinalIgnoreCase))
            yield return new("mode", "must be All or Indexed");
        if (wanted.Parameters.Count > 20)
            yield return new("parameters", "has more than 20 entries");
        foreach (var (name, parameter) in wanted.Parameters)
        {
            if (parameter.DefaultValue is { } value && PolicyParameters.WhyNot(parameter, value) is { } why)
                yield return new($"parameters.{name}.defaultValue", why);
        }

        PolicyRuleReader.Read(wanted.PolicyRule, wanted.Parameters, out var faults);
        foreach (var fault in faults)
            yield return fault;
    }
}

/// <summary>Where a definition comes from.</summary>
public enum PolicyType { Custom, BuiltIn }

internal static class PolicyApi
{
    public static IReadOnlyList<string> Versions { get; } = ["2025-03-01", "2025-01-01", "2024-05-01", "2024-04-01", "2023-04-01", "2022-06-01", "2021-06-01", "2020-09-01", "2020-03-01", "2019-09-01", "2019-06-01", "2018-05-01"];
}

/// <summary>What a parameter takes.</summary>
public static class PolicyParameters
{
    /// <summary>Why a value does not fit a parameter, as the end of a sentence that begins with its path, or null.</summary>
    public static string? WhyNot(PolicyParameter parameter, JsonElement value)
    {
        var fits = parameter.Type switch
        {
            PolicyParameterType.String => value.ValueKind is JsonValueKind.String,
            PolicyParameterType.Array => value.ValueKind is JsonValueKind.Array,
            PolicyParameterType.Object => value.ValueKind is JsonValueKind.Object,
            PolicyParameterType.Boolean => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            PolicyParameterType.Integer => value.ValueKind is JsonValueKind.Number && value.TryGetInt64(out _),
            PolicyParameterType.Float => value.ValueKind is JsonValueKind.Number,
            _ => value.ValueKind is JsonValueKind.String && value.TryGetDateTimeOffset(out _),
        };
        if (!fits)
            return $"must be of type {parameter.Type}";
        if (parameter.AllowedValues is not { } allowed)
            return null;
        var given = value.ValueKind is JsonValueKind.Array ? [.. value.EnumerateArray()] : new[] { value };
        return Array.TrueForAll(given, one => allowed.Any(known => Same(known, one))) ? null : $"must be among the allowed values {string.Join(", ", allowed)}";
    }

    private static bool Same(JsonElement a, JsonElement b) =>
        a.ValueKind is JsonValueKind.String && b.ValueKind is JsonValueKind.String ? string.Equals(a.GetString(), b.GetString(), StringComparison.OrdinalIgnoreCase) : JsonElement.DeepEquals(a, b);
}
