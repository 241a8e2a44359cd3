using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace ControlPlane.Contracts.Arm;

/// <summary>How the control plane writes JSON, on the wire and in the database.</summary>
public static class Json
{
    public static JsonSerializerOptions Options { get; } = Make(new DefaultJsonTypeInfoResolver());

    /// <summary>The same without any <see cref="SecretAttribute"/> property: what is stored in clear and shown to readers.</summary>
    public static JsonSerializerOptions WithoutSecrets { get; } = Make(new DefaultJsonTypeInfoResolver { Modifiers = { DropSecrets } });

    /// <summary>The bounds of a body that somebody else wrote: strict JSON, no duplicate names, at most 64 levels.</summary>
    public static JsonDocumentOptions Strict { get; } = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);

    public static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, Options) ?? throw new JsonException($"A {typeof(T).Name} cannot be null.");

    public static JsonElement Element<T>(T value) => JsonSerializer.SerializeToElement(value, Options);

    /// <summary>True for a property that is stored encrypted and never shown.</summary>
    public static bool IsSecret(JsonPropertyInfo property) => property.AttributeProvider?.IsDefined(typeof(SecretAttribute), inherit: true) is true;

    private static void DropSecrets(JsonTypeInfo type)
    {
        foreach (var property in type.Properties.Where(IsSecret))
            property.ShouldSerialize = static (_, _) => false;
    }

    private static JsonSerializerOptions Make(IJsonTypeInfoResolver resolver)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            NumberHandling = JsonNumberHandling.Strict,
            TypeInfoResolver = resolver,
            // The answer is application/json and nosniff: quotes need no HTML escapes.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
        };
        options.MakeReadOnly();
        return options;
    }
}
