using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;

namespace ControlPlane.Admission.Fleets;

/// <summary>What a binding wants of its member, as its row has it.</summary>
internal sealed record WantedBinding(int PlacementId, int DesiredRevision, bool IsUnscheduled, int[] TouchedRevisions, string Member, IReadOnlyDictionary<string, string> Labels);

/// <summary>A member cannot be given what a binding wants, whoever would bring it there.</summary>
internal sealed class ContentException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}

internal static class BindingContents
{
    /// <summary>The content of a binding's revision for its member, and what earlier revisions may have left there.</summary>
    /// <exception cref="ContentException">The revision is not kept any more, or an override cannot be carried out.</exception>
    public static async Task<MemberContent> ContentAsync(this PreparedRevisions revisions, WantedBinding binding, CancellationToken stop)
    {
        var touched = await TouchedAsync(revisions, binding, stop);
        if (binding.IsUnscheduled)
        {
            var last = binding.TouchedRevisions.Length == 0 ? null : await revisions.FindAsync(binding.PlacementId, binding.TouchedRevisions.Max(), stop);
            return new() { Owner = last?.Owner, Apply = last?.Apply ?? new(), IsUnscheduled = true, Wanted = [], Touched = touched };
        }

        var revision = await revisions.FindAsync(binding.PlacementId, binding.DesiredRevision, stop) ?? throw new ContentException("RevisionGone", $"Revision {binding.DesiredRevision} is not kept any more.");
        try
        {
            return new() { Owner = revision.Owner, Apply = revision.Apply, IsUnscheduled = false, Wanted = revision.For(binding.Member, binding.Labels), Touched = touched };
        }
        catch (RenderingException fault)
        {
            throw new ContentException("OverrideFailed", fault.Message);
        }
    }

    /// <summary>Every object of every revision that was ever sent to the member, but those of the desired one.</summary>
    private static async Task<IReadOnlyList<ObjectReference>> TouchedAsync(PreparedRevisions revisions, WantedBinding binding, CancellationToken stop)
    {
        var touched = new Dictionary<string, ObjectReference>(StringComparer.Ordinal);
        foreach (var number in binding.TouchedRevisions.Where(number => binding.IsUnscheduled || number != binding.DesiredRevision))
        {
            foreach (var thing in (await revisions.FindAsync(binding.PlacementId, number, stop))?.References ?? [])
                touched[thing.Identity] = thing;
        }

        return [.. touched.Values];
    }
}
