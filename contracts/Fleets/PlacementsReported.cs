namespace ControlPlane.Contracts.Fleets;

/// <summary>A hint: agents have said something of these placements. Losing it costs the time until a worker looks by itself.</summary>
public sealed record PlacementsReported(IReadOnlyList<int> Placements);
