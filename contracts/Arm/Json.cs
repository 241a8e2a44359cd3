using System.Text.Json;
using System.Text.Json.Serialization;

namespace ControlPlane.Contracts.Arm;

/// <summary>How the control plane writes JSON, on the wire and in the database.</summary>
public static class Json
{
    public static JsonSerializerOptions Options { get; } = Make();

    /// <summary>The bounds of a body that somebody else wrote: strict JSON, no duplicate names, at most 64 levels.</summary>
    public static JsonDocumentOptions Strict { get; } = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);

    public static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, Options) ?? throw new JsonException($"A {typeof(T).Name} cannot be null.");

    public static JsonElement Element<T>(T value) => JsonSerializer.SerializeToElement(value, Options);

    private static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            NumberHandling = JsonNumberHandling.Strict,
            Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
        };
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
