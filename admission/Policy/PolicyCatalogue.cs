using System.Runtime.CompilerServices;
using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Policy;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Admission.Policy;

/// <summary>Assignments compiled with their definitions. Both are known by id, creation and version, so a change is seen by the next write on every replica; built-in definitions never change.</summary>
internal sealed class PolicyCatalogue(NpgsqlDataSource source)
{
    private static readonly Dictionary<string, KnownDefinition> BuiltIn = BuiltInPolicies.ByName.ToDictionary(
        entry => BuiltInId(entry.Key).Key, entry => new KnownDefinition(BuiltInId(entry.Key).Text, entry.Key, 1, DateTimeOffset.UnixEpoch, entry.Value, Read(entry.Value)!), StringComparer.Ordinal);

    private readonly GenerationalCache<string, KnownDefinition> definitions = new(2_000);
    private readonly GenerationalCache<(string Assignment, long Version), ReadAssignment> assigned = new(10_000);
    private readonly GenerationalCache<(string Assignment, long Version, long Definition), AssignedPolicy> policies = new(10_000);
    private readonly ConditionalWeakTable<Governing, IReadOnlyList<AssignedPolicy>> enforced = [];

    /// <summary>Those of the assignments there that do more than report, in the order of their ids.</summary>
    public IReadOnlyList<AssignedPolicy> Enforced(Governing governing) => enforced.GetValue(governing, found =>
        [.. found.Assignments.Select(one => Compile(one.Row, key => one.Named is null ? BuiltIn.GetValueOrDefault(key) : Known(one.Named))).OfType<AssignedPolicy>()
            .Where(policy => policy.IsEnforced).OrderBy(policy => policy.Row.Key, StringComparer.Ordinal)]);

    /// <summary>The policies that these assignments put into force; one whose definition is gone puts nothing.</summary>
    public async Task<IReadOnlyList<AssignedPolicy>> CompileAsync(IReadOnlyList<ResourceRow> assignments, CancellationToken cancel)
    {
        var known = await FindAsync([.. assignments.Select(row => Read(row).Definition)], cancel);
        return [.. assignments.Select(row => Compile(row, known.GetValueOrDefault)).OfType<AssignedPolicy>()];
    }

    /// <summary>Definitions by key, as they are now.</summary>
    public async Task<IReadOnlyDictionary<string, KnownDefinition>> FindAsync(IReadOnlyList<string> keys, CancellationToken cancel)
    {
        var wanted = keys.Distinct(StringComparer.Ordinal).ToList();
        var custom = wanted.Where(key => !BuiltIn.ContainsKey(key)).ToList();
        IReadOnlyList<ResourceRow> rows = custom.Count == 0 ? [] : await source.FindResourcesAsync(custom, cancel);
        var found = rows.Select(row => (row.Key, Definition: Known(row))).Where(one => one.Definition is not null).ToDictionary(one => one.Key, one => one.Definition!, StringComparer.Ordinal);
        foreach (var key in wanted)
        {
            if (BuiltIn.TryGetValue(key, out var definition))
                found[key] = definition;
        }

        return found;
    }

    private AssignedPolicy? Compile(ResourceRow row, Func<string, KnownDefinition?> find)
    {
        var (_, properties, key) = Read(row);
        if (find(key) is not { } definition)
            return null;
        var version = (row.Key, row.Version, definition.Version);
        if (!policies.TryGet(version, out var policy) || policy.Row.CreatedAt != row.CreatedAt || policy.Definition != definition)
            policies.Set(version, policy = new(row, properties, definition));
        return policy;
    }

    /// <summary>A definition with its rule, or null when that cannot be read.</summary>
    private KnownDefinition? Known(ResourceRow row)
    {
        if (definitions.TryGet(row.Key, out var known) && known.Version == row.Version && known.CreatedAt == row.CreatedAt)
            return known;
        var properties = row.Read<PolicyDefinition>();
        if (Read(properties) is not { } rule)
            return null;
        definitions.Set(row.Key, known = new(row.Id, row.Name, row.Version, row.CreatedAt, properties, rule));
        return known;
    }

    private ReadAssignment Read(ResourceRow row)
    {
        if (assigned.TryGet((row.Key, row.Version), out var known) && known.CreatedAt == row.CreatedAt)
            return known;
        var properties = row.Read<PolicyAssignment>();
        assigned.Set((row.Key, row.Version), known = new(row.CreatedAt, properties, ResourceId.Parse(properties.PolicyDefinitionId).Key));
        return known;
    }

    private static PolicyRule? Read(PolicyDefinition definition) => PolicyRuleReader.Read(definition.PolicyRule, definition.Parameters, out _);

    private static ResourceId BuiltInId(string name) => ResourceId.Below(scope: null, PolicyDefinition.Type, [name]);

    /// <summary>An assignment as it was at a version, and the key of its definition.</summary>
    private sealed record ReadAssignment(DateTimeOffset CreatedAt, PolicyAssignment Properties, string Definition);
}
