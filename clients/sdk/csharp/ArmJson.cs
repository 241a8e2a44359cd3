using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace ControlPlane.Sdk;

/// <summary>How the generated clients write JSON: what was not set is left out, because null means "back to the default" to a merge patch.</summary>
public static class ArmJson
{
    internal static JsonSerializerOptions Options { get; } = Configured(new JsonSerializerOptions());

    /// <summary>The options that the generated clients use.</summary>
    public static JsonSerializerOptions Configured(JsonSerializerOptions options)
    {
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        return options;
    }
}

/// <summary>ARM's three ends of an operation; Canceled has one l.</summary>
public static class ArmStates
{
    /// <summary>True when nothing runs any more.</summary>
    public static bool IsTerminal(string? status) => Is(status, "Succeeded") || Is(status, "Failed") || Is(status, "Canceled");

    /// <summary>True for a status body that says Succeeded.</summary>
    public static bool IsSuccess(JsonNode? status) => Is(status.Text("status"), "Succeeded");

    private static bool Is(string? status, string name) => string.Equals(status, name, StringComparison.OrdinalIgnoreCase);
}
