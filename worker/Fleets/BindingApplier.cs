using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;

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
    public required string? ErrorCode { get; init; }

    /// <summary>Something is known to differ.</summary>
    public required bool HasDifferences { get; init; }

    public required bool IsDrifted { get; init; }

    /// <summary>It was claimed only to see whether all still is as it was applied.</summary>
    public required bool IsLook { get; init; }

    /// <summary>By which it is known, when its outcome is stored, that nobody else has claimed it since.</summary>
    public required long Claim { get; init; }

    public required ClaimLease Lease { get; init; }

    public BindingState State => new(Generation, ObservedGeneration, Health, Attempts, MemberId, ErrorCode, IsDrifted);

    /// <summary>Nothing has changed by a look: nobody needs to hear of it.</summary>
    public bool IsNews(BindingOutcome outcome) => !IsLook || outcome.IsNews(Health, ErrorCode, HasDifferences);
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

/// <summary>Brings a member that the control plane reaches to what its binding wants.</summary>
internal sealed class BindingApplier(PreparedRevisions revisions, MemberApplier applier)
{
    public async Task<BindingOutcome> LookAsync(ClaimedBinding binding, MemberApi? member, CancellationToken stop)
    {
        var state = binding.State;
        if (member is null)
            return BindingOutcome.Refused(state, "ClusterCredentialsMissing", "The cluster has no credentials; PUT it again with credentials.token.");
        try
        {
            var wanted = new WantedBinding(binding.PlacementId, binding.DesiredRevision, binding.IsUnscheduled, binding.TouchedRevisions, binding.Member, binding.Labels);
            return await applier.LookAsync(await revisions.ContentAsync(wanted, stop), state, member.For(binding.Lease.Demand), stop);
        }
        catch (ContentException fault)
        {
            return BindingOutcome.Refused(state, fault.Code, fault.Message);
        }
    }
}
