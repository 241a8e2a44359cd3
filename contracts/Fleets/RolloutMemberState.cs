namespace ControlPlane.Contracts.Fleets;

/// <summary>How a member stands in a run.</summary>
public enum RolloutMemberState : short
{
    Pending = 0,
    Updating = 1,
    Healthy = 2,
    Failed = 3,

    /// <summary>It cannot be reached: it gets the revision when it is back, and nobody waits for it.</summary>
    Deferred = 4,

    /// <summary>It left, or was selected no more.</summary>
    Skipped = 5,
}
