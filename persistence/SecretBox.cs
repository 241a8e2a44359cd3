using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;

namespace ControlPlane.Persistence;

/// <summary>A secret as it is stored: ciphertext under a data key, and that data key under the key-encryption key named by its version.</summary>
public sealed record SealedSecret(byte[] Ciphertext, byte[] WrappedKey, string KeyVersion);

/// <summary>
/// Envelope encryption with AES-256-GCM: every secret has a data key of its own, bound to where it is stored; the key-encryption keys come from a file outside the
/// database (<c>Encryption:KeyFile</c>, lines of <c>version:base64</c>, the last line seals, all lines open).
/// </summary>
public sealed class SecretBox
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private readonly Dictionary<string, byte[]> keys = new(StringComparer.Ordinal);
    private readonly string newest = "";

    public SecretBox(IConfiguration configuration)
    {
        var file = configuration["Encryption:KeyFile"]
            ?? throw new InvalidOperationException("Encryption:KeyFile is not set; it names the file with the key-encryption keys, one 'version:base64 of 32 bytes' a line.");
        foreach (var line in File.ReadLines(file).Where(line => !string.IsNullOrWhiteSpace(line)))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            newest = colon > 0 ? line[..colon].Trim() : throw new InvalidOperationException($"{file}: every line must read 'version:base64 of 32 bytes'.");
            keys[newest] = Convert.FromBase64String(line[(colon + 1)..].Trim());
            if (keys[newest].Length != 32)
                throw new InvalidOperationException($"{file}: key {newest} has {keys[newest].Length} bytes; AES-256 needs 32.");
        }

        if (keys.Count == 0)
            throw new InvalidOperationException($"{file} holds no key.");
    }

    /// <param name="place">Where the secret will be stored: it can be opened nowhere else.</param>
    public SealedSecret Seal(string place, string secret)
    {
        var dataKey = RandomNumberGenerator.GetBytes(32);
        var sealedSecret = new SealedSecret(Encrypt(dataKey, Encoding.UTF8.GetBytes(secret), place), Encrypt(keys[newest], dataKey, place), newest);
        CryptographicOperations.ZeroMemory(dataKey);
        return sealedSecret;
    }

    public string Open(string place, SealedSecret secret)
    {
        if (!keys.TryGetValue(secret.KeyVersion, out var key))
            throw new CryptographicException($"Key-encryption key '{secret.KeyVersion}' is not in the key file.");
        return Encoding.UTF8.GetString(Decrypt(Decrypt(key, secret.WrappedKey, place), secret.Ciphertext, place));
    }

    /// <summary>A key of 32 bytes for one purpose from each key-encryption key (HKDF-SHA-256), the one to use first: the same in every process that has the key file.</summary>
    public IReadOnlyList<(string Version, byte[] Key)> Derive(string purpose) =>
        [.. keys.OrderByDescending(key => key.Key == newest).Select(key => (key.Key, HKDF.DeriveKey(HashAlgorithmName.SHA256, key.Value, 32, salt: null, Encoding.UTF8.GetBytes(purpose))))];

    private static byte[] Encrypt(byte[] key, byte[] plain, string place)
    {
        var box = new byte[NonceSize + TagSize + plain.Length];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceSize));
        using var aes = new AesGcm(key, TagSize);
        aes.Encrypt(box.AsSpan(0, NonceSize), plain, box.AsSpan(NonceSize + TagSize), box.AsSpan(NonceSize, TagSize), Encoding.UTF8.GetBytes(place));
        return box;
    }

    private static byte[] Decrypt(byte[] key, byte[] box, string place)
    {
        var plain = new byte[box.Length - NonceSize - TagSize];
        using var aes = new AesGcm(key, TagSize);
        aes.Decrypt(box.AsSpan(0, NonceSize), box.AsSpan(NonceSize + TagSize), box.AsSpan(NonceSize, TagSize), plain, Encoding.UTF8.GetBytes(place));
        return plain;
    }
}
