using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>How an operation stands, as its status body says.</summary>
internal static class OperationStatus
{
    /// <summary>ARM's three ends; Canceled has one l.</summary>
    public static bool IsTerminal(string? status) => Is(status, "Succeeded") || Is(status, "Failed") || Is(status, "Canceled");

    public static bool IsSuccess(JsonNode? status) => Is(status.Text("status"), "Succeeded");

    /// <summary>One line: status, percent, the step that runs.</summary>
    public static string Line(JsonNode? status)
    {
        var running = status.Items("steps").LastOrDefault(step => !IsTerminal(step.Text("status")) && !Is(step.Text("status"), "NotStarted"));
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
