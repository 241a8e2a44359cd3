using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Policy;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Admission.Policy;

/// <summary>
/// Assignments compiled with their definitions. Both are known by id and version, so a change is seen by the next write on every replica; built-in definitions never change,
/// and those of customers cost one small statement for all assignments together.
/// </summary>
internal sealed class PolicyCatalogue(NpgsqlDataSource source)
{
    private const string ChangedDefinitions = """
        select d.key, d.id, d.name, d.version, case when d.version = known.version then null else d.properties end
        from unnest($1, $2) known(key, version) join resources d on d.key = known.key
        """;

    private static readonly Dictionary<string, KnownDefinition> BuiltIn = BuiltInPolicies.ByName.ToDictionary(
        entry => BuiltInId(entry.Key).Key, entry => new KnownDefinition(BuiltInId(entry.Key).Text, entry.Key, 1, entry.Value, Read(entry.Value)!), StringComparer.Ordinal);

    private readonly GenerationalCache<string, KnownDefinition> definitions = new(2_000);
    private readonly GenerationalCache<(string Assignment, long Version), ReadAssignment> assigned = new(10_000);
    private readonly GenerationalCache<(string Assignment, long Version, long Definition), AssignedPolicy> policies = new(10_000);

    /// <summary>The policies that these assignments put into force; one whose definition is gone puts nothing.</summary>
    public async Task<IReadOnlyList<AssignedPolicy>> CompileAsync(IReadOnlyList<ResourceRow> assignments, CancellationToken cancel)
    {
        if (assignments.Count == 0)
            return [];
        var read = assignments.Select(row => (Row: row, Assignment: Read(row))).ToList();
        var known = await FindAsync([.. read.Select(one => one.Assignment.Definition)], cancel);
        var found = new List<AssignedPolicy>();
        foreach (var (row, (_, properties, key)) in read)
        {
            if (!known.TryGetValue(key, out var definition))
                continue;
            var version = (row.Key, row.Version, definition.Version);
            if (!policies.TryGet(version, out var policy) || policy.Row.CreatedAt != row.CreatedAt || policy.Definition != definition)
                policies.Set(version, policy = new(row, properties, definition));
            found.Add(policy);
        }

        return found;
    }

    /// <summary>Definitions by key, as they are now.</summary>
    public async Task<IReadOnlyDictionary<string, KnownDefinition>> FindAsync(IReadOnlyList<string> keys, CancellationToken cancel)
    {
        var found = new Dictionary<string, KnownDefinition>(StringComparer.Ordinal);
        var custom = new List<string>();
        foreach (var key in keys.Distinct(StringComparer.Ordinal))
        {
            if (BuiltIn.TryGetValue(key, out var definition))
                found[key] = definition;
            else
                custom.Add(key);
        }

        if (custom.Count == 0)
            return found;
        var versions = custom.Select(key => definitions.TryGet(key, out var known) ? known.Version : 0).ToArray();
        await using var command = Sql.Command(source, ChangedDefinitions, custom.ToArray(), versions);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var key = reader.GetString(0);
            if (reader.IsDBNull(4) && definitions.TryGet(key, out var known))
            {
                found[key] = known;
                continue;
            }

            if (reader.IsDBNull(4))
                continue;
            var properties = Json.Read<PolicyDefinition>(reader.GetString(4));
            if (Read(properties) is not { } rule)
                continue;
            definitions.Set(key, found[key] = new(reader.GetString(1), reader.GetString(2), reader.GetInt64(3), properties, rule));
        }

        return found;
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
