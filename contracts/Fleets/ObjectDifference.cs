namespace ControlPlane.Contracts.Fleets;

/// <summary>A field of an object on a member that is not as the placement has it.</summary>
/// <param name="Kind">Whether it ever was as the placement has it.</param>
/// <param name="Object">What it is: the group without its version, kind, namespace and name, such as <c>apps/Deployment/shop/web</c>.</param>
/// <param name="Path">A JSON pointer; empty for the whole object.</param>
/// <param name="ValueInMember">Absent when the member has none. Of a Secret no value is ever told.</param>
/// <param name="ValueInHub">Absent when the placement has none.</param>
public sealed record ObjectDifference(DifferenceKind Kind, string Object, string Path, string? ValueInMember, string? ValueInHub)
{
    /// <summary>So many are kept of a placement on a member.</summary>
    public const int Most = 100;

    public const int LongestObject = 640;
    public const int LongestPath = 500;
    public const int LongestValue = 500;
}

/// <summary>Drift: it was as the placement has it, and somebody has changed it since. Diff: it never was.</summary>
public enum DifferenceKind { Drift, Diff }
