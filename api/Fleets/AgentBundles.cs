using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Kubernetes;

namespace ControlPlane.Api.Fleets;

/// <summary>A bundle by its hash, as it goes over the wire.</summary>
internal sealed class Bundle(byte[] plain)
{
    private readonly Lazy<byte[]> compressed = new(() => Compress(plain));

    /// <summary>SHA-256 of what it is uncompressed, in hexadecimal digits.</summary>
    public string Hash { get; } = Convert.ToHexStringLower(SHA256.HashData(plain));

    public byte[] Compressed => compressed.Value;

    private static byte[] Compress(byte[] plain)
    {
        using var all = new MemoryStream();
        using (var gzip = new GZipStream(all, CompressionLevel.Fastest))
            gzip.Write(plain);
        return all.ToArray();
    }
}

/// <summary>The bundles of revisions: made once where all members have the same, and kept for as long as the revision is.</summary>
internal sealed class AgentBundles
{
    private readonly ConditionalWeakTable<IReadOnlyList<PreparedObject>, Bundle> made = [];

    public Bundle Of(MemberContent content) => made.GetValue(content.Wanted, _ => new(Write(content)));

    private static byte[] Write(MemberContent content)
    {
        using var all = new MemoryStream();
        using (var json = new Utf8JsonWriter(all))
        {
            json.WriteStartObject();
            json.WriteString("owner", content.Owner);
            json.WritePropertyName("applyStrategy");
            JsonSerializer.Serialize(json, content.Apply, Json.Options);
            json.WriteStartArray("manifests");
            foreach (var thing in content.Wanted)
                json.WriteRawValue(thing.Bytes.Span, skipInputValidation: true);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return all.ToArray();
    }
}
