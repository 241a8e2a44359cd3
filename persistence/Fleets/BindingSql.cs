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
        returning b.placement_id, b.member_id, m.name, m.labels, m.cluster_key, c.version, b.is_unscheduled, b.desired_revision, b.generation, b.observed_generation, b.health, b.touched_revisions, b.attempts, b.claims
        """;

    /// <summary>
    /// Outcomes, by column: placement, member, claim, generation, health, observed generation, seconds until the next look (null: none), attempts, code, message, whether only the desired revision is left,
    /// whether nobody can say of some objects if they are available.
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
            transition_at = case when b.generation = a.generation and b.health <> a.health then now() else b.transition_at end
        from unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[], $5::smallint[], $6::bigint[], $7::float8[], $8::int[], $9::text[], $10::text[], $11::bool[], $12::bool[])
            as a (placement_id, member_id, claim, generation, health, observed, again, attempts, code, message, clean, untracked)
        where b.placement_id = a.placement_id and b.member_id = a.member_id and (a.claim is null or b.claims = a.claim)
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

    /// <summary>$1 placements, $2 generations, $3 the member: its agent says that nothing is left of what was to go.</summary>
    public const string ForgetReported = """
        delete from placement_bindings b using unnest($1::int[], $2::bigint[]) as a (placement_id, generation)
        where b.placement_id = a.placement_id and b.member_id = $3 and b.is_unscheduled and b.generation = a.generation
        """;
}
