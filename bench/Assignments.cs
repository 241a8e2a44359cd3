using ControlPlane.Contracts.Authorization;

namespace ControlPlane.Bench;

/// <summary>
/// Principals with role assignments, written straight into the store: users with ten each (one at the tenant or the subscription, six at resource groups, three at resources), every fifth of a
/// custom role; each user in two groups, each of those in a wider one, and each group with ten of its own.
/// </summary>
internal sealed class Assignments(Stack stack)
{
    private const int Each = 10;
    private const int Groups = 200;
    private const int Resources = 1000;
    private const int Roles = 20;
    private const string Prefix = "bench-scope";

    /// <summary>An action that contributors, bare-metal operators and the custom roles allow, and readers do not.</summary>
    public const string Action = "ControlPlane.BareMetal/osImages/write";

    /// <summary>The object id of a user, the first being 0.</summary>
    public static string User(int number) => $"00000000-0000-4000-8000-{number:x12}";

    public string PathOf(int number) => $"{stack.ImagesPath($"{Prefix}-{number % Groups}")}/img-1";

    /// <summary>How many assignments there are then.</summary>
    /// <param name="users">There are a ninth as many groups, a tenth of which are the wider ones.</param>
    public async Task<long> FillAsync(int users)
    {
        var groups = users / 9;
        await ScopesAsync();
        for (var role = 0; role < Roles; role++)
            (await stack.PutAsync(RoleId(role), $$$"""{"properties":{"roleName":"Bench {{{role}}}","type":"CustomRole","permissions":[{"actions":["ControlPlane.BareMetal/osImages/*","*/read"],"notActions":["ControlPlane.BareMetal/osImages/delete"]}],"assignableScopes":["/subscriptions/{{{stack.Subscription}}}"]}}""", "2022-04-01")).Dispose();
        await stack.ExecuteAsync($"""
            insert into directory_objects (object_id, kind, display_name, created_at, user_principal_name, is_enabled)
            select '00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'), 'user', 'user ' || n, now(), 'user-' || n || '@bench.example', true from generate_series(0, {users - 1}) n;
            insert into directory_objects (object_id, kind, display_name, created_at)
            select '00000000-0000-4000-9000-' || lpad(to_hex(n), 12, '0'), 'group', 'group ' || n, now() from generate_series(0, {groups - 1}) n;
            insert into group_members (group_id, member_id)
            select '00000000-0000-4000-9000-' || lpad(to_hex({groups / 10} + (n * 7 + twice * 13) % {groups - (groups / 10)}), 12, '0'), '00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0')
            from generate_series(0, {users - 1}) n, generate_series(0, 1) twice on conflict do nothing;
            insert into group_members (group_id, member_id)
            select '00000000-0000-4000-9000-' || lpad(to_hex(n % {groups / 10}), 12, '0'), '00000000-0000-4000-9000-' || lpad(to_hex(n), 12, '0') from generate_series({groups / 10}, {groups - 1}) n;
            """);
        await AssignAsync("8000", users);
        await AssignAsync("9000", groups);
        await stack.ExecuteAsync("vacuum analyze resources");
        await stack.ExecuteAsync("vacuum analyze group_members");
        // What was just written is on disk: the measure is not of that.
        await stack.ExecuteAsync("checkpoint");
        return await stack.ScalarAsync<long>($"select count(*) from resources where type = '{RoleAssignment.Type}'");
    }

    /// <summary>The groups and resources that the assignments stand at.</summary>
    private async Task ScopesAsync()
    {
        var (subscription, groups) = (stack.Subscription, $"/subscriptions/{stack.Subscription}/resourceGroups/{Prefix}-");
        const string Columns = "key, id, parent_key, type, name, subscription, resource_group, location, tags, properties, status, state, version, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs";
        await stack.ExecuteAsync($$"""
            insert into resources ({{Columns}})
            select lower('{{groups}}' || n), '{{groups}}' || n, lower('/subscriptions/{{subscription}}'), 'Microsoft.Resources/resourceGroups', '{{Prefix}}-' || n, lower('{{subscription}}'), '{{Prefix}}-' || n, '{{stack.Location}}',
                '{}', '{}', '{}', 'Succeeded', 1, now(), '', 'Application', now(), '', 'Application', '{}' from generate_series(0, {{Groups - 1}}) n;
            insert into resources ({{Columns}})
            select lower(id), id, lower('{{groups}}' || n % {{Groups}}), 'ControlPlane.BareMetal/osImages', 'img-' || n, lower('{{subscription}}'), '{{Prefix}}-' || n % {{Groups}}, '{{stack.Location}}',
                '{}', '{{Images.Properties}}', '{}', 'Succeeded', 1, now(), '', 'Application', now(), '', 'Application', '{}'
            from (select n, '{{groups}}' || n % {{Groups}} || '/providers/ControlPlane.BareMetal/osImages/img-' || n as id from generate_series(0, {{Resources - 1}}) n) ids;
            """);
    }

    private Task AssignAsync(string kind, int principals)
    {
        var (subscription, groups) = ($"/subscriptions/{stack.Subscription}", $"/subscriptions/{stack.Subscription}/resourceGroups/{Prefix}-");
        string[] builtIn = [BuiltInRoles.Contributor, BuiltInRoles.Reader, BuiltInRoles.BareMetalOperator, BuiltInRoles.ModelOwner];
        return stack.ExecuteAsync($$"""
            insert into resources (key, id, extends_key, type, name, subscription, resource_group, tags, properties, status, state, version, unique_key, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs)
            select lower(id), id, lower(nullif(scope, '')), '{{RoleAssignment.Type}}', name, case when scope = '' then '' else lower('{{stack.Subscription}}') end, case when k > 0 then '{{Prefix}}-' || (p * 10 + k) % {{Groups}} end, '{}',
                jsonb_build_object('roleDefinitionId', role, 'principalId', principal), jsonb_build_object('scope', scope), 'Succeeded', 1,
                'role:' || principal || '|' || substring(role from '[^/]+$') || '|' || coalesce(nullif(lower(scope), ''), '/'), now(), '', 'Application', now(), '', 'Application', case when role like '/subscriptions/%' then array[lower(role)] else '{}' end
            from (select *, scope || '/providers/Microsoft.Authorization/roleAssignments/' || name as id from (
                select p, k, gen_random_uuid()::text as name, '00000000-0000-4000-{{kind}}-' || lpad(to_hex(p), 12, '0') as principal,
                    case when k % 5 = 4 then '{{subscription}}/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-a000-' || lpad(to_hex(p % {{Roles}}), 12, '0')
                        else '/providers/Microsoft.Authorization/roleDefinitions/' || ('{{{string.Join(',', builtIn)}}}'::text[])[1 + (p + k) % {{builtIn.Length}}] end as role,
                    case when k = 0 and p % 100 = 0 then '' when k = 0 then '{{subscription}}' when k < 7 then '{{groups}}' || (p * 10 + k) % {{Groups}}
                        else '{{groups}}' || (p * 10 + k) % {{Groups}} || '/providers/ControlPlane.BareMetal/osImages/img-' || (p * 10 + k) % {{Resources}} end as scope
                from generate_series(0, {{principals - 1}}) p, generate_series(0, {{Each - 1}}) k) chosen) named
            """);
    }

    private string RoleId(int number) => $"/subscriptions/{stack.Subscription}/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-a000-{number:x12}";
}
