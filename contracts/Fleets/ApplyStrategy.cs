using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Fleets;

/// <summary>How the objects come to be on a member (KubeFleet, applyStrategy). Fields that a cluster fills in itself are never a difference.</summary>
public sealed record ApplyStrategy
{
    public ApplyStrategyType Type { get; init; }

    /// <summary>Take fields that another manager has set; else such an object is not applied and says so. What the placement had set already it takes back in any case.</summary>
    public bool Force { get; init; }

    public ComparisonOption ComparisonOption { get; init; }
    public WhenToApply WhenToApply { get; init; }
    public WhenToTakeOver WhenToTakeOver { get; init; }

    public IEnumerable<Violation> Violations()
    {
        if (Type is not ApplyStrategyType.ReportDiff)
            yield break;
        const string reason = "belongs to the type ServerSideApply; ReportDiff writes nothing, so leave it out";
        if (Force)
            yield return new("applyStrategy.force", reason);
        if (WhenToApply is not WhenToApply.Always)
            yield return new("applyStrategy.whenToApply", reason);
        if (WhenToTakeOver is not WhenToTakeOver.Always)
            yield return new("applyStrategy.whenToTakeOver", reason);
    }
}

/// <summary>ReportDiff writes nothing to the members: how they differ from the placement is reported, and a member whose report is complete counts as healthy.</summary>
public enum ApplyStrategyType { ServerSideApply, ReportDiff }

/// <summary>What is compared: the fields that a manifest names, or also every other field that somebody has set on the object.</summary>
public enum ComparisonOption { PartialComparison, FullComparison }

/// <summary>Whether what has drifted since it was applied is repaired, or left until there is a new revision.</summary>
public enum WhenToApply { Always, IfNotDrifted }

/// <summary>Whether an object that was on the member already becomes the placement's; IfNoDiff: only when it is as the placement would have it.</summary>
public enum WhenToTakeOver { Always, IfNoDiff, Never }
