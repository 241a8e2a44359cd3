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

    /// <summary>By which the claim is known when its outcome is stored.</summary>
    public required DateTimeOffset LeaseUntil { get; init; }
}

/// <summary>Brings a member that the control plane reaches to what its binding wants.</summary>
internal sealed class BindingApplier(PreparedRevisions revisions, MemberApplier applier)
{
    public async Task<BindingOutcome> LookAsync(ClaimedBinding binding, MemberApi? member, CancellationToken stop)
    {
        var state = new BindingState(binding.Generation, binding.ObservedGeneration, binding.Health, binding.Attempts, binding.MemberId);
        if (member is null)
            return BindingOutcome.Refused(state, "ClusterCredentialsMissing", "The cluster has no credentials; PUT it again with credentials.token.");
        try
        {
            var wanted = new WantedBinding(binding.PlacementId, binding.DesiredRevision, binding.IsUnscheduled, binding.TouchedRevisions, binding.Member, binding.Labels);
            return await applier.LookAsync(await revisions.ContentAsync(wanted, stop), state, member, stop);
        }
        catch (ContentException fault)
        {
            return BindingOutcome.Refused(state, fault.Code, fault.Message);
        }
    }
}
