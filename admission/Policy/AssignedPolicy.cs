using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Policy;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Policy;

/// <summary>A definition in force at a scope, compiled with the parameters of its assignment.</summary>
internal sealed class AssignedPolicy
{
    private readonly List<string> notScopes;
    private readonly bool isIndexed;

    public AssignedPolicy(ResourceRow row, PolicyAssignment assignment, KnownDefinition definition)
    {
        (Row, Assignment, Definition) = (row, assignment, definition);
        notScopes = [.. assignment.NotScopes.Select(scope => ResourceId.Parse(scope).Key)];
        isIndexed = definition.Properties.Mode.Equals("Indexed", StringComparison.OrdinalIgnoreCase);
        Compiled = new(definition.Rule, Parameters(assignment, definition.Properties));
    }

    public ResourceRow Row { get; }
    public PolicyAssignment Assignment { get; }
    public KnownDefinition Definition { get; }
    public CompiledPolicy Compiled { get; }

    /// <summary>The key of what it is assigned to.</summary>
    public string Scope => Row.ExtendsKey ?? "";

    public IReadOnlyList<string> NotScopes => notScopes;

    /// <summary>False for one that only reports.</summary>
    public bool IsEnforced => Assignment.EnforcementMode is EnforcementMode.Default;

    /// <summary>What the rule calls this effect, such as <c>auditIfNotExists</c>.</summary>
    public string EffectName => $"{char.ToLowerInvariant(Compiled.Effect.ToString()[0])}{Compiled.Effect.ToString()[1..]}";

    /// <summary>Whether it has a say about a type at all. Nobody is kept from changing policies by a policy.</summary>
    public bool Judges(ResourceType type, bool isTracked) =>
        type != PolicyDefinition.Type && type != PolicyAssignment.Type && type != ResourceType.Subscription && (!isIndexed || (isTracked && type != ResourceType.ResourceGroup));

    /// <summary>Whether a resource below the scope is left out.</summary>
    public bool Excludes(string key) => notScopes.Exists(scope => key.StartsWith(scope, StringComparison.Ordinal) && (key.Length == scope.Length || key[scope.Length] == '/'));

    private static Dictionary<string, JsonElement> Parameters(PolicyAssignment assignment, PolicyDefinition definition)
    {
        var values = new Dictionary<string, JsonElement>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, parameter) in definition.Parameters)
        {
            if (parameter.DefaultValue is { } value)
                values[name] = value;
        }

        foreach (var (name, given) in assignment.Parameters)
            values[name] = given.Value;
        return values;
    }
}

/// <summary>A definition as it was at a version, its rule read.</summary>
internal sealed record KnownDefinition(string Id, string Name, long Version, DateTimeOffset CreatedAt, PolicyDefinition Properties, PolicyRule Rule);
