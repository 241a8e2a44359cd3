using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Kubernetes;

/// <summary>A manifest, and the bytes to send for it.</summary>
internal sealed record PreparedObject(ObjectReference Reference, ReadOnlyMemory<byte> Bytes)
{
    public static PreparedObject Of(JsonObject manifest) => new(ObjectReference.Of(manifest), JsonSerializer.SerializeToUtf8Bytes(manifest));
}

/// <summary>How an object says that it is a placement's.</summary>
internal static class Ownership
{
    public const string Annotation = "fleet.controlplane.io/placement";

    /// <summary>The name under which a placement's fields are managed (Kubernetes, field management).</summary>
    public const string FieldManager = "controlplane-fleet";

    /// <summary>Whose an object is; null when it is no placement's.</summary>
    public static string? Of(JsonElement thing) =>
        thing.TryGetProperty("metadata", out var metadata) && metadata.TryGetProperty("annotations", out var annotations) && annotations.ValueKind is JsonValueKind.Object && annotations.TryGetProperty(Annotation, out var owner)
            ? owner.GetString()
            : null;
}
