namespace ControlPlane.Persistence.Fleets;

/// <summary>The statements by which bindings are claimed and their outcomes stored: the table is the queue.</summary>
public static class BindingSql
{
    /// <summary>How a binding <c>b</c> stands, in a word.</summary>
    public const string State = """
        case when b.is_unscheduled then 'Removing' when b.health = 4 then 'Offline' when b.desired_revision = 0 or b.observed_generation < b.generation then case when b.health = 0 then 'Pending' else 'Progressing' end
            when b.health = 2 then 'Available' when b.health = 3 then 'Failed' when b.health = 1 then 'Progressing' else 'Pending' end
        """;

    /// <summary>Whether the member of a binding <c>b</c> has what is desired and it is available.</summary>
    public const string IsAvailable = "(not b.is_unscheduled and b.health = 2 and b.observed_generation >= b.generation and b.desired_revision > 0)";

    /// <summary>$1 how many, $2 for how long. Of members that the control plane calls; what is more urgent comes first, then what waits longest.</summary>
    public const string Claim = """
        with picked as (
            select placement_id, member_id from placement_bindings b
            where due_at <= now() and (lease_until is null or lease_until < now()) and not exists (select from fleet_members m where m.id = b.member_id and m.is_pull)
            order by priority, due_at limit $1 for update skip locked)
        update placement_bindings b set lease_until = now() + $2, claims = b.claims + 1
        from picked p, fleet_members m, resources c
        where b.placement_id = p.placement_id and b.member_id = p.member_id and m.id = p.member_id and c.key = m.cluster_key
        returning b.placement_id, b.member_id, m.name, m.labels, m.cluster_key, c.version, b.is_unscheduled, b.desired_revision, b.generation, b.observed_generation, b.health, b.touched_revisions, b.attempts, b.claims,
            b.error_code, exists (select from binding_issues i where i.placement_id = b.placement_id and i.member_id = b.member_id),
            exists (select from binding_issues i where i.placement_id = b.placement_id and i.member_id = b.member_id and i.kind = 'Drift'), b.priority = 9
        """;

    /// <summary>
    /// Outcomes, by column: placement, member, claim, generation, health, observed generation, seconds until the next look (null: none), attempts, code, message, whether only the desired revision is left,
    /// whether nobody can say of some objects if they are available, what was repaired and when; and how long until it is looked whether all still is as it was applied. The first time that is spread over the whole
    /// interval, so that those who were changed together are not looked at together.
    /// What was wanted anew meanwhile stays due; what another has claimed since is left alone. The agent of a cluster has nobody beside it: it claims nothing, and its claim is null.
    /// </summary>
    public const string Store = """
        update placement_bindings b set
            lease_until = null,
            health = case when b.generation = a.generation then a.health else b.health end,
            observed_generation = case when b.generation = a.generation then a.observed else b.observed_generation end,
            applied_revision = case when a.observed = a.generation and b.generation = a.generation then b.desired_revision else b.applied_revision end,
            touched_revisions = case when a.clean and b.generation = a.generation then array[b.desired_revision] else b.touched_revisions end,
            is_untracked = case when b.generation = a.generation then a.untracked else b.is_untracked end,
            observed_at = case when b.generation = a.generation and a.observed > b.observed_generation then now() else b.observed_at end,
            due_at = case when b.generation <> a.generation then b.due_at when a.again is null then null else now() + make_interval(secs => a.again) end,
            attempts = case when b.generation = a.generation then a.attempts else b.attempts end,
            error_code = case when b.generation = a.generation then a.code else b.error_code end,
            error = case when b.generation = a.generation then a.message else b.error end,
            transition_at = case when b.generation = a.generation and b.health <> a.health then now() else b.transition_at end,
            look_due_at = case when a.claim is null then null else now() + $15 * case when b.priority = 9 then 1 else random() end end,
            repairs = b.repairs + case when a.repaired is not null and a.repaired_at is distinct from b.repaired_at then 1 else 0 end,
            repaired = coalesce(a.repaired, b.repaired),
            repaired_at = coalesce(a.repaired_at, b.repaired_at)
        from unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[], $5::smallint[], $6::bigint[], $7::float8[], $8::int[], $9::text[], $10::text[], $11::bool[], $12::bool[], $13::text[], $14::timestamptz[])
            as a (placement_id, member_id, claim, generation, health, observed, again, attempts, code, message, clean, untracked, repaired, repaired_at)
        where b.placement_id = a.placement_id and b.member_id = a.member_id and (a.claim is null or b.claims = a.claim)
        """;

    /// <summary>
    /// What differs, of bindings that were compared: $1 placements, $2 members, $3 claims, $4 generations; and all that differs, $5 placements, $6 members, $7 kinds, $8 objects, $9 paths, $10 values on the member, $11 values
    /// here. What is not among it any more is resolved. To be sent before the outcomes of the same looks: until those are stored the claim stands, and a worker that dies in between looks again.
    /// </summary>
    public const string Differ = """
        with compared as (
            select b.placement_id, b.member_id from unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[]) as a (placement_id, member_id, claim, generation)
                join placement_bindings b on b.placement_id = a.placement_id and b.member_id = a.member_id
            where b.generation = a.generation and (a.claim is null or b.claims = a.claim) for key share of b),
        found as (
            select distinct on (f.placement_id, f.member_id, f.kind, f.object, f.path) f.* from unnest($5::int[], $6::int[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[]) as f (placement_id, member_id, kind, object, path, value_in_member, value_in_hub)
                join compared c on c.placement_id = f.placement_id and c.member_id = f.member_id),
        resolved as (
            delete from binding_issues i using compared c where i.placement_id = c.placement_id and i.member_id = c.member_id and not exists (
                select from found f where f.placement_id = i.placement_id and f.member_id = i.member_id and f.kind = i.kind and f.object = i.object collate "C" and f.path = i.path collate "C"))
        insert into binding_issues (placement_id, member_id, kind, object, path, value_in_member, value_in_hub, first_observed_at, last_observed_at)
        select placement_id, member_id, kind, object, path, value_in_member, value_in_hub, now(), now() from found
        on conflict (placement_id, member_id, kind, object, path) do update set value_in_member = excluded.value_in_member, value_in_hub = excluded.value_in_hub, last_observed_at = now()
        """;

    /// <summary>
    /// Makes bindings due that are to be looked at again, those that have waited longest first, but never more than $1 at once, so that hundreds of slots are left for what is more urgent. Members that are known to be away
    /// are left until the next round ($2), and those with an agent to that. The answer is how many.
    /// </summary>
    public const string Look = """
        with places as (select $1 - count(*) as free from placement_bindings where priority = 9 and due_at <= now()),
        picked as (
            select b.placement_id, b.member_id, m.is_pull, m.unreachable is not null as is_away from placement_bindings b join fleet_members m on m.id = b.member_id
            where b.look_due_at <= now() and b.due_at is null order by b.look_due_at limit greatest((select free from places), 0) for no key update of b skip locked)
        update placement_bindings b set priority = case when p.is_pull or p.is_away then b.priority else 9 end, due_at = case when p.is_pull or p.is_away then null else now() end, attempts = 0,
            look_due_at = case when p.is_pull then null when p.is_away then now() + $2 else b.look_due_at end
        from picked p where b.placement_id = p.placement_id and b.member_id = p.member_id
        returning b.due_at is not null
        """;

    /// <summary>$1 the key of a placement, $2 a member's name or null for all: a look is due now. An agent is told by what is to be done on its cluster. The answer is how many.</summary>
    public const string Refresh = """
        with due as (
            update placement_bindings b set look_due_at = case when m.is_pull then null else '-infinity'::timestamptz end, due_at = case when m.is_pull then now() end, priority = 9, attempts = 0
            from fleet_members m where m.id = b.member_id and b.placement_id = (select id from placements where resource_key = $1) and ($2 is null or m.name = $2) and b.due_at is null and b.desired_revision > 0 and not b.is_unscheduled returning b.member_id)
        select count(*)::int from due
        """;

    /// <summary>$1 placements, $2 members, $3 claims, $4 for how long: the claims that are still held are held on; the answer is those.</summary>
    public const string Renew = """
        update placement_bindings b set lease_until = now() + $4 from unnest($1::int[], $2::int[], $3::bigint[]) as a (placement_id, member_id, claim)
        where b.placement_id = a.placement_id and b.member_id = a.member_id and b.claims = a.claim and b.lease_until is not null returning b.placement_id, b.member_id
        """;

    /// <summary>$1 placements, $2 members, $3 claims: nothing is left on the member.</summary>
    public const string Forget = """
        delete from placement_bindings b using unnest($1::int[], $2::int[], $3::bigint[]) as a (placement_id, member_id, claim)
        where b.placement_id = a.placement_id and b.member_id = a.member_id and b.is_unscheduled and b.claims = a.claim
        """;

    /// <summary>$1 placements, $2 generations, $3 members: their agents say that nothing is left of what was to go.</summary>
    public const string ForgetReported = """
        delete from placement_bindings b using unnest($1::int[], $2::bigint[], $3::int[]) as a (placement_id, generation, member_id)
        where b.placement_id = a.placement_id and b.member_id = a.member_id and b.is_unscheduled and b.generation = a.generation
        """;
}
