using System.Net;
using System.Text.Json;
using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Kubernetes;

/// <summary>What a look at a placement on a member is for.</summary>
internal enum LookKind
{
    /// <summary>Apply what is wanted.</summary>
    Bring,

    /// <summary>It is applied: has it become available?</summary>
    Watch,

    /// <summary>It was available: is it still as it was applied?</summary>
    Compare,

    /// <summary>Tell how it differs, and write nothing.</summary>
    Report,
}

/// <summary>How one object stands after a look.</summary>
internal sealed record ObjectOutcome(ObjectReference Thing, ObjectHealth Health)
{
    /// <summary>Why it is not as it should be (KubeFleet's reasons), where its health does not say that already.</summary>
    public string? Code { get; init; }

    public IReadOnlyList<ObjectDifference> Differences { get; init; } = [];

    /// <summary>It had drifted, and was brought back.</summary>
    public string? Repaired { get; init; }
}

/// <summary>Brings one object to a member, by the placement's strategy: whether one that was there may be taken over, whether one that has drifted is repaired, or whether it is only compared.</summary>
internal sealed class ObjectApplier(KubernetesKinds kinds)
{
    private static readonly FieldDifference Whole = new("", InMember: null, InHub: null);

    public async Task<ObjectOutcome> LookAsync(MemberContent content, PreparedObject thing, LookKind look, bool isDrifted, MemberApi member, CancellationToken stop)
    {
        var (reference, strategy) = (thing.Reference, content.Apply);
        if (await kinds.FindAsync(member, reference.ApiVersion, reference.Kind, stop) is not { } kind)
            return new(reference, ObjectHealth.Failed($"The member has no kind {reference.Kind} in {reference.ApiVersion}.")) { Code = "KindNotFound" };
        if (look is LookKind.Bring && strategy.WhenToTakeOver is WhenToTakeOver.Always && !isDrifted)
            return new(reference, AvailabilityRules.Of(await member.ApplyAsync(kind, reference, thing.Bytes, Ownership.FieldManager, strategy.Force, stop)));

        var there = await member.FindAsync(kind, reference, stop);
        var isOwn = there is { } seen && Ownership.Of(seen) == content.Owner;
        if (look is LookKind.Report)
            return new(reference, ObjectHealth.Available) { Differences = Told(DifferenceKind.Diff, reference, await CompareAsync(strategy, kind, thing, there, member, stop)) };
        if (look is LookKind.Watch && isOwn)
            return new(reference, AvailabilityRules.Of(there!.Value));
        if (there is not null && !isOwn && await TakeOverAsync(strategy, kind, thing, there.Value, member, stop) is { } refused)
            return refused;
        if (look is LookKind.Bring)
            // What the placement had set and somebody has changed since, it takes back.
            return new(reference, AvailabilityRules.Of(await member.ApplyAsync(kind, reference, thing.Bytes, Ownership.FieldManager, strategy.Force || (isOwn && isDrifted), stop)));

        var changed = await ChangedAsync(kind, thing, there, isMarkCompared: true, member, stop);
        var added = Added(strategy, there, changed);
        if (changed.Count == 0 || strategy.WhenToApply is WhenToApply.IfNotDrifted)
            return new(reference, there is { } now ? AvailabilityRules.Of(now) : ObjectHealth.Failed("It is gone from the member, and what drifts is left alone (applyStrategy.whenToApply).")) { Code = changed.Count > 0 ? BindingOutcome.FoundDrifts : null, Differences = Told(DifferenceKind.Drift, reference, [.. changed, .. added]) };
        return await RepairAsync(kind, thing, changed, added, member, stop);
    }

    /// <summary>Null when the object may become the placement's.</summary>
    private static async Task<ObjectOutcome?> TakeOverAsync(ApplyStrategy strategy, KubernetesKind kind, PreparedObject thing, JsonElement there, MemberApi member, CancellationToken stop)
    {
        if (strategy.WhenToTakeOver is WhenToTakeOver.Never)
            return new(thing.Reference, ObjectHealth.Failed("It is on the member already and is not the placement's (applyStrategy.whenToTakeOver is Never).")) { Code = "NotTakenOver" };
        if (strategy.WhenToTakeOver is not WhenToTakeOver.IfNoDiff || await CompareAsync(strategy, kind, thing, there, member, stop) is not { Count: > 0 } differences)
            return null;
        return new(thing.Reference, ObjectHealth.Failed($"It is on the member already and differs at {Paths(differences)} (applyStrategy.whenToTakeOver is IfNoDiff).")) { Code = "FailedToTakeOver", Differences = Told(DifferenceKind.Diff, thing.Reference, differences) };
    }

    /// <summary>The fields that differ were the placement's when it was applied, so they are taken back whoever has them now. What others have added stays.</summary>
    private static async Task<ObjectOutcome> RepairAsync(KubernetesKind kind, PreparedObject thing, IReadOnlyList<FieldDifference> changed, IReadOnlyList<FieldDifference> added, MemberApi member, CancellationToken stop)
    {
        try
        {
            var health = AvailabilityRules.Of(await member.ApplyAsync(kind, thing.Reference, thing.Bytes, Ownership.FieldManager, force: true, stop));
            return new(thing.Reference, health) { Repaired = $"{thing.Reference}: {Paths(changed)}", Differences = Told(DifferenceKind.Drift, thing.Reference, added) };
        }
        catch (MemberRefusedException fault) when (!fault.IsTransient)
        {
            return new(thing.Reference, ObjectHealth.Failed($"It has drifted and cannot be brought back: {fault.Message}")) { Code = fault.Reason, Differences = Told(DifferenceKind.Drift, thing.Reference, [.. changed, .. added]) };
        }
    }

    /// <summary>Of an object that is not the placement's yet.</summary>
    private static async Task<IReadOnlyList<FieldDifference>> CompareAsync(ApplyStrategy strategy, KubernetesKind kind, PreparedObject thing, JsonElement? there, MemberApi member, CancellationToken stop)
    {
        var changed = await ChangedAsync(kind, thing, there, isMarkCompared: false, member, stop);
        return [.. changed, .. Added(strategy, there, changed)];
    }

    /// <summary>What would become of the object were it applied now, compared with what it is; so what a cluster fills in by itself is no difference.</summary>
    private static async Task<IReadOnlyList<FieldDifference>> ChangedAsync(KubernetesKind kind, PreparedObject thing, JsonElement? there, bool isMarkCompared, MemberApi member, CancellationToken stop)
    {
        if (there is not { } live)
            return [Whole];
        try
        {
            return [.. FieldDifferences.Between(live, await member.TryApplyAsync(kind, thing.Reference, thing.Bytes, Ownership.FieldManager, stop), isMarkCompared)];
        }
        catch (MemberRefusedException fault) when (fault.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnsupportedMediaType or HttpStatusCode.UnprocessableEntity)
        {
            // A field that cannot be changed, or a webhook that knows no dry run: then what the manifest names is compared as it stands (KubeFleet, degraded mode).
            using var manifest = JsonDocument.Parse(thing.Bytes);
            return [.. FieldDifferences.Named(live, manifest.RootElement.Clone(), isMarkCompared)];
        }
    }

    /// <summary>What others have set beside that, if it is asked for.</summary>
    private static IReadOnlyList<FieldDifference> Added(ApplyStrategy strategy, JsonElement? there, IReadOnlyList<FieldDifference> changed) =>
        strategy.ComparisonOption is ComparisonOption.FullComparison && there is { } live ? [.. FieldDifferences.Foreign(live).ExceptBy(changed.Select(one => one.Path), one => one.Path, StringComparer.Ordinal)] : [];

    private static IReadOnlyList<ObjectDifference> Told(DifferenceKind kind, ObjectReference thing, IReadOnlyList<FieldDifference> differences) =>
        differences.Count == 0 ? [] : [.. differences.Take(ObjectDifference.Most).Select(one => one.Told(kind, thing))];

    private static string Paths(IReadOnlyList<FieldDifference> differences) =>
        string.Join(", ", differences.Take(3).Select(one => one.Path.Length == 0 ? "the whole object" : one.Path)) + (differences.Count > 3 ? $" and {differences.Count - 3} more" : "");
}
