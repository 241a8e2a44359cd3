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

    /// <summary>A range of the unique keys for each identity: '}' follows '|'.</summary>
    private const string AssignmentsOf = """
        select coalesce(a.extends_key, '/'), lower(a.properties->>'roleDefinitionId'), d.properties
        from unnest($1) prefix join resources a on a.unique_key >= prefix and a.unique_key < rtrim(prefix, '|') || '}'
        left join resources d on d.key = lower(a.properties->>'roleDefinitionId')
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
        var known = await source.GroupsOfAsync(principalId, cancel);
        string[] prefixes = [.. groups.Concat(known).Append(principalId).Select(RoleAssignment.UniquePrefix).Distinct(StringComparer.Ordinal)];
        var grants = new List<Grant>();
        await using (var command = Sql.Command(source, AssignmentsOf, (object)prefixes))
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel))
            {
                var definition = reader.GetString(1);
                var role = reader.IsDBNull(2) ? Role.FindBuiltIn(definition[(definition.LastIndexOf('/') + 1)..]) : new Role(Json.Read<RoleDefinition>(reader.GetString(2)).Permissions);
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
