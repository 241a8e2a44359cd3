using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ControlPlane.Admission.Deployments.Functions;

/// <summary>Base64, addresses, JSON text, and names made from other names.</summary>
internal static class EncodingFunctions
{
    private const string Base32 = "abcdefghijklmnopqrstuvwxyz234567";

    /// <summary>The name space of ARM's guid() (a version 5 UUID).</summary>
    private static readonly Guid Names = new("11fb06fb-712d-4ddd-98c7-e71bbd588830");

    public static IReadOnlyList<Function> All { get; } =
    [
        new("base64", 1, 1, call => Convert.ToBase64String(Encoding.UTF8.GetBytes(call.Text(0)))),
        new("base64ToString", 1, 1, call => Decode(call)),
        new("base64ToJson", 1, 1, call => ReadJson(call, Decode(call))),
        new("json", 1, 1, call => ReadJson(call, call.Text(0))),
        new("uriComponent", 1, 1, call => Uri.EscapeDataString(call.Text(0))),
        new("uriComponentToString", 1, 1, call => Uri.UnescapeDataString(call.Text(0))),
        new("uri", 2, 2, call => Uri.TryCreate(call.Text(0), UriKind.Absolute, out var root) && Uri.TryCreate(root, call.Text(1), out var whole) ? whole.AbsoluteUri : throw call.Fault($"needs an absolute address as argument 1, such as https://host/folder/, not '{call.Text(0)}'")),
        new("dataUri", 1, 1, call => $"data:text/plain;charset=utf8;base64,{Convert.ToBase64String(Encoding.UTF8.GetBytes(TemplateValue.Text(call[0])))}"),
        new("guid", 1, Function.Any, call => NamedGuid(Joined(call)).ToString()),
        new("uniqueString", 1, Function.Any, call => Unique(Joined(call))),
    ];

    private static string Joined(Arguments call) => string.Join('-', Enumerable.Range(0, call.Count).Select(call.Text));

    private static string Decode(Arguments call)
    {
        var buffer = new byte[call.Text(0).Length];
        if (!Convert.TryFromBase64String(call.Text(0), buffer, out var length))
            throw call.Wrong(0, "base64");
        var text = Encoding.UTF8.GetString(buffer, 0, length);
        return text.Contains('\0', StringComparison.Ordinal) ? throw call.Fault("decodes to bytes that are no text") : text;
    }

    private static object? ReadJson(Arguments call, string text)
    {
        try
        {
            return text.Contains("\\u0000", StringComparison.Ordinal) ? throw call.Fault("reads text that holds U+0000") : TemplateValue.Parse(text);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or FormatException)
        {
            throw call.Fault($"reads text that is not JSON: {failure.Message}");
        }
    }

    [SuppressMessage("Security", "CA5350", Justification = "RFC 9562 defines version 5 UUIDs over SHA-1; nothing relies on its strength.")]
    public static Guid NamedGuid(string name)
    {
        Span<byte> hash = stackalloc byte[20];
        SHA1.HashData([.. Names.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes(name)], hash);
        hash[6] = (byte)((hash[6] & 0x0f) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3f) | 0x80);
        return new(hash[..16], bigEndian: true);
    }

    /// <summary>13 letters and digits that depend on the text alone: its 64-bit Murmur hash in base 32.</summary>
    private static string Unique(string text)
    {
        var hash = Murmur(Encoding.UTF8.GetBytes(text));
        return string.Create(13, hash, (letters, rest) =>
        {
            for (var at = 0; at < letters.Length; at++, rest <<= 5)
                letters[at] = Base32[(int)(rest >> 59)];
        });
    }

    /// <summary>MurmurHash3 with two lanes of 32 bits.</summary>
    private static ulong Murmur(ReadOnlySpan<byte> data)
    {
        const uint c1 = 0x239b961b, c2 = 0xab0e9789;
        uint h1 = 0, h2 = 0;
        var length = (uint)data.Length;
        for (; data.Length >= 8; data = data[8..])
        {
            h1 ^= BitOperations.RotateLeft(BinaryPrimitives.ReadUInt32LittleEndian(data) * c1, 15) * c2;
            h1 = ((BitOperations.RotateLeft(h1, 19) + h2) * 5) + 0x561ccd1b;
            h2 ^= BitOperations.RotateLeft(BinaryPrimitives.ReadUInt32LittleEndian(data[4..]) * c2, 17) * c1;
            h2 = ((BitOperations.RotateLeft(h2, 13) + h1) * 5) + 0x0bcaa747;
        }

        Span<byte> tail = stackalloc byte[8];
        data.CopyTo(tail);
        h1 ^= BitOperations.RotateLeft(BinaryPrimitives.ReadUInt32LittleEndian(tail) * c1, 15) * c2;
        h2 ^= BitOperations.RotateLeft(BinaryPrimitives.ReadUInt32LittleEndian(tail[4..]) * c2, 17) * c1;
        h1 ^= length;
        h2 ^= length;
        h1 += h2;
        h2 += h1;
        h1 = Mix(h1);
        h2 = Mix(h2);
        h1 += h2;
        h2 += h1;
        return ((ulong)h2 << 32) | h1;
    }

    private static uint Mix(uint hash)
    {
        hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
        hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
        return hash ^ (hash >> 16);
    }
}
