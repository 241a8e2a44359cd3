using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Authorization;

/// <summary>What a lock forbids at its scope and below (Microsoft.Authorization/locks).</summary>
public enum LockLevel
{
    /// <summary>Nothing may be deleted.</summary>
    CanNotDelete,

    /// <summary>Nothing may be written, deleted or acted upon.</summary>
    ReadOnly,
}

/// <summary>A lock against accidents: it binds everybody, whatever their role, until it is removed.</summary>
public sealed record ManagementLock : IResource<ManagementLock, NoStatus>
{
    public static ResourceType Type { get; } = new("Microsoft.Authorization", "locks");
    public static IReadOnlyList<string> ApiVersions { get; } = ["2020-05-01", "2017-04-01", "2016-09-01", "2015-01-01"];
    public static ResourceScopes Scopes => ResourceScopes.Subscription | ResourceScopes.ResourceGroup | ResourceScopes.Resource;
    public static bool IsTracked => false;
    public static bool CompletesOnWrite => true;

    public required LockLevel Level { get; init; }

    /// <summary>Why it is there; at most 512 characters.</summary>
    public string? Notes { get; init; }

    /// <summary>Applications that manage the lock, for people to read.</summary>
    public IReadOnlyList<LockOwner> Owners { get; init; } = [];

    public static IEnumerable<Violation> Violations(ManagementLock wanted, ManagementLock? current)
    {
        if (wanted.Notes?.Length > 512)
            yield return new("notes", "must have at most 512 characters");
    }
}

/// <summary>An application that manages a lock.</summary>
public sealed record LockOwner(string ApplicationId);
