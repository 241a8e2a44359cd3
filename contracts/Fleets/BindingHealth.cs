namespace ControlPlane.Contracts.Fleets;

/// <summary>What whoever applies has seen of a binding.</summary>
public enum BindingHealth : short
{
    /// <summary>Nothing yet.</summary>
    Pending = 0,

    /// <summary>Applied, and not available yet.</summary>
    Progressing = 1,

    /// <summary>Every object is there and available.</summary>
    Available = 2,

    /// <summary>An object cannot be applied or will not become available.</summary>
    Failed = 3,

    /// <summary>The member cannot be reached.</summary>
    Offline = 4,
}
