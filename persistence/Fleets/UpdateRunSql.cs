namespace ControlPlane.Persistence.Fleets;

/// <summary>The statements by which members of update runs are carried on: what a worker sees of a member that it calls, and what the agent of a member says, are stored in the same way.</summary>
public static class UpdateRunSql
{
    /// <summary>Members <c>u</c> of runs <c>r</c> for which something is to be done.</summary>
    public const string IsWanted = "u.due_at is not null and u.state in (1, 4) and (r.ended_at is null or r.state = 'Succeeded')";

    /// <summary>Node images that the clusters of the fleet of run <c>r</c> have.</summary>
    public const string KnownImages =
        "(select coalesce(array_agg(distinct image), '{}') from cluster_inventories i join fleet_members o on o.cluster_key = i.cluster_key, jsonb_object_keys(i.node_images) image where o.fleet_key = r.fleet_key)";

    /// <summary>
    /// $1 run, $2 member, $3 the claim that the outcome is of, $4 state, $5 message, $6 attempts, $7 seconds until the next look (null: none). What is of an older claim, or of a member that is done,
    /// changes nothing. One that was deferred stays so until it is done: nobody waits for it. A cluster that is updated and is called is looked at again at once, for policies and scorecards see what was seen.
    /// </summary>
    public const string Store = """
        with stored as (
            update update_run_members set state = case when state = 4 and $4 = 1 then 4 else $4 end, message = $5, attempts = $6, due_at = now() + make_interval(secs => $7), lease_until = null,
                ended_at = case when $4 in (2, 3, 5) then now() end
            where run_id = $1 and member_id = $2 and epoch = $3 and state in (1, 4) returning run_id, member_id, state),
        looked as (
            update cluster_inventories i set due_at = now() from stored s join fleet_members m on m.id = s.member_id where s.state = 2 and i.cluster_key = m.cluster_key and i.due_at > now())
        update update_runs set status_due = true where id in (select run_id from stored) and not status_due
        """;
}
