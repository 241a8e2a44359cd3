using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Admission.Fleets;

/// <summary>A revision ready to be applied: in the order of waves, marked as the placement's.</summary>
internal sealed class PreparedRevision
{
    private readonly IReadOnlyList<(ObjectReference Reference, JsonObject Manifest)> manifests;
    private readonly IReadOnlyList<ResourceOverride> overrides;
    private readonly IReadOnlyList<PreparedObject> shared;

    public PreparedRevision(string owner, IEnumerable<string> manifests, IReadOnlyList<ResourceOverride> overrides, ApplyStrategy apply)
    {
        Owner = owner;
        Apply = apply;
        this.overrides = overrides;
        this.manifests = [.. manifests.Select(text => Marked(text, owner)).Select(manifest => (ObjectReference.Of(manifest), manifest)).OrderBy(one => one.Item1.Wave)];
        shared = overrides.Count == 0 ? [.. this.manifests.Select(one => PreparedObject.Of(one.Manifest))] : [];
    }

    /// <summary>What stands in the annotation by which a placement knows its own objects.</summary>
    public string Owner { get; }

    public ApplyStrategy Apply { get; }

    public IEnumerable<ObjectReference> References => manifests.Select(one => one.Reference);

    /// <summary>What one member shall have; without overrides all have the same bytes.</summary>
    public IReadOnlyList<PreparedObject> For(string member, IReadOnlyDictionary<string, string> labels) => overrides.Count == 0
        ? shared
        : [.. manifests.Select(one => (one.Reference, Manifest: ManifestRendering.Render(one.Manifest, overrides, member, labels))).Where(one => one.Manifest is not null).Select(one => PreparedObject.Of(one.Manifest!))];

    private static JsonObject Marked(string text, string owner)
    {
        var manifest = JsonNode.Parse(text)!.AsObject();
        var metadata = manifest["metadata"]!.AsObject();
        if (metadata["annotations"] is not JsonObject annotations)
            metadata["annotations"] = annotations = [];
        annotations[Ownership.Annotation] = owner;
        return manifest;
    }
}

/// <summary>Revisions as they are needed, prepared once for all members: a revision never changes.</summary>
internal sealed class PreparedRevisions(NpgsqlDataSource source)
{
    private const int Most = 200;
    private readonly ConcurrentDictionary<(int Placement, int Revision), Task<PreparedRevision?>> prepared = new();

    /// <summary>Null when it is not kept any more.</summary>
    public async Task<PreparedRevision?> FindAsync(int placement, int revision, CancellationToken stop)
    {
        if (prepared.Count > Most)
            prepared.Clear();
        var found = prepared.GetOrAdd((placement, revision), key => LoadAsync(key.Placement, key.Revision));
        try
        {
            return await found.WaitAsync(stop);
        }
        catch when (found.IsFaulted)
        {
            prepared.TryRemove((placement, revision), out _);
            throw;
        }
    }

    private async Task<PreparedRevision?> LoadAsync(int placement, int revision)
    {
        await using var command = Sql.Command(source, """
            select p.resource_key, r.overrides, r.apply_strategy, (select array_agg(b.manifest order by wanted.at) from unnest(r.manifests) with ordinality as wanted (sha, at) join manifest_blobs b on b.sha256 = wanted.sha)
            from placement_revisions r join placements p on p.id = r.placement_id where r.placement_id = $1 and r.revision = $2
            """, placement, revision);
        await using var row = await command.ExecuteReaderAsync();
        return await row.ReadAsync()
            ? new(row.GetString(0), row.GetFieldValue<string[]>(3), Json.Read<List<ResourceOverride>>(row.GetString(1)), Json.Read<ApplyStrategy>(row.GetString(2)))
            : null;
    }
}
