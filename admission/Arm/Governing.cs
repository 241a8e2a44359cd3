using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>The locks and policy assignments at some scopes, as they were under one mark: whoever finds that mark shares them, and what was made of them.</summary>
internal sealed class Governing
{
    private const string Locks = "Microsoft.Authorization/locks";
    private const string PolicyAssignments = "Microsoft.Authorization/policyAssignments";

    public Governing(IReadOnlyList<GoverningRow> rows)
    {
        Locked = [.. rows.Where(one => one.Row.Type == Locks).Select(one => one.Row)];
        ReadOnly = [.. Locked.Where(row => row.Read<LockProperties>().Level == "ReadOnly")];
        Assignments = [.. rows.Where(one => one.Row.Type == PolicyAssignments && one.Row.State is not ProvisioningState.Deleting)];
    }

    public static Governing Nothing { get; } = new([]);

    /// <summary>Types whose rows hold for everything below what they extend.</summary>
    public static IReadOnlyList<string> Types { get; } = [Locks, PolicyAssignments];

    /// <summary>The type of those that keep what is above them from being deleted.</summary>
    public static string LockType => Locks;

    /// <summary>Every lock.</summary>
    public IReadOnlyList<ResourceRow> Locked { get; }

    /// <summary>The locks that refuse writes.</summary>
    public IReadOnlyList<ResourceRow> ReadOnly { get; }

    /// <summary>The policy assignments, each with its definition unless that is built in.</summary>
    public IReadOnlyList<GoverningRow> Assignments { get; }

    private sealed record LockProperties(string Level);
}
