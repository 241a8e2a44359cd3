using System.Text.Json;
using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Api.BareMetal;

/// <summary>Who is there.</summary>
internal sealed record Hello(string? Mac, string? Serial, string? Uuid);

/// <summary>The disks as the machine sees them.</summary>
internal sealed record AgentInventory(IReadOnlyList<AgentDisk>? Disks);

/// <summary>Asks for the one destructive run.</summary>
internal sealed record PermitUse(Guid Permit);

/// <summary>Once a second: how far the agent is; also its heartbeat.</summary>
internal sealed record AgentProgress(long Seq, string? Phase, double Percent, string? Message);

/// <summary>What was wiped, and how.</summary>
internal sealed record WipedReport(IReadOnlyList<WipedDisk>? Disks);

/// <summary>The hash of the image as it was downloaded.</summary>
internal sealed record WrittenReport(string? Sha256);

/// <summary>The agent gives up.</summary>
internal sealed record AgentFailure(string? Code, string? Message, JsonElement Evidence);
