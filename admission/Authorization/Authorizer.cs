using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Npgsql;

namespace ControlPlane.Admission.Authorization;

/// <summary>
/// Answers "may you" from the role assignments of a principal and of its groups, which are read when it first asks and remembered for three seconds: so long may a revoked assignment
/// go on working on another replica. The replica that stores an assignment knows at once.
/// </summary>
internal sealed class Authorizer(NpgsqlDataSource source, TimeProvider time)
{
    private const int RememberedPrincipals = 10_000;
    private static readonly TimeSpan RememberedFor = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The groups of a principal and the assignments of all of them in one statement. Assignments are a range of the unique keys for each identity ('}' follows '|'). Each range is a subquery
    /// that must not be merged ("offset 0"), and a role is looked up for itself: else the planner takes a range for half of the table and reads all of it.
    /// </summary>
    private static readonly string AssignmentsOf = $$"""
        with recursive {{GroupReads.Up}}
        select coalesce(a.extends_key, '/'), a.role, (select d.properties from resources d where d.key = a.role)
        from (select distinct 'role:' || lower(id) || '|' as prefix from (select unnest($2) as id union all select group_id from groups) ids) identities
        cross join lateral (
            select extends_key, lower(properties->>'roleDefinitionId') as role from resources
            where unique_key >= prefix and unique_key < rtrim(prefix, '|') || '}' offset 0) a
        """;

    private volatile GenerationalCache<string, Remembered> remembered = new(RememberedPrincipals);

    /// <summary>What a principal has been given.</summary>
    /// <param name="groups">Groups that its token names besides those that are known here.</param>
    public ValueTask<Grants> GrantsOfAsync(string principalId, IReadOnlyList<string> groups, CancellationToken cancel)
    {
        var key = groups.Count == 0 ? principalId : $"{principalId} {string.Join(' ', groups)}";
        return remembered.TryGet(key, out var known) && known.Until > time.GetUtcNow() ? new(known.Grants) : ReadAsync(key, principalId, groups, cancel);
    }

    /// <summary>Role assignments, roles or memberships have changed.</summary>
    public void Forget() => remembered = new(RememberedPrincipals);

    private async ValueTask<Grants> ReadAsync(string key, string principalId, IReadOnlyList<string> groups, CancellationToken cancel)
    {
        var (cache, until) = (remembered, time.GetUtcNow() + RememberedFor);
        var (grants, custom) = (new List<Grant>(), new Dictionary<string, Role>(StringComparer.Ordinal));
        await using (var command = Sql.Command(source, AssignmentsOf, principalId, groups.Append(principalId).ToArray()))
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel))
            {
                var definition = reader.GetString(1);
                if (!custom.TryGetValue(definition, out var role))
                    role = reader.IsDBNull(2) ? Role.FindBuiltIn(definition[(definition.LastIndexOf('/') + 1)..]) : custom[definition] = new(Json.Read<RoleDefinition>(reader.GetString(2)).Permissions);
                if (role is not null)
                    grants.Add(new(reader.GetString(0), role));
            }
        }

        var read = grants.Count == 0 ? Grants.None : new Grants(grants);
        cache.Set(key, new(read, until));
        return read;
    }

    private sealed record Remembered(Grants Grants, DateTimeOffset Until);
}
