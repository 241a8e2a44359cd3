using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Worker.Arm;

namespace ControlPlane.Worker.Fleets;

/// <summary>Keeps what a placement was at each time: manifests by their content, revisions by number.</summary>
internal static class Revisions
{
    /// <summary>The newest revision, made anew when the content differs from the one before; the placement's row is made with the first.</summary>
    public static async Task<(int Placement, int Revision)> RecordAsync(FencedTransaction transaction, ResourceId id, ClusterResourcePlacement wanted, string author, CancellationToken stop)
    {
        var placement = await transaction.ScalarAsync<int>("""
            insert into placements (resource_key, fleet_key, generation, latest_revision, expected, schedule_due, status_due) values ($1, $2, 1, 0, 0, false, true)
            on conflict (resource_key) do update set generation = placements.generation + 1, status_due = true returning id
            """, stop, id.Key, id.Parent!.Key);
        var manifests = wanted.Manifests.Select(manifest => manifest.GetRawText()).ToArray();
        var hashes = manifests.Select(manifest => SHA256.HashData(Encoding.UTF8.GetBytes(manifest))).ToArray();
        var (overrides, apply) = (Json.Write(wanted.Overrides), Json.Write(wanted.ApplyStrategy));
        var hash = SHA256.HashData([.. hashes.SelectMany(one => one), .. Encoding.UTF8.GetBytes($"{overrides}\n{apply}")]);
        var latest = await transaction.ScalarAsync<int>("select latest_revision from placements where id = $1 for update", stop, placement);
        if (await transaction.ScalarAsync<byte[]>("select hash from placement_revisions where placement_id = $1 and revision = $2", stop, placement, latest) is { } before && before.AsSpan().SequenceEqual(hash))
            return (placement, latest);
        await transaction.ExecuteAsync("insert into manifest_blobs (sha256, manifest) select distinct on (sha) sha, manifest from unnest($1::bytea[], $2::text[]) as given (sha, manifest) order by sha on conflict do nothing", stop, hashes, manifests);
        await transaction.ExecuteAsync("""
            insert into placement_revisions (placement_id, revision, hash, manifests, overrides, apply_strategy, created_at, created_by) values ($1, $2, $3, $4, $5::jsonb, $6::jsonb, now(), $7)
            """, stop, placement, latest + 1, hash, hashes, overrides, apply, author);
        await transaction.ExecuteAsync("update placements set latest_revision = $2 where id = $1", stop, placement, latest + 1);
        await ForgetAsync(transaction, placement, wanted.RevisionHistoryLimit, stop);
        return (placement, latest + 1);
    }

    /// <summary>Old revisions go, but not one that is on a member, that a run brings, or that a rollback would go back to.</summary>
    private static Task<int> ForgetAsync(FencedTransaction transaction, int placement, int limit, CancellationToken stop) => transaction.ExecuteAsync("""
        with gone as (
            delete from placement_revisions r using placements p where p.id = $1 and r.placement_id = p.id and r.revision <= p.latest_revision - $2 and r.revision is distinct from p.completed_revision
                and not exists (select from placement_bindings b where b.placement_id = p.id and (b.desired_revision = r.revision or r.revision = any (b.touched_revisions)))
                and not exists (select from rollout_runs u where u.placement_id = p.id and u.ended_at is null and r.revision in (u.revision, u.previous_revision))
            returning r.manifests)
        delete from manifest_blobs b using (select distinct unnest(manifests) as sha from gone) old
        where b.sha256 = old.sha and not exists (select from placement_revisions r where b.sha256 = any (r.manifests) and not exists (select from gone g where g.manifests = r.manifests))
        """, stop, placement, limit);
}
