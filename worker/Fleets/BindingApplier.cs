using System.Net;
using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence.Fleets;

namespace ControlPlane.Worker.Fleets;

/// <summary>A binding that was claimed: what to bring to which member.</summary>
internal sealed record ClaimedBinding
{
    public required int PlacementId { get; init; }
    public required int MemberId { get; init; }
    public required string Member { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }
    public required string ClusterKey { get; init; }
    public required long ClusterVersion { get; init; }
    public required bool IsUnscheduled { get; init; }
    public required int DesiredRevision { get; init; }
    public required long Generation { get; init; }
    public required long ObservedGeneration { get; init; }
    public required BindingHealth Health { get; init; }
    public required int[] TouchedRevisions { get; init; }
    public required int Attempts { get; init; }

    /// <summary>By which it is known, when its outcome is stored, that nobody else has claimed it since.</summary>
    public required long Claim { get; init; }

    public required ClaimLease Lease { get; init; }
}

/// <summary>How long a claim is held. A worker that was paused past it must not write to the member any more, for another has taken over.</summary>
internal sealed class ClaimLease(TimeProvider clock)
{
    private long until;

    public bool IsHeld => clock.GetTimestamp() < Volatile.Read(ref until);

    /// <param name="from">When it was asked for, which is not later than when it was given.</param>
    /// <param name="time">How long it was given for.</param>
    public void HoldFrom(long from, TimeSpan time) => Volatile.Write(ref until, from + (long)(time.TotalSeconds * clock.TimestampFrequency));

    public void Demand()
    {
        if (!IsHeld)
            throw new ClaimLostException();
    }
}

/// <summary>Another worker has claimed the binding, or may have.</summary>
internal sealed class ClaimLostException() : Exception("The claim has run out.");

/// <summary>What became of a look at a binding.</summary>
/// <param name="Again">After how long to look again; null when that is for others to say.</param>
internal sealed record BindingOutcome(BindingHealth Health, long ObservedGeneration, TimeSpan? Again = null, int Attempts = 0, string? ErrorCode = null, string? Error = null)
{
    /// <summary>Nothing of a revision but the desired one is on the member any more.</summary>
    public bool IsClean { get; init; }

    /// <summary>Nothing of the placement is left on the member.</summary>
    public bool IsGone { get; init; }
}

/// <summary>Brings one member to what a binding wants: applies in waves, looks whether it is available, and removes what is wanted no more. Doing it twice does nothing more than doing it once.</summary>
internal sealed class BindingApplier(PreparedRevisions revisions, KubernetesKinds kinds)
{
    /// <summary>Where people's own objects would be, should a namespace that is to be deleted hold any.</summary>
    private static readonly ObjectReference[] Content =
    [
        new("v1", "Pod", null, ""), new("v1", "ConfigMap", null, ""), new("v1", "Secret", null, ""), new("v1", "Service", null, ""), new("v1", "PersistentVolumeClaim", null, ""),
        new("apps/v1", "Deployment", null, ""), new("apps/v1", "StatefulSet", null, ""), new("apps/v1", "DaemonSet", null, ""), new("batch/v1", "Job", null, ""), new("batch/v1", "CronJob", null, ""),
    ];

    private const int UnreachableAfter = 2;

    public async Task<BindingOutcome> LookAsync(ClaimedBinding binding, MemberApi? member, CancellationToken stop)
    {
        try
        {
            if (member is null)
                return Refused(binding, "ClusterCredentialsMissing", "The cluster has no credentials; PUT it again with credentials.token.");
            return binding.IsUnscheduled ? await RemoveAsync(binding, member, stop) : await ApplyAsync(binding, member, stop);
        }
        catch (RenderingException fault)
        {
            return Refused(binding, "OverrideFailed", fault.Message);
        }
        catch (MemberUnreachableException fault)
        {
            return binding.Attempts + 1 < UnreachableAfter
                ? Unchanged(binding, BackOff(binding, binding.Attempts), "MemberUnreachable", fault.Message)
                : new(BindingHealth.Offline, binding.ObservedGeneration, BackOff(binding, binding.Attempts), binding.Attempts + 1, "MemberUnreachable", fault.Message);
        }
        catch (MemberRefusedException fault) when (fault.IsTransient || (fault.Status is HttpStatusCode.NotFound && binding.Attempts < 5))
        {
            return Unchanged(binding, fault.RetryAfter is { } wait && wait < TimeSpan.FromMinutes(1) ? wait : BackOff(binding, binding.Attempts), fault.Reason, fault.Message);
        }
        catch (MemberRefusedException fault)
        {
            return Refused(binding, fault.Status is HttpStatusCode.Conflict ? "ManifestApplyConflict" : fault.Reason, fault.Message);
        }
    }

    private async Task<BindingOutcome> ApplyAsync(ClaimedBinding binding, MemberApi member, CancellationToken stop)
    {
        var revision = await revisions.FindAsync(binding.PlacementId, binding.DesiredRevision, stop);
        if (revision is null)
            return Refused(binding, "RevisionGone", $"Revision {binding.DesiredRevision} is not kept any more.");
        var wanted = revision.For(binding.Member, binding.Labels);
        var isApplied = binding.ObservedGeneration == binding.Generation && binding.Health is BindingHealth.Progressing or BindingHealth.Failed;
        var healths = new List<(ObjectReference Thing, ObjectHealth Health)>(wanted.Count);
        foreach (var thing in wanted)
        {
            if (Waits(thing.Reference, healths) is { } first)
                return Unchanged(binding, BackOff(binding, Math.Min(binding.Attempts, 4)), "WaitingForWave", $"{first.Thing} is not available yet: {first.Health.Message}");
            binding.Lease.Demand();
            healths.Add((thing.Reference, await ApplyAsync(revision, thing, isApplied, member, stop)));
        }

        var clean = await PruneAsync(binding, revision, wanted, member, stop);
        var failed = healths.Where(one => one.Health.Availability is Availability.Failed).ToList();
        if (failed.Count > 0)
            return new(BindingHealth.Failed, binding.Generation, TimeSpan.FromSeconds(10), binding.Attempts + 1, "ObjectFailed", Describe(failed)) { IsClean = clean };
        var open = healths.Where(one => one.Health.Availability is Availability.Progressing).ToList();
        return open.Count > 0 || !clean
            ? new(BindingHealth.Progressing, binding.Generation, BackOff(binding, Math.Min(binding.Attempts, 5)), binding.Attempts + 1, "ResourceNotAvailableYet", open.Count > 0 ? Describe(open) : "Objects of earlier revisions are being deleted.") { IsClean = clean }
            : new(BindingHealth.Available, binding.Generation) { IsClean = true };
    }

    /// <summary>What must be available before this is applied, and is not.</summary>
    private static (ObjectReference Thing, ObjectHealth Health)? Waits(ObjectReference next, List<(ObjectReference Thing, ObjectHealth Health)> before)
    {
        var open = before.Where(one => one.Thing.Wave < next.Wave && one.Health.Availability is not Availability.Available && (Waves.IsBarrier(one.Thing) || next.Wave == Waves.Extensions)).ToList();
        return open.Count > 0 ? open[0] : null;
    }

    private async Task<ObjectHealth> ApplyAsync(PreparedRevision revision, PreparedObject thing, bool isApplied, MemberApi member, CancellationToken stop)
    {
        if (await kinds.FindAsync(member, thing.Reference.ApiVersion, thing.Reference.Kind, stop) is not { } kind)
            return ObjectHealth.Failed($"The member has no kind {thing.Reference.Kind} in {thing.Reference.ApiVersion}.");
        if (isApplied && await member.FindAsync(kind, thing.Reference, stop) is { } seen)
            return AvailabilityRules.Of(seen);
        if (revision.Apply.WhenToTakeOver is WhenToTakeOver.Never && await member.FindAsync(kind, thing.Reference, stop) is { } there && Ownership.Of(there) != revision.Owner)
            return ObjectHealth.Failed("It is on the member already and is not the placement's (applyStrategy.whenToTakeOver is Never).");
        return AvailabilityRules.Of(await member.ApplyAsync(kind, thing.Reference, thing.Bytes, Ownership.FieldManager, revision.Apply.Force, stop));
    }

    /// <summary>Deletes what earlier revisions brought and this one does not have; true when nothing of it is left.</summary>
    private async Task<bool> PruneAsync(ClaimedBinding binding, PreparedRevision revision, IReadOnlyList<PreparedObject> wanted, MemberApi member, CancellationToken stop)
    {
        var kept = wanted.Select(one => one.Reference.Identity).ToHashSet(StringComparer.Ordinal);
        var stale = (await TouchedAsync(binding, stop)).Where(one => !kept.Contains(one.Identity)).ToList();
        return stale.Count == 0 || await DeleteAsync(binding, stale, revision.Owner, member, stop);
    }

    private async Task<BindingOutcome> RemoveAsync(ClaimedBinding binding, MemberApi member, CancellationToken stop)
    {
        var touched = await TouchedAsync(binding, stop);
        var owner = (await revisions.FindAsync(binding.PlacementId, binding.TouchedRevisions.Max(), stop))?.Owner;
        return touched.Count == 0 || owner is null || await DeleteAsync(binding, touched, owner, member, stop)
            ? new(binding.Health, binding.Generation) { IsGone = true }
            : Unchanged(binding, BackOff(binding, Math.Min(binding.Attempts, 4)), "Removing", $"{touched.Count} objects are being deleted.");
    }

    /// <summary>Every object of every revision that was ever sent to the member.</summary>
    private async Task<IReadOnlyList<ObjectReference>> TouchedAsync(ClaimedBinding binding, CancellationToken stop)
    {
        var touched = new Dictionary<string, ObjectReference>(StringComparer.Ordinal);
        foreach (var number in binding.TouchedRevisions.Where(number => binding.IsUnscheduled || number != binding.DesiredRevision))
        {
            foreach (var thing in (await revisions.FindAsync(binding.PlacementId, number, stop))?.References ?? [])
                touched[thing.Identity] = thing;
        }

        return [.. touched.Values];
    }

    /// <summary>The last wave first, and the next one only when that is gone; what is not the placement's stays. True when nothing is left.</summary>
    private async Task<bool> DeleteAsync(ClaimedBinding binding, IReadOnlyList<ObjectReference> things, string owner, MemberApi member, CancellationToken stop)
    {
        foreach (var wave in things.GroupBy(thing => thing.Wave).OrderByDescending(wave => wave.Key))
        {
            var left = 0;
            foreach (var thing in wave)
            {
                if (await kinds.FindAsync(member, thing.ApiVersion, thing.Kind, stop) is not { } kind || await member.FindAsync(kind, thing, stop) is not { } there || Ownership.Of(there) != owner)
                    continue;
                if (thing.Kind is "Namespace" && await HoldsForeignAsync(thing.Name, owner, member, stop))
                    continue;
                left++;
                binding.Lease.Demand();
                var metadata = there.GetProperty("metadata");
                if (!metadata.TryGetProperty("deletionTimestamp", out _))
                    await member.DeleteAsync(kind, thing, metadata.GetProperty("uid").GetString()!, stop);
            }

            if (left > 0)
                return false;
        }

        return true;
    }

    /// <summary>A namespace in which somebody else has something is left to them.</summary>
    private async Task<bool> HoldsForeignAsync(string space, string owner, MemberApi member, CancellationToken stop)
    {
        foreach (var content in Content)
        {
            if (await kinds.FindAsync(member, content.ApiVersion, content.Kind, stop) is not { } kind)
                continue;
            var list = await member.ListAsync(kind, space, stop);
            if (list.GetProperty("items").EnumerateArray().Any(item => Ownership.Of(item) != owner && !IsMadeByCluster(item)))
                return true;
        }

        return false;
    }

    /// <summary>What a cluster itself puts into every namespace, and what controllers made from something else.</summary>
    private static bool IsMadeByCluster(System.Text.Json.JsonElement item)
    {
        var metadata = item.GetProperty("metadata");
        return metadata.GetProperty("name").GetString() is "kube-root-ca.crt" or "default" || (metadata.TryGetProperty("ownerReferences", out var owners) && owners.GetArrayLength() > 0);
    }

    private static string Describe(List<(ObjectReference Thing, ObjectHealth Health)> things) =>
        string.Join(" ", things.Take(3).Select(one => $"{one.Thing}: {one.Health.Message}")) + (things.Count > 3 ? $" And {things.Count - 3} more." : "");

    /// <summary>It will not help to do the same again soon.</summary>
    private static BindingOutcome Refused(ClaimedBinding binding, string code, string message) =>
        new(BindingHealth.Failed, binding.Generation, TimeSpan.FromSeconds(Math.Min(60, 5 * (1 << Math.Min(binding.Attempts, 4)))), binding.Attempts + 1, code, message);

    /// <summary>Nothing new is known.</summary>
    private static BindingOutcome Unchanged(ClaimedBinding binding, TimeSpan again, string code, string message) =>
        new(binding.Health, binding.ObservedGeneration, again, binding.Attempts + 1, code, message);

    /// <summary>0.1 s, 0.2 s and so on, at most 30 s, each member's a little different, so that those who failed together do not return together.</summary>
    private static TimeSpan BackOff(ClaimedBinding binding, int attempts) => TimeSpan.FromMilliseconds(Math.Min(30_000, 100 * (1 << Math.Min(attempts, 9))) * (0.75 + (binding.MemberId * 37 % 100 / 200.0)));
}
