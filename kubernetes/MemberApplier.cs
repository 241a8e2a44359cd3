using System.Net;
using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Kubernetes;

/// <summary>How a placement stands on a member, as far as whoever looks at it knows.</summary>
/// <param name="Seed">Each member's own, so that those who failed together do not return together.</param>
/// <param name="ErrorCode">Of the last look.</param>
/// <param name="IsDrifted">Objects have drifted, and were left so.</param>
internal sealed record BindingState(long Generation, long ObservedGeneration, BindingHealth Health, int Attempts, int Seed, string? ErrorCode = null, bool IsDrifted = false)
{
    /// <summary>Every object was applied, whatever became of it then.</summary>
    public bool IsApplied => ObservedGeneration == Generation && (Health is BindingHealth.Progressing or BindingHealth.Available || (Health is BindingHealth.Failed && ErrorCode is BindingOutcome.ObjectFailed or BindingOutcome.FoundDrifts));

    /// <summary>It was available: a look is only whether it still is as it was.</summary>
    public bool IsSettled => IsApplied && Health is BindingHealth.Available;

    /// <summary>As it stands when a look has come to that.</summary>
    public BindingState After(BindingOutcome seen) => this with { ObservedGeneration = seen.ObservedGeneration, Health = seen.Health, Attempts = seen.Attempts, ErrorCode = seen.ErrorCode };
}

/// <summary>What a placement wants of one member.</summary>
internal sealed record MemberContent
{
    /// <summary>What stands in the annotation by which a placement knows its own objects; null when nothing is known of what it brought.</summary>
    public required string? Owner { get; init; }

    public required ApplyStrategy Apply { get; init; }

    /// <summary>Nothing is wanted any more.</summary>
    public required bool IsUnscheduled { get; init; }

    /// <summary>In the order of waves.</summary>
    public required IReadOnlyList<PreparedObject> Wanted { get; init; }

    /// <summary>Every object that an earlier revision, or, when nothing is wanted any more, any revision may have brought.</summary>
    public required IReadOnlyList<ObjectReference> Touched { get; init; }
}

/// <summary>What became of a look at a binding.</summary>
/// <param name="Again">After how long to look again; null when that is for others to say.</param>
internal sealed record BindingOutcome(BindingHealth Health, long ObservedGeneration, TimeSpan? Again = null, int Attempts = 0, string? ErrorCode = null, string? Error = null)
{
    /// <summary>An object is applied, and will not become available.</summary>
    public const string ObjectFailed = nameof(ObjectFailed);

    /// <summary>An object is not as it was applied, and is left so.</summary>
    public const string FoundDrifts = nameof(FoundDrifts);

    /// <summary>Nothing of a revision but the desired one is on the member any more.</summary>
    public bool IsClean { get; init; }

    /// <summary>Nothing of the placement is left on the member.</summary>
    public bool IsGone { get; init; }

    /// <summary>Nobody can say of some of the objects whether they are available.</summary>
    public bool IsUntracked { get; init; }

    /// <summary>All that differs; null when nothing was compared, and what was known of it stands.</summary>
    public IReadOnlyList<ObjectDifference>? Differences { get; init; }

    /// <summary>What had drifted and was brought back.</summary>
    public string? Repaired { get; init; }

    /// <summary>Whoever only looked whether all still is as it was has something to tell.</summary>
    public bool IsNews(BindingHealth health, string? errorCode, bool hasDifferences) =>
        Health != health || ErrorCode != errorCode || Again is not null || Repaired is not null || (Differences is { } found && (found.Count > 0 || hasDifferences));

    /// <summary>Both looks told as one: the later one, and what only the earlier one could see.</summary>
    public BindingOutcome Then(BindingOutcome later) => later with { Differences = later.Differences ?? Differences, Repaired = later.Repaired ?? Repaired };

    /// <summary>It will not help to do the same again soon.</summary>
    public static BindingOutcome Refused(BindingState state, string code, string message) =>
        new(BindingHealth.Failed, state.Generation, TimeSpan.FromSeconds(Math.Min(60, 5 * (1 << Math.Min(state.Attempts, 4)))), state.Attempts + 1, code, message);

    /// <summary>Nothing new is known.</summary>
    public static BindingOutcome Unchanged(BindingState state, TimeSpan again, string code, string message) =>
        new(state.Health, state.ObservedGeneration, again, state.Attempts + 1, code, message);

    /// <summary>The member did not let itself be looked at. One that has what is wanted is looked at again with the next round, and not before.</summary>
    public static BindingOutcome Unseen(BindingState state, TimeSpan again, string code, string message) =>
        state.IsSettled ? new(state.Health, state.ObservedGeneration) : Unchanged(state, again, code, message);
}

/// <summary>Brings one member to what a placement wants: applies in waves, looks whether it is available, and removes what is wanted no more. Doing it twice does nothing more than doing it once.</summary>
internal sealed class MemberApplier(KubernetesKinds kinds)
{
    private readonly ObjectApplier objects = new(kinds);

    /// <summary>Where people's own objects would be, should a namespace that is to be deleted hold any.</summary>
    private static readonly ObjectReference[] Content =
    [
        new("v1", "Pod", null, ""), new("v1", "ConfigMap", null, ""), new("v1", "Secret", null, ""), new("v1", "Service", null, ""), new("v1", "PersistentVolumeClaim", null, ""),
        new("apps/v1", "Deployment", null, ""), new("apps/v1", "StatefulSet", null, ""), new("apps/v1", "DaemonSet", null, ""), new("batch/v1", "Job", null, ""), new("batch/v1", "CronJob", null, ""),
    ];

    private const int UnreachableAfter = 2;

    /// <summary>So soon after it was applied, whoever applied it looks again: most objects are available by then, that is told once, and a connection that is not kept open need not be made a second time.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(150);

    public async Task<BindingOutcome> LookAsync(MemberContent content, BindingState state, MemberApi member, CancellationToken stop)
    {
        var seen = new List<ObjectOutcome>(content.Wanted.Count);
        var applied = await LookOnceAsync(content, state, seen, member, stop);
        if (state.IsApplied || !state.After(applied).IsApplied || applied is not { Health: BindingHealth.Progressing, Again: { } again } || again > Moment)
            return applied;
        await Task.Delay(again, stop);
        seen.RemoveAll(one => one.Health.Availability is not Availability.Available);
        return applied.Then(await LookOnceAsync(content, state.After(applied), seen, member, stop));
    }

    /// <param name="content">What is wanted.</param>
    /// <param name="state">As far as it has come.</param>
    /// <param name="seen">Objects that need not be looked at once more; all that were looked at, afterwards.</param>
    /// <param name="member">Where.</param>
    /// <param name="stop">Ends it.</param>
    private async Task<BindingOutcome> LookOnceAsync(MemberContent content, BindingState state, List<ObjectOutcome> seen, MemberApi member, CancellationToken stop)
    {
        try
        {
            return content.IsUnscheduled ? await RemoveAsync(content, state, member, stop) : await ApplyAsync(content, state, seen, member, stop);
        }
        catch (MemberUnreachableException fault)
        {
            return state.IsSettled || state.Attempts + 1 < UnreachableAfter
                ? BindingOutcome.Unseen(state, BackOff(state, state.Attempts), "MemberUnreachable", fault.Message)
                : new(BindingHealth.Offline, state.ObservedGeneration, BackOff(state, state.Attempts), state.Attempts + 1, "MemberUnreachable", fault.Message);
        }
        catch (MemberRefusedException fault) when (fault.IsTransient || (fault.Status is HttpStatusCode.NotFound && state.Attempts < 5))
        {
            return BindingOutcome.Unseen(state, fault.RetryAfter is { } wait && wait < TimeSpan.FromMinutes(1) ? wait : BackOff(state, state.Attempts), fault.Reason, fault.Message);
        }
        catch (MemberRefusedException fault) when (state.IsSettled)
        {
            return new(state.Health, state.ObservedGeneration, ErrorCode: "FailedToRunDriftDetection", Error: fault.Message);
        }
        catch (MemberRefusedException fault)
        {
            return BindingOutcome.Refused(state, fault.Status is HttpStatusCode.Conflict ? "ManifestApplyConflict" : fault.Reason, fault.Message);
        }
    }

    private async Task<BindingOutcome> ApplyAsync(MemberContent content, BindingState state, List<ObjectOutcome> seen, MemberApi member, CancellationToken stop)
    {
        var (look, known) = (LookOf(content, state), seen.Select(one => one.Thing).ToHashSet());
        foreach (var thing in content.Wanted.Where(thing => !known.Contains(thing.Reference)))
        {
            if (look is not LookKind.Report && Waits(thing.Reference, seen) is { } first)
                // What failed is not waited for: nothing after it is applied.
                return first.Health.Availability is Availability.Failed
                    ? Sum(seen, look, state, clean: false) with { ErrorCode = first.Code ?? "WaveFailed", Differences = Differences(seen, look) }
                    : BindingOutcome.Unchanged(state, BackOff(state, Math.Min(state.Attempts, 4)), "WaitingForWave", $"{first.Thing} is not available yet: {first.Health.Message}");
            seen.Add(await objects.LookAsync(content, thing, look, state.IsDrifted, member, stop));
        }

        // A report leaves what earlier revisions brought where it is.
        var clean = look is not LookKind.Report && await PruneAsync(content, member, stop);
        return Sum(seen, look, state, clean) with { IsClean = clean, Differences = Differences(seen, look), Repaired = seen.Any(one => one.Repaired is not null) ? string.Join(" ", seen.Select(one => one.Repaired).OfType<string>().Take(3)) : null };
    }

    private static LookKind LookOf(MemberContent content, BindingState state) =>
        content.Apply.Type is ApplyStrategyType.ReportDiff ? LookKind.Report
        : state.IsSettled || (state.IsDrifted && state.IsApplied) ? LookKind.Compare
        : state.IsApplied ? LookKind.Watch : LookKind.Bring;

    private static BindingOutcome Sum(List<ObjectOutcome> seen, LookKind look, BindingState state, bool clean)
    {
        var failed = seen.Where(one => one.Health.Availability is Availability.Failed).ToList();
        if (failed.Count > 0)
            return new(BindingHealth.Failed, state.Generation, TimeSpan.FromSeconds(10), state.Attempts + 1, CodeOf(failed), Describe(failed));
        if (look is LookKind.Report)
            return new(BindingHealth.Available, state.Generation);
        var open = seen.Where(one => one.Health.Availability is Availability.Progressing).ToList();
        return open.Count > 0 || !clean
            ? new(BindingHealth.Progressing, state.Generation, BackOff(state, Math.Min(state.Attempts, 5)), state.Attempts + 1, "ResourceNotAvailableYet", open.Count > 0 ? Describe(open) : "Objects of earlier revisions are being deleted.")
            : new(BindingHealth.Available, state.Generation) { IsUntracked = seen.Exists(one => one.Health.IsUntracked) };
    }

    /// <summary>That something could not be applied is worse than what became of the rest.</summary>
    private static string CodeOf(List<ObjectOutcome> failed) =>
        failed.Select(one => one.Code).OfType<string>().OrderBy(code => code is BindingOutcome.FoundDrifts).FirstOrDefault() ?? BindingOutcome.ObjectFailed;

    /// <summary>Whoever only waits for objects to become available compares nothing.</summary>
    private static List<ObjectDifference>? Differences(List<ObjectOutcome> seen, LookKind look)
    {
        var all = seen.SelectMany(one => one.Differences).Take(ObjectDifference.Most).ToList();
        return all.Count > 0 ? all : look is LookKind.Watch ? null : [];
    }

    /// <summary>What must be available before this is applied, and is not.</summary>
    private static ObjectOutcome? Waits(ObjectReference next, List<ObjectOutcome> before) =>
        before.Find(one => one.Thing.Wave < next.Wave && one.Health.Availability is not Availability.Available && (Waves.IsBarrier(one.Thing) || next.Wave == Waves.Extensions));

    /// <summary>Deletes what earlier revisions brought and this one does not have; true when nothing of it is left.</summary>
    private async Task<bool> PruneAsync(MemberContent content, MemberApi member, CancellationToken stop)
    {
        var kept = content.Wanted.Select(one => one.Reference.Identity).ToHashSet(StringComparer.Ordinal);
        var stale = content.Touched.Where(one => !kept.Contains(one.Identity)).ToList();
        return stale.Count == 0 || content.Owner is null || await DeleteAsync(stale, content.Owner, member, stop);
    }

    private async Task<BindingOutcome> RemoveAsync(MemberContent content, BindingState state, MemberApi member, CancellationToken stop) =>
        content.Touched.Count == 0 || content.Owner is null || await DeleteAsync(content.Touched, content.Owner, member, stop)
            ? new(state.Health, state.Generation) { IsGone = true }
            : BindingOutcome.Unchanged(state, BackOff(state, Math.Min(state.Attempts, 4)), "Removing", $"{content.Touched.Count} objects are being deleted.");

    /// <summary>The last wave first, and the next one only when that is gone; what is not the placement's stays. True when nothing is left.</summary>
    private async Task<bool> DeleteAsync(IReadOnlyList<ObjectReference> things, string owner, MemberApi member, CancellationToken stop)
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

    private static string Describe(List<ObjectOutcome> things) =>
        string.Join(" ", things.Take(3).Select(one => $"{one.Thing}: {one.Health.Message}")) + (things.Count > 3 ? $" And {things.Count - 3} more." : "");

    /// <summary>0.1 s, 0.2 s and so on, at most 30 s, each member's a little different, so that those who failed together do not return together.</summary>
    private static TimeSpan BackOff(BindingState state, int attempts) => TimeSpan.FromMilliseconds(Math.Min(30_000, 100 * (1 << Math.Min(attempts, 9))) * (0.75 + (state.Seed * 37 % 100 / 200.0)));
}
