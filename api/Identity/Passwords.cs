using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace ControlPlane.Api.Identity;

/// <summary>Hashes what people choose: PBKDF2 with HMAC-SHA-512, as many rounds as OWASP asks for.</summary>
internal static class Passwords
{
    public const int Shortest = 8;
    public const int Longest = 256;

    private static readonly object Nobody = new();

    private const int Rounds = 210_000;

    private static readonly PasswordHasher<object> Hasher = new(Options.Create(new PasswordHasherOptions { IterationCount = Rounds }));

    /// <summary>What a guess at somebody who does not exist, or has no password, is compared with.</summary>
    private static readonly string Decoy = MakeDecoy();

    public static string Hash(string password) => Hasher.HashPassword(Nobody, password);

    /// <summary>Takes the same time whether there is a hash or not.</summary>
    public static bool Verify(string? hash, string password) =>
        Hasher.VerifyHashedPassword(Nobody, hash ?? Decoy, password) is not PasswordVerificationResult.Failed && hash is not null;

    /// <summary>A hash of nothing, in the hasher's format 3: marker, function (2 is HMAC-SHA-512), rounds, length of the salt, salt, 32 bytes of hash.</summary>
    private static string MakeDecoy()
    {
        var hash = RandomNumberGenerator.GetBytes(1 + 4 + 4 + 4 + 16 + 32);
        hash[0] = 1;
        BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(1), 2);
        BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(5), Rounds);
        BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(9), 16);
        return Convert.ToBase64String(hash);
    }
}
