using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>The locks and policy assignments at some scopes, as they were under one mark: whoever finds that mark shares them, and what was made of them.</summary>
internal sealed class Governing
{
    public Governing(IReadOnlyList<GoverningRow> rows)
    {
        Locks = [.. rows.Where(one => one.Row.Type == GoverningReads.Locks).Select(one => one.Row)];
        ReadOnlyLocks = [.. Locks.Where(row => row.Read<LockProperties>().Level == "ReadOnly")];
        Assignments = [.. rows.Where(one => one.Row.Type == GoverningReads.PolicyAssignments && one.Row.State is not ProvisioningState.Deleting)];
    }

    public static Governing Nothing { get; } = new([]);

    public IReadOnlyList<ResourceRow> Locks { get; }

    /// <summary>The locks that refuse writes, too.</summary>
    public IReadOnlyList<ResourceRow> ReadOnlyLocks { get; }

    /// <summary>The policy assignments, each with its definition unless that is built in.</summary>
    public IReadOnlyList<GoverningRow> Assignments { get; }

    private sealed record LockProperties(string Level);
}
