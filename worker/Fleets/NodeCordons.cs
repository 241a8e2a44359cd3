using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// Cordons the nodes of members that have taints of policies, and uncordons them when those are gone. The rows say where to look; a row is claimed by moving its due time, so that any number of workers
/// may do this, and a cluster that cannot be reached is tried again. Nodes of members behind an agent are cordoned by that agent.
/// </summary>
internal sealed partial class NodeCordons(NpgsqlDataSource source, MemberConnections connections, ILogger<NodeCordons> logger)
{
    private const int Batch = 64;
    private const int AtOnce = 16;

    /// <summary>While a cluster is cordoned nodes may join it; they are cordoned at the next look.</summary>
    private const int SecondsBetweenLooks = 60;

    private const string Claim = """
        with due as (select id from fleet_members where cordon_due_at <= now() and not is_pull order by cordon_due_at limit $1 for update skip locked)
        update fleet_members m set cordon_due_at = now() + interval '30 seconds', cordoned_at = case when m.policy_taints = '[]' then m.cordoned_at else coalesce(m.cordoned_at, now()) end
        from due d, resources c where m.id = d.id and c.key = m.cluster_key returning m.id, m.name, m.cluster_key, c.version, m.policy_taints::text
        """;

    /// <summary>What has changed since it was claimed is due at once.</summary>
    private const string Done = """
        update fleet_members set
            cordoned_at = case when policy_taints = $2::jsonb and $3 and policy_taints = '[]' then null else cordoned_at end,
            cordon_due_at = case when policy_taints <> $2::jsonb then now() when not $3 then now() + interval '1 second' when policy_taints = '[]' then null else now() + make_interval(secs => $4) end
        where id = $1
        """;

    public async Task SettleAsync(CancellationToken stop)
    {
        while (await ClaimAsync(stop) is { Count: > 0 } members)
        {
            var apis = await connections.FindAsync([.. members.Select(member => (member.ClusterKey, member.Version))], stop);
            await Parallel.ForEachAsync(members.Where(member => apis.ContainsKey(member.ClusterKey)), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stop },
                async (member, token) => await SettleAsync(apis[member.ClusterKey], member, token));
        }
    }

    private async Task SettleAsync(MemberApi api, Member member, CancellationToken stop)
    {
        try
        {
            var settled = await NodeCordon.SettleAsync(api, [.. Json.Read<List<PolicyTaint>>(member.Taints).Select(taint => taint.Owner)], stop);
            await using var command = Sql.Command(source, Done, member.Id, member.Taints, settled, (double)SecondsBetweenLooks);
            await command.ExecuteNonQueryAsync(stop);
        }
        catch (Exception failure) when (failure is MemberUnreachableException or MemberRefusedException or KeyNotFoundException or InvalidOperationException or JsonException)
        {
            LogUnsettled(member.Name, failure.Message);
        }
    }

    private async Task<IReadOnlyList<Member>> ClaimAsync(CancellationToken stop)
    {
        await using var command = Sql.Command(source, Claim, Batch);
        await using var row = await command.ExecuteReaderAsync(stop);
        var members = new List<Member>();
        while (await row.ReadAsync(stop))
            members.Add(new(row.GetInt32(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetString(4)));
        return members;
    }

    [LoggerMessage(LogLevel.Information, "The nodes of the member {Member} could not be cordoned or uncordoned; they are tried again: {Reason}")]
    private partial void LogUnsettled(string member, string reason);

    private sealed record Member(int Id, string Name, string ClusterKey, long Version, string Taints);
}
