using System.Text.Json;
using ControlPlane.Persistence;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Bench;

/// <summary>Members by the thousand as rows, copied from one that has joined through the front door: joining ten thousand would take longer than what is measured with them.</summary>
internal static class FleetRows
{
    /// <summary>Clusters whose name, address or token differs from the template's, and their members.</summary>
    /// <param name="door">Whose database they go into.</param>
    /// <param name="stack">The same front door.</param>
    /// <param name="cluster">The path of the connected cluster that is the template.</param>
    /// <param name="member">The path of its member.</param>
    /// <param name="clusters">As the simulators describe them; the first one is the template.</param>
    /// <param name="areLooked">Workers look at them, as at the template.</param>
    public static async Task CopyAsync(FrontDoorProcess door, Stack stack, string cluster, string member, IReadOnlyList<JsonElement> clusters, bool areLooked)
    {
        string Text(JsonElement one, string name) => one.GetProperty(name).GetString()!;
        await using var services = Inside.Open(door);
        var (box, template, others) = (services.GetRequiredService<SecretBox>(), clusters[0], clusters.Skip(1).ToList());
        var (from, key) = (Text(template, "name"), cluster.ToLowerInvariant());
        string KeyOf(JsonElement one) => key.Replace(from, Text(one, "name"), StringComparison.Ordinal);
        var tokens = others.ConvertAll(one => box.Seal($"{KeyOf(one)}#{TokenPath}", Text(one, "token")));
        await using var command = Sql.Command(stack.Source, Copy, from, Text(template, "url"), key, member.ToLowerInvariant(), areLooked,
            others.Select(one => Text(one, "name")).ToArray(), others.Select(one => Text(one, "url")).ToArray(),
            tokens.Select(token => token.Ciphertext).ToArray(), tokens.Select(token => token.WrappedKey).ToArray(), tokens.Select(token => token.KeyVersion).ToArray());
        await command.ExecuteNonQueryAsync();
        await stack.ExecuteAsync("vacuum (analyze) resources, secrets, cluster_inventories, fleet_members");
    }

    private const string TokenPath = "credentials.token";

    /// <summary>$1 name and $2 address of the template, $3 and $4 the keys of its cluster and member, $5 whether workers look at them, then the others by column. Each row is the template's but for what names it.</summary>
    private const string Copy = """
        with copies as materialized (select * from unnest($6::text[], $7::text[], $8::bytea[], $9::bytea[], $10::text[]) as c (name, url, ciphertext, wrapped_key, key_version)),
        made as (
            insert into resources select r.* from resources t cross join copies c cross join lateral jsonb_populate_record(t, jsonb_build_object(
                'key', replace(t.key, $1, c.name), 'id', replace(t.id, $1, c.name), 'name', replace(t.name, $1, c.name), 'unique_key', replace(replace(t.unique_key, $2, c.url), $1, c.name),
                'properties', replace(replace(t.properties::text, $2, c.url), $1, c.name)::jsonb, 'refs', replace(array_to_json(t.refs)::text, $1, c.name)::jsonb)) r
            where t.key in ($3, $4) returning 1),
        sealed as (
            insert into secrets select s.* from secrets t cross join copies c cross join lateral jsonb_populate_record(t, jsonb_build_object(
                'resource_key', replace(t.resource_key, $1, c.name), 'ciphertext', c.ciphertext, 'wrapped_key', c.wrapped_key, 'key_version', c.key_version)) s
            where t.resource_key = $3 returning 1),
        known as (
            insert into cluster_inventories select i.* from cluster_inventories t cross join copies c cross join lateral jsonb_populate_record(t, jsonb_build_object(
                'cluster_key', replace(t.cluster_key, $1, c.name), 'due_at', case when $5 then now() + random() * interval '60 s' end)) i
            where t.cluster_key = $3 returning 1)
        insert into fleet_members (resource_key, fleet_key, cluster_key, name, labels, properties, taints, policy_taints, is_pull, is_leaving)
        select replace(t.resource_key, $1, c.name), t.fleet_key, replace(t.cluster_key, $1, c.name), c.name, replace(t.labels::text, $1, c.name)::jsonb, t.properties, t.taints, t.policy_taints, t.is_pull, false
        from fleet_members t cross join copies c where t.resource_key = $4
        """;
}
