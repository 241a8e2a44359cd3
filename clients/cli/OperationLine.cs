using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>How an operation stands, as its status body says.</summary>
internal static class OperationLine
{
    /// <summary>One line: status, percent, the step that runs.</summary>
    public static string Of(JsonNode? status)
    {
        var running = status.Items("steps").LastOrDefault(step => !ArmStates.IsTerminal(step.Text("status")) && !Is(step.Text("status"), "NotStarted"));
        var parts = new[]
        {
            status.Text("status") ?? "Unknown",
            status.Number("percentComplete") is { } percent ? $"{percent:0}%" : null,
            running is null ? null : StepName(running),
            running.Text("message"),
        };
        return string.Join("  ", parts.Where(part => !string.IsNullOrEmpty(part)));
    }

    public static string StepName(JsonNode? step) => step.Text("stepName") ?? step.Text("name") ?? "";

    private static bool Is(string? status, string name) => string.Equals(status, name, StringComparison.OrdinalIgnoreCase);
}
