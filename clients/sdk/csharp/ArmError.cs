using System.Net;
using System.Text.Json.Nodes;

namespace ControlPlane.Sdk;

/// <summary>ARM's error body: a code for programs, a message for people, details for each single fault.</summary>
/// <param name="Code">What to branch on.</param>
/// <param name="Message">What to read.</param>
/// <param name="Target">The JSON path at fault.</param>
public sealed record ArmError(string Code, string Message, string? Target = null)
{
    /// <summary>Every fault when there are several.</summary>
    public IReadOnlyList<ArmError> Details { get; init; } = [];

    /// <summary>Reads `{"error":{…}}` or the inner object alone; null if it is neither.</summary>
    public static ArmError? From(JsonNode? node)
    {
        var error = (node as JsonObject)?["error"] ?? node;
        if (error is not JsonObject body || body.Text("code") is not { } code)
            return null;
        return new ArmError(code, body.Text("message") ?? code, body.Text("target"))
        {
            Details = [.. (body["details"] as JsonArray ?? []).Select(From).OfType<ArmError>()],
        };
    }

    /// <summary>One line for the error and one, further in, for each detail.</summary>
    public IEnumerable<string> Lines(int depth = 0)
    {
        yield return new string(' ', depth * 2) + (Target is null ? $"{Code}: {Message}" : $"{Code} at {Target}: {Message}");
        // A single fault is the error itself.
        if (Details is [var only] && only.Message == Message && only.Target == Target)
            yield break;
        foreach (var line in Details.SelectMany(detail => detail.Lines(depth + 1)))
            yield return line;
    }
}

/// <summary>The control plane refused, or answered something that is not ARM.</summary>
public sealed class ArmException(HttpStatusCode status, ArmError error, string? requestId)
    : Exception($"{(int)status} {error.Code}: {error.Message}")
{
    /// <summary>The answer's status; 200 when an operation that was accepted ended otherwise than in success.</summary>
    public HttpStatusCode Status { get; } = status;

    /// <summary>What was said.</summary>
    public ArmError Error { get; } = error;

    /// <summary>To quote when the fault is reported.</summary>
    public string? RequestId { get; } = requestId;
}
